package relay

import (
	"bytes"
	"encoding/binary"
	"strings"

	"holdfast/internal/pgwire"
)

// Setting returns the statement that made a setting which servers do not report, "" when it is not made.
func (c *Client) Setting(name string) string { return c.settings.named(name).Set }

// Replaces reports whether the message at the beginning of in, from a client without a server, only makes or undoes settings, that one
// among them, and lets go of things: what it was set to says nothing about where such a text is to run. A message that is not there whole
// is none.
func (c *Client) Replaces(in []byte, name string) bool {
	if len(in) < 5 {
		return false
	}
	size := uint64(binary.BigEndian.Uint32(in[1:])) + 1
	if size < 5 || size > uint64(len(in)) {
		return false
	}
	var text []byte
	switch body := in[5:size]; pgwire.FrontendType(in[0]) { //nolint:exhaustive // others have no text
	case pgwire.Query:
		text, _ = pgwire.ParseQuery(body) // what is no message has no text
	case pgwire.Parse:
		p, _ := pgwire.ParseParse(body)
		text = p.Query
	case pgwire.Bind:
		_, statement, _, _ := pgwire.ParseBind(body)
		if o, ok := c.names[string(statement)]; ok && len(statement) > 0 {
			text = o.stmt.Text()
		}
	}
	return replaces(string(text), name)
}

// replaces judges a text. Like parseSets it knows the texts with which drivers' pools clean a session.
func replaces(sql, name string) (found bool) {
	if len(sql) > maxText || strings.ContainsAny(sql, "\\$") {
		return false
	}
	for sql = trimEnd(sql); sql != ""; {
		var statement string
		statement, sql = cutStatement(sql)
		statement = strings.TrimSpace(statement)
		switch verb, rest := cutWord(statement); verb {
		case "set", "reset":
			a, ok := parseSet(statement)
			if !ok {
				return false
			}
			found = found || a != nil && !a.local && (a.All || a.Name == name)
		case "discard":
			found = found || strings.EqualFold(rest, "all")
		case "", "close", "unlisten", "deallocate":
		default:
			if !strings.EqualFold(statement, "SELECT pg_advisory_unlock_all()") {
				return false
			}
		}
	}
	return found
}

// reads reports whether a command tag is that of a command which only reads, or only concerns the session.
func reads(tag []byte) bool {
	switch string(tag) {
	case "COMMIT PREPARED", "PREPARE TRANSACTION":
		return false
	}
	word, _, _ := bytes.Cut(tag, []byte{' '})
	switch string(word) {
	case "SELECT", "SHOW", "SET", "RESET", "BEGIN", "COMMIT", "ROLLBACK", "START", "FETCH", "MOVE", "CLOSE", "DECLARE", "DISCARD",
		"DEALLOCATE", "LISTEN", "UNLISTEN", "SAVEPOINT", "RELEASE", "EXPLAIN", "PREPARE":
		return true
	}
	return false
}

// reshapes reports whether a command tag is that of a command which may change the result of statements that stand.
func reshapes(tag []byte) bool {
	return bytes.HasPrefix(tag, []byte("ALTER ")) || bytes.HasPrefix(tag, []byte("DROP ")) || string(tag) == "CREATE VIEW"
}
