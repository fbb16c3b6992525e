package assets

import (
	"strings"
	"unicode/utf8"
)

// ident reads an identifier and returns it without escapes.
func (s *cssScanner) ident() string {
	start := s.pos
	for s.pos < len(s.text) && isIdentByte(s.text[s.pos]) {
		s.pos++
	}
	if s.pos >= len(s.text) || s.text[s.pos] != '\\' {
		return s.text[start:s.pos]
	}
	var b strings.Builder
	b.WriteString(s.text[start:s.pos])
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case isIdentByte(c):
			b.WriteByte(c)
			s.pos++
		case c == '\\' && s.pos+1 < len(s.text) && !isCSSNewline(s.text[s.pos+1]):
			b.WriteRune(s.escape())
		default:
			return b.String()
		}
	}
	return b.String()
}

// escape reads a backslash with up to six hexadecimal digits and a space, or with any other character (section 4.3.7).
func (s *cssScanner) escape() rune {
	s.pos++ // the backslash
	n, value := 0, rune(0)
	for n < 6 && s.pos < len(s.text) {
		d, ok := hexDigit(s.text[s.pos])
		if !ok {
			break
		}
		value = value<<4 | rune(d)
		s.pos++
		n++
	}
	if n == 0 {
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		s.pos += size
		return r
	}
	if s.pos < len(s.text) && isCSSSpace(s.text[s.pos]) {
		if s.text[s.pos] == '\r' && s.pos+1 < len(s.text) && s.text[s.pos+1] == '\n' {
			s.pos++
		}
		s.pos++
	}
	if value == 0 || !utf8.ValidRune(value) {
		return utf8.RuneError
	}
	return value
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// isIdentStart reports whether an identifier begins at i. Numbers with units are read as identifiers from their unit on,
// which harms nobody here.
func isIdentStart(text string, i int) bool {
	c := text[i]
	if c == '\\' {
		return i+1 < len(text) && !isCSSNewline(text[i+1])
	}
	return isIdentByte(c)
}

func isIdentByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c >= 0x80
}

func isCSSNewline(c byte) bool { return c == '\n' || c == '\r' || c == '\f' }

func isCSSSpace(c byte) bool { return c == ' ' || c == '\t' || isCSSNewline(c) }
