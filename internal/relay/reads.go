package relay

import "bytes"

// Setting returns the statement that made a setting which servers do not report, "" when it is not made.
func (c *Client) Setting(name string) string { return c.settings.named(name).Set }

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
