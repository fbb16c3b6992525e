package assets

import "strings"

// word reads an identifier, keyword or number, and what it introduces.
func (s *jsScanner) word() {
	start := s.pos
	for s.pos < len(s.text) && isWordByte(s.text[s.pos]) {
		s.pos++
	}
	if digit := s.text[start]; '0' <= digit && digit <= '9' {
		s.fraction()
		s.prev = token{value: true}
		return
	}
	word, before := s.text[start:s.pos], s.prev
	if before.op == '.' { // a property may have any name
		s.prev = token{value: true}
		return
	}
	s.prev = token{word: word, value: !beforeValue(word)}
	switch {
	case word == "import":
		s.afterImport()
	case word == "export":
		next := s.peek()
		s.clause = next == '{' || next == '*'
	case word == "from" && s.clause:
		s.specifier()
	case word == "URL" && before.word == "new":
		s.urlObject()
	}
}

// fraction reads the rest of a number after its first point, as in 1.5e3.
func (s *jsScanner) fraction() {
	for s.pos < len(s.text) && (s.text[s.pos] == '.' || isWordByte(s.text[s.pos])) {
		s.pos++
	}
}

func isWordByte(c byte) bool { return isIdentByte(c) && c != '-' || c == '$' || c == '\\' }

// beforeValue reports whether a value follows the keyword, so that a slash after it begins a regular expression.
func beforeValue(word string) bool {
	switch word {
	case "return", "typeof", "case", "do", "else", "in", "of", "instanceof", "new", "void", "delete", "throw", "yield",
		"await", "default", "extends":
		return true
	}
	return false
}

// peek returns the next character that is neither space nor comment, 0 at the end, and goes there.
func (s *jsScanner) peek() byte {
	for s.pos < len(s.text) && !s.broken {
		c := s.text[s.pos]
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' && !s.comment() {
			return c
		}
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			s.pos++
		}
	}
	return 0
}

// afterImport reads what follows the keyword: a specifier, a call, import.meta, or a clause that ends with "from".
func (s *jsScanner) afterImport() {
	switch c := s.peek(); {
	case c == '"' || c == '\'':
		s.specifier()
	case c == '(':
		s.opened('(')
		s.literalArgument(module, func(next byte) bool { return next == ')' || next == ',' })
	case c == '{' || c == '*' || isWordByte(c):
		s.clause = true
	}
}

// specifier reads the string of a module, if one stands here.
func (s *jsScanner) specifier() {
	if c := s.peek(); c != '"' && c != '\'' {
		return
	}
	start := s.pos
	if value, plain := s.str(); plain {
		s.refs = append(s.refs, reference{start, s.pos, value, s.text[start], module})
	}
	s.prev, s.clause = token{value: true}, false
}

// literalArgument reads the first argument of a call, if it is a literal and what follows it is right.
func (s *jsScanner) literalArgument(k kind, right func(next byte) bool) {
	quote := s.peek()
	if quote != '"' && quote != '\'' && quote != '`' {
		return
	}
	start := s.pos
	value, plain := "", false
	if quote == '`' {
		end := strings.IndexAny(s.text[start+1:], "`\\$")
		if end < 0 || s.text[start+1+end] != '`' {
			return // the scanner reads it as the template that it is
		}
		value, plain = s.text[start+1:start+1+end], true
		s.pos = start + end + 2
	} else {
		value, plain = s.str()
	}
	end := s.pos
	s.prev = token{value: true}
	if right(s.peek()) && plain {
		s.refs = append(s.refs, reference{start, end, value, quote, k})
	}
}

// urlObject reads the literal of new URL("x", import.meta.url).
func (s *jsScanner) urlObject() {
	if s.peek() != '(' {
		return
	}
	s.opened('(')
	s.literalArgument(urlObject, func(next byte) bool {
		if next != ',' {
			return false
		}
		rest := strings.TrimLeft(s.text[s.pos+1:], " \t\r\n")
		return strings.HasPrefix(rest, "import.meta.url")
	})
}
