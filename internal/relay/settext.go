package relay

import "strings"

// parseSets understands a text of several statements, as drivers send when they connect and when their own pool takes a connection
// back: each SET and RESET in it has to be one that can be followed. The assignments are linked in the order of the text, and there is
// one for each SET and RESET; all reports a RESET ALL.
func parseSets(sql string) (first *Assignment, all, ok bool) {
	if len(sql) > maxText || strings.ContainsAny(sql, "\\$") || strings.Contains(sql, "--") || strings.Contains(sql, "/*") || !isASCII(sql) {
		return nil, false, false
	}
	last := &first
	for sql = trimEnd(sql); sql != ""; {
		var statement string
		statement, sql = cutStatement(sql)
		switch verb, _ := cutWord(strings.TrimLeft(statement, space)); verb {
		case "set", "reset":
		case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "prepare":
			return nil, false, false // what was set ends somewhere inside the text
		default:
			continue
		}
		a, followed := parseSet(statement)
		if !followed {
			return nil, false, false
		}
		if a == nil {
			a = &Assignment{Name: "transaction", local: true} // it ends with the transaction, and is told as SET, too
		}
		all = all || a.All
		*last, last = a, &a.next
	}
	return first, all, first != nil
}

// cutStatement returns what stands before the first semicolon outside strings and quoted names, and what follows it.
func cutStatement(sql string) (statement, rest string) {
	quote := byte(0)
	for i := range len(sql) {
		switch c := sql[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';':
			return sql[:i], sql[i+1:]
		}
	}
	return sql, ""
}

// tells reports whether each set_config in a text names, by a plain constant, a setting that follows its client because the server
// reports it: such a one pins nobody. Django makes a session's time zone in this way.
func (p *Params) tells(sql string) bool {
	const function = "set_config"
	if len(sql) > maxText {
		return false
	}
	for sql = strings.ToLower(sql); ; {
		_, after, found := strings.Cut(sql, function)
		if !found {
			return true
		}
		sql = after
		name, opened := strings.CutPrefix(strings.TrimLeft(after, space), "(")
		name, quoted := strings.CutPrefix(strings.TrimLeft(name, space), "'")
		name, after, closed := strings.Cut(name, "'")
		if !opened || !quoted || !closed || !strings.HasPrefix(strings.TrimLeft(after, space), ",") || !p.carries(name) {
			return false
		}
	}
}

// carries reports whether a parameter is reported, and carried from server to server, whatever the case of its name.
func (p *Params) carries(name string) bool {
	for _, f := range follows {
		if strings.EqualFold(f, name) {
			return p.Reports(name)
		}
	}
	return false
}
