package relay

import "strings"

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
// statements in one text, or what means something else under other settings. A SET TRANSACTION or SET CONSTRAINTS gives no
// assignment: it ends with the transaction.
func parseSet(sql string) (*Assignment, bool) {
	sql = trimEnd(strings.TrimLeft(sql, space))
	if strings.ContainsAny(sql, ";\x00\\$") || strings.Contains(sql, "--") || strings.Contains(sql, "/*") || !isASCII(sql) {
		return nil, false
	}
	verb, rest := cutWord(sql)
	switch verb {
	case "reset":
		return parseReset(rest)
	case "set":
	default:
		return nil, false
	}
	name, tail := cutWord(rest)
	switch name {
	case "transaction", "constraints":
		return nil, true
	case "local":
		return parseSetLocal(tail)
	case "session":
		return parseSetSession(sql, tail)
	}
	return assignment(name, tail, sql)
}

const space = " \t\n\r\f\v"

// trimEnd removes what may follow a statement.
func trimEnd(sql string) string { return strings.TrimRight(sql, ";\x00"+space) }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// parseSetLocal reads what follows SET LOCAL.
func parseSetLocal(tail string) (*Assignment, bool) {
	name, rest := cutWord(tail)
	if word, _ := cutWord(rest); name == "session" && word == "authorization" {
		name = "session authorization"
	}
	return &Assignment{Name: canonical(name), local: true}, true
}

// parseSetSession reads what follows SET SESSION.
func parseSetSession(sql, tail string) (*Assignment, bool) {
	name, rest := cutWord(tail)
	switch name {
	case "authorization":
		a := &Assignment{Name: "session authorization"}
		if value, _ := cutWord(rest); value != "default" {
			a.Set, a.Undo = sql, "RESET SESSION AUTHORIZATION"
		}
		return a, true
	case "characteristics":
		return characteristics(sql, strings.ToLower(rest))
	}
	return assignment(name, rest, sql)
}

// characteristics reads what follows SET SESSION CHARACTERISTICS, if it is one mode: each is a parameter.
func characteristics(sql, rest string) (*Assignment, bool) {
	name := ""
	switch strings.Join(strings.Fields(rest), " ") {
	case "as transaction isolation level serializable", "as transaction isolation level repeatable read",
		"as transaction isolation level read committed", "as transaction isolation level read uncommitted":
		name = "default_transaction_isolation"
	case "as transaction read only", "as transaction read write":
		name = "default_transaction_read_only"
	case "as transaction deferrable", "as transaction not deferrable":
		name = "default_transaction_deferrable"
	default:
		return nil, false
	}
	return &Assignment{Name: name, Set: sql, Undo: "RESET " + name}, true
}

// assignment reads the name of a parameter and what follows it.
func assignment(name, tail, sql string) (*Assignment, bool) {
	undo, special := undoSpecial[name]
	switch {
	case name == "time":
		word, value := cutWord(tail)
		if word != "zone" {
			return nil, false
		}
		tail = value
	case special:
	default:
		undo = "RESET " + name
		to, value := cutWord(tail)
		if to != "to" {
			if !strings.HasPrefix(tail, "=") {
				return nil, false
			}
			value = strings.TrimLeft(tail[1:], space)
		}
		tail = value
	}
	if name == "" || strings.Contains(name, `"`) || undo == "" {
		return nil, false
	}
	a := &Assignment{Name: canonical(name)}
	if word, rest := cutWord(tail); rest != "" || word != "default" && !(name == "time" && word == "local") {
		a.Set, a.Undo = sql, undo
	}
	return a, true
}

// parseReset reads what follows RESET.
func parseReset(rest string) (*Assignment, bool) {
	name, tail := cutWord(rest)
	switch {
	case name == "all" && tail == "":
		return &Assignment{All: true}, true
	case name == "session":
		return &Assignment{Name: "session authorization"}, tail != ""
	case name == "" || strings.Contains(name, `"`):
		return nil, false
	}
	return &Assignment{Name: canonical(name)}, true
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
	return strings.ToLower(s[:end]), strings.TrimLeft(s[end:], space)
}
