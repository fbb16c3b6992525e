package assets

import "strings"

// jsScanner reads a script by the tokens of ECMAScript (ECMA-262 section 12), to know strings, comments, templates and
// regular expressions from one another. What a slash means depends on what stands before it; see slash.
type jsScanner struct {
	text   string
	pos    int
	prev   token
	open   []bracket // what is open, the innermost last
	refs   []reference
	clause bool // within "import … from" or "export … from"
	broken bool
}

// token is as much of the last token as decides what may follow.
type token struct {
	word  string // an identifier or keyword
	value bool   // it ends a value: a slash after it divides
	op    byte   // the last character of anything else
	arrow bool   // it is =>
}

// bracket is an opened (, [, { or ${.
type bracket struct {
	char  byte // '$' for ${
	value bool // what its end is: a value, or the end of a statement's part, after which a value begins
}

// jsReferences finds the literal specifiers of import, export … from and import(), the literals in
// new URL(…, import.meta.url), and the comment that names a source map. It fails for what is no whole script.
func jsReferences(text string) ([]reference, error) {
	s := jsScanner{text: text}
	if strings.HasPrefix(text, "#!") {
		s.line()
	}
	for s.pos < len(text) && !s.broken {
		s.token()
	}
	if s.broken || len(s.open) > 0 {
		return nil, errUnfinished
	}
	return s.refs, nil
}

func (s *jsScanner) token() {
	c := s.text[s.pos]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.pos++
	case s.comment():
	case c == '"' || c == '\'':
		s.str()
		s.prev = token{value: true}
	case c == '`':
		s.pos++
		s.template()
	case c == '/':
		s.slash()
	case isIdentByte(c) && c != '-' || c == '$' || c == '\\':
		s.word()
	case c == '(' || c == '[' || c == '{':
		s.opened(c)
	case c == ')' || c == ']' || c == '}':
		s.closed(c)
	default:
		s.operator(c)
	}
}

// comment skips a comment, if one is here, and notes the source map that it may name.
func (s *jsScanner) comment() bool {
	rest := s.text[s.pos:]
	start := s.pos + 2
	switch {
	case strings.HasPrefix(rest, "//"):
		s.line()
		s.noteMap(start, s.pos)
	case strings.HasPrefix(rest, "/*"):
		n := strings.Index(rest[2:], "*/")
		if n < 0 {
			s.broken = true
			return true
		}
		s.pos += n + 4
		s.noteMap(start, s.pos-2)
	default:
		return false
	}
	return true
}

func (s *jsScanner) noteMap(start, end int) {
	if r, ok := sourceMap(s.text, start, end); ok {
		s.refs = append(s.refs, r)
	}
}

func (s *jsScanner) line() {
	for s.pos < len(s.text) && s.text[s.pos] != '\n' && s.text[s.pos] != '\r' {
		s.pos++
	}
}

// str reads a string and returns what stands in it. plain is false for one with escapes: nobody writes a path so.
func (s *jsScanner) str() (value string, plain bool) {
	quote, start := s.text[s.pos], s.pos+1
	plain = true
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case quote:
			s.pos++
			return s.text[start : s.pos-1], plain
		case '\\':
			plain = false
			s.pos++
			if strings.HasPrefix(s.text[min(s.pos, len(s.text)):], "\r\n") {
				s.pos++
			}
		case '\n', '\r':
			s.broken = true
			return "", false
		}
	}
	s.broken = true
	return "", false
}

// template reads a template to its end or to the next ${.
func (s *jsScanner) template() {
	for ; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '`':
			s.pos++
			s.prev = token{value: true}
			return
		case '\\':
			s.pos++
		case '$':
			if strings.HasPrefix(s.text[s.pos:], "${") {
				s.open = append(s.open, bracket{char: '$', value: true})
				s.pos += 2
				s.prev = token{op: '{'}
				return
			}
		}
	}
	s.broken = true
}

// slash reads a regular expression, or a division. What looks like an expression but does not end in its line is a
// division after all.
func (s *jsScanner) slash() {
	if !s.prev.value {
		if end := s.regexpEnd(); end > 0 {
			s.pos = end
			s.prev = token{value: true}
			return
		}
	}
	s.operator('/')
}

// longestRegexp bounds, in bytes, how far a slash is looked after: a script of one line may be full of them.
const longestRegexp = 64 << 10

func (s *jsScanner) regexpEnd() int {
	class := false
	for i := s.pos + 1; i < min(len(s.text), s.pos+longestRegexp); i++ {
		switch c := s.text[i]; {
		case c == '\n' || c == '\r':
			return 0
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			for i++; i < len(s.text) && isIdentByte(s.text[i]) && s.text[i] != '-'; i++ {
			}
			return i
		}
	}
	return 0
}

func (s *jsScanner) opened(c byte) {
	b := bracket{char: c, value: true}
	switch p := s.prev; c {
	case '(':
		switch p.word {
		case "if", "while", "for", "with":
			b.value = false
		}
	case '{':
		// After an operator or "return" stands an object, else a block. A colon may be a label's, but a slash right after
		// the block of a label is not worth a thought.
		operator := p.op != 0 && p.op != ')' && p.op != ';' && p.op != '{' && p.op != '}' && !p.arrow
		b.value = operator || beforeValue(p.word) && p.word != "do" && p.word != "else"
	}
	s.open = append(s.open, b)
	s.pos++
	s.prev = token{op: c}
	s.clause = s.clause && c == '{'
}

func (s *jsScanner) closed(c byte) {
	s.pos++
	b := bracket{value: true}
	if n := len(s.open); n > 0 {
		b, s.open = s.open[n-1], s.open[:n-1]
	}
	if b.char == '$' && c == '}' {
		s.template()
		return
	}
	s.prev = token{op: c, value: b.value}
	s.clause = s.clause && c == '}'
}

func (s *jsScanner) operator(c byte) {
	twice := (c == '+' || c == '-') && s.pos+1 < len(s.text) && s.text[s.pos+1] == c
	arrow := c == '=' && strings.HasPrefix(s.text[s.pos:], "=>")
	s.pos++
	if twice || arrow {
		s.pos++
	}
	s.clause = s.clause && (c == ',' || c == '*')
	if twice && s.prev.value {
		return // a++ is a value as a is
	}
	s.prev = token{op: c, arrow: arrow}
}
