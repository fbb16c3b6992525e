package relay

import (
	"hash/fnv"
	"slices"
	"strings"
)

// Assignment is a setting of a session that the server does not report: how to make it, and how to undo it.
type Assignment struct {
	Name string // in lower case; empty when there is none
	Set  string // the statement that makes it; empty undoes it
	Undo string // the statement that undoes it
	All  bool   // RESET ALL: undoes all
}

// Settings are a client's assignments in the order in which they were made, one for each name. They are immutable; nil has none.
type Settings struct {
	list []Assignment
	hash uint64
}

// Settings with one more assignment made or undone.
func (s *Settings) with(a Assignment) *Settings {
	list := slices.Clone(s.all())
	list = slices.DeleteFunc(list, func(b Assignment) bool {
		return b.Name == a.Name || a.All && b.Name != "role" && b.Name != "session authorization"
	})
	if a.Set != "" {
		list = append(list, a)
	}
	return newSettings(list)
}

func newSettings(list []Assignment) *Settings {
	if len(list) == 0 {
		return nil
	}
	h := fnv.New64a()
	for _, a := range list {
		_, _ = h.Write([]byte(a.Set))
		_, _ = h.Write([]byte{0})
	}
	return &Settings{list: list, hash: h.Sum64()}
}

// named returns the assignment of a name, and one that undoes it when there is none.
func (s *Settings) named(name string) Assignment {
	for _, a := range s.all() {
		if a.Name == name {
			return a
		}
	}
	return Assignment{Name: name}
}

// fingerprint tells different settings apart.
func (s *Settings) fingerprint() uint64 {
	if s == nil {
		return 0
	}
	return s.hash
}

func (s *Settings) equal(o *Settings) bool {
	return s == o || s != nil && o != nil && s.hash == o.hash && slices.Equal(s.list, o.list)
}

func (s *Settings) all() []Assignment {
	if s == nil {
		return nil
	}
	return s.list
}

// FromParam returns the assignment of a start-up parameter, whose value is written as in postgresql.conf.
func FromParam(name, value string) Assignment {
	name = strings.ToLower(name)
	return Assignment{Name: name, Set: setConfig(name, value), Undo: "RESET " + quoteName(name)}
}

func setConfig(name, value string) string {
	return "SELECT pg_catalog.set_config(" + quoteText(name) + ", " + quoteText(value) + ", false)"
}

// quoteText makes a string constant that means the same whatever standard_conforming_strings is.
func quoteText(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(q, `\`) {
		return " E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// quoteName quotes the parts of a parameter's name.
func quoteName(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}

// undoSpecial are settings whose SET has a grammar of its own.
var undoSpecial = map[string]string{ //nolint:gochecknoglobals // a table
	"role":    "RESET ROLE",
	"session": "",
	"time":    "RESET TIME ZONE",
	"names":   "RESET client_encoding",
	"schema":  "RESET search_path",
	"seed":    "",
	"xml":     "RESET xmloption",
}

// parseSet understands one SET or RESET (PostgreSQL manual, "SET"). It reports false for what cannot be followed, as several
// statements in one text. A SET LOCAL, SET TRANSACTION or SET CONSTRAINTS gives an empty assignment: it ends with the transaction.
func parseSet(sql string) (Assignment, bool) {
	sql = strings.TrimSpace(strings.TrimRight(strings.TrimSpace(sql), "; \n\t\r"))
	if strings.ContainsAny(sql, ";\x00") || strings.Contains(sql, "--") || strings.Contains(sql, "/*") {
		return Assignment{}, false
	}
	verb, rest := cutWord(sql)
	if verb == "reset" {
		return parseReset(rest)
	}
	name, tail := cutWord(rest)
	switch name {
	case "local", "transaction", "constraints":
		return Assignment{}, verb == "set"
	case "session":
		return parseSetSession(sql, tail)
	}
	if verb != "set" || name == "" {
		return Assignment{}, false
	}
	return assignment(name, tail, sql)
}

// parseSetSession reads what follows SET SESSION.
func parseSetSession(sql, tail string) (Assignment, bool) {
	name, rest := cutWord(tail)
	switch name {
	case "authorization":
		return Assignment{Name: "session authorization", Set: sql, Undo: "RESET SESSION AUTHORIZATION"}, true
	case "characteristics":
		return Assignment{
			Name: "session characteristics", Set: sql,
			Undo: "RESET default_transaction_isolation; RESET default_transaction_read_only; RESET default_transaction_deferrable",
		}, true
	}
	return assignment(name, rest, sql)
}

func assignment(name, tail, sql string) (Assignment, bool) {
	undo, special := undoSpecial[name]
	if !special {
		undo = "RESET " + name
		if to, _ := cutWord(tail); to != "to" && !strings.HasPrefix(tail, "=") {
			return Assignment{}, false
		}
	}
	if strings.HasPrefix(name, `"`) || undo == "" {
		return Assignment{}, false
	}
	return Assignment{Name: canonical(name), Set: sql, Undo: undo}, true
}

func parseReset(rest string) (Assignment, bool) {
	name, tail := cutWord(rest)
	switch {
	case name == "all" && tail == "":
		return Assignment{All: true}, true
	case name == "session":
		return Assignment{Name: "session authorization"}, tail != ""
	case name == "" || strings.HasPrefix(name, `"`):
		return Assignment{}, false
	}
	return Assignment{Name: canonical(name)}, true
}

// canonical returns the parameter behind a word of the grammar.
func canonical(name string) string {
	switch name {
	case "time":
		return "timezone"
	case "names":
		return "client_encoding"
	case "schema":
		return "search_path"
	case "xml":
		return "xmloption"
	}
	return name
}

// cutWord returns the first word in lower case, and what follows it and its spaces.
func cutWord(s string) (word, rest string) {
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && r != '_' && r != '"' && r < 0x80 && !isWord(byte(r)) })
	if end < 0 {
		end = len(s)
	}
	return strings.ToLower(s[:end]), strings.TrimLeft(s[end:], " \t\n\r")
}
