package assets

import (
	"errors"
	"strings"
)

// reference is a place in a file that names another one.
type reference struct {
	start, end int    // the bytes to replace, quotes included
	target     string // what is named, without escapes
	quote      byte   // around it; 0 for none
	kind       kind
}

// kind is what a reference is to whoever reads the file.
type kind uint8

const (
	plain     kind = iota // a URL: what has no path before it lies beside the file
	module                // a module specifier: what has neither slash nor "./" before it is a package
	urlObject             // the first argument of new URL(…, import.meta.url): it may be anything
)

var errUnfinished = errors.New("a string, comment, template or bracket is not closed")

// cssScanner reads a stylesheet by the tokens of CSS Syntax Level 3, section 4, as far as they decide where a URL stands.
type cssScanner struct {
	text     string
	pos      int
	refs     []reference
	atImport bool     // the next string is the URL of an @import
	skipURLs bool     // within @namespace, whose URL is a name
	calls    []string // the functions and blocks that are open
}

// cssReferences finds url(), src(), @import, strings in image-set() and the comment that names a source map.
func cssReferences(text string) []reference {
	s := cssScanner{text: text}
	for s.pos < len(text) {
		s.token()
	}
	return s.refs
}

func (s *cssScanner) token() {
	c := s.text[s.pos]
	switch {
	case strings.HasPrefix(s.text[s.pos:], "/*"):
		s.comment()
	case c == '"' || c == '\'':
		s.quoted()
	case c == '@':
		s.pos++
		name := strings.ToLower(s.ident())
		s.atImport, s.skipURLs = name == "import", name == "namespace"
	case c == '#':
		s.pos++
		s.ident()
	case isIdentStart(s.text, s.pos):
		s.word()
	case c == '(' || c == '[' || c == '{':
		s.calls = append(s.calls, "")
		s.pos++
		s.atImport = s.atImport && c == '('
	case c == ')' || c == ']' || c == '}':
		s.pos++
		if n := len(s.calls); n > 0 {
			s.calls = s.calls[:n-1]
		}
	default:
		if c == ';' {
			s.atImport, s.skipURLs = false, false
		}
		s.pos++
	}
}

func (s *cssScanner) comment() {
	end := strings.Index(s.text[s.pos+2:], "*/")
	if end < 0 {
		s.pos = len(s.text)
		return
	}
	end += s.pos + 2
	if r, ok := sourceMap(s.text, s.pos+2, end); ok {
		s.refs = append(s.refs, r)
	}
	s.pos = end + 2
}

// sourceMap reads "# sourceMappingURL=x" between start and end.
func sourceMap(text string, start, end int) (reference, bool) {
	body := text[start:end]
	if !strings.HasPrefix(body, "# ") && !strings.HasPrefix(body, "@ ") {
		return reference{}, false
	}
	const key = "sourceMappingURL="
	trimmed := strings.TrimLeft(body[2:], " \t")
	target, ok := strings.CutPrefix(trimmed, key)
	if !ok {
		return reference{}, false
	}
	at := start + len(body) - len(target)
	if n := strings.IndexAny(target, " \t\r\n\f'\""); n >= 0 {
		target = target[:n]
	}
	return reference{start: at, end: at + len(target), target: target}, target != ""
}

// quoted reads a string, which is a URL right after @import and within some functions.
func (s *cssScanner) quoted() {
	start := s.pos
	value, ok := s.str()
	if !ok || s.skipURLs {
		return
	}
	inside := ""
	if n := len(s.calls); n > 0 {
		inside = s.calls[n-1]
	}
	if s.atImport && inside == "" || inside == "url" || inside == "src" || inside == "image-set" || inside == "-webkit-image-set" {
		s.refs = append(s.refs, reference{start, s.pos, value, s.text[start], plain})
		s.atImport = false
	}
}

// str reads a string token. A newline ends a string that is broken; what follows is read as usual.
func (s *cssScanner) str() (value string, ok bool) {
	quote := s.text[s.pos]
	var b strings.Builder
	for s.pos++; s.pos < len(s.text); {
		switch c := s.text[s.pos]; {
		case c == quote:
			s.pos++
			return b.String(), true
		case isCSSNewline(c):
			return "", false
		case c == '\\':
			s.stringEscape(&b)
		default:
			b.WriteByte(c)
			s.pos++
		}
	}
	return "", false
}

func (s *cssScanner) stringEscape(b *strings.Builder) {
	switch next := s.pos + 1; {
	case next >= len(s.text):
		s.pos++
	case isCSSNewline(s.text[next]): // a continued line
		s.pos += 2
		if s.text[next] == '\r' && s.pos < len(s.text) && s.text[s.pos] == '\n' {
			s.pos++
		}
	default:
		b.WriteRune(s.escape())
	}
}

// word reads an identifier, or a function with the parenthesis that opens it.
func (s *cssScanner) word() {
	name := strings.ToLower(s.ident())
	if s.pos >= len(s.text) || s.text[s.pos] != '(' {
		return
	}
	s.pos++
	if name == "url" && s.rawURL() {
		return
	}
	s.calls = append(s.calls, name)
}

// rawURL reads url(x) to its end. It reports false, having read nothing, when a string stands there.
func (s *cssScanner) rawURL() bool {
	p := s.pos
	for p < len(s.text) && isCSSSpace(s.text[p]) {
		p++
	}
	if p < len(s.text) && (s.text[p] == '"' || s.text[p] == '\'') {
		return false
	}
	start, end, good := p, p, true // the content is text[start:end]
	var b strings.Builder
	for s.pos = p; s.pos < len(s.text) && s.text[s.pos] != ')'; {
		c := s.text[s.pos]
		if isCSSSpace(c) {
			s.pos++
			continue
		}
		good = good && s.pos == end // space is allowed at both ends only
		if c == '\\' && s.pos+1 < len(s.text) && !isCSSNewline(s.text[s.pos+1]) {
			b.WriteRune(s.escape())
			end = s.pos
			continue
		}
		if c == '"' || c == '\'' || c == '(' || c == '\\' || c < ' ' || c == 0x7f {
			good = false // a bad url: it reaches to the parenthesis and means nothing
		}
		b.WriteByte(c)
		s.pos++
		end = s.pos
	}
	s.pos = min(s.pos+1, len(s.text))
	if good && end > start && !s.skipURLs {
		s.refs = append(s.refs, reference{start, end, b.String(), 0, plain})
	}
	s.atImport = false
	return true
}
