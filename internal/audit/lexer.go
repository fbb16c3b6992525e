package audit

import "bytes"

// kind is the sort of a token.
type kind uint8

const (
	end     kind = iota // of the text
	word                // keyword or name without quotes
	name                // name in quotes
	literal             // string, number, or parameter such as $1
	symbol              // one byte: an operator's, a bracket, a comma, a semicolon
)

// lexer cuts SQL into tokens (PostgreSQL manual, chapter "Lexical Structure"). It takes any bytes: what is not closed
// ends with the text. Backslashes are escapes in E'…' only, as with standard_conforming_strings on.
type lexer struct {
	src []byte
	pos int
}

// next returns the kind and the bytes of the next token, quotes and prefixes included.
func (l *lexer) next() (kind, []byte) {
	l.skipSpace()
	start := l.pos
	if start == len(l.src) {
		return end, nil
	}
	k := l.scan(l.src[start])
	return k, l.src[start:l.pos]
}

// peek returns the byte at a distance, 0 behind the end.
func (l *lexer) peek(ahead int) byte {
	if l.pos+ahead < len(l.src) {
		return l.src[l.pos+ahead]
	}
	return 0
}

// scan moves behind the token that begins with c.
func (l *lexer) scan(c byte) kind {
	switch {
	case isLetter(c):
		return l.scanWord()
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		l.scanNumber()
		return literal
	case c == '\'':
		l.scanQuoted('\'', false)
		return literal
	case c == '"':
		l.scanQuoted('"', false)
		return name
	case c == '$':
		return l.scanDollar()
	}
	l.pos++
	return symbol
}

// scanWord moves behind a name or keyword, or behind the string that a single letter announces: E'…', B'…', X'…', N'…',
// U&'…'.
func (l *lexer) scanWord() kind {
	start, src := l.pos, l.src
	i := start + 1
	for i < len(src) && isNamePart(src[i]) {
		i++
	}
	l.pos = i
	if i-start != 1 {
		return word
	}
	switch c := l.src[start] | 0x20; {
	case c == 'u' && l.peek(0) == '&' && l.peek(1) == '\'':
		l.pos++
		l.scanQuoted('\'', false)
		return literal
	case c == 'u' && l.peek(0) == '&' && l.peek(1) == '"':
		l.pos++
		l.scanQuoted('"', false)
		return name
	case l.peek(0) == '\'' && (c == 'e' || c == 'b' || c == 'x' || c == 'n'):
		l.scanQuoted('\'', c == 'e')
		return literal
	}
	return word
}

// scanQuoted moves behind a text in quotes; a doubled quote stands for one.
func (l *lexer) scanQuoted(quote byte, backslash bool) {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\\' && backslash:
			l.pos++
		case c == quote && l.peek(1) == quote:
			l.pos++
		case c == quote:
			l.pos++
			return
		}
	}
	l.pos = len(l.src)
}

// scanNumber moves behind a number: 42, 3.14, 1e-10, 0x1F, 1_000.
func (l *lexer) scanNumber() {
	hex := l.peek(0) == '0' && l.peek(1)|0x20 == 'x'
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		sign := !hex && c|0x20 == 'e' && (l.peek(1) == '+' || l.peek(1) == '-') && isDigit(l.peek(2))
		switch {
		case sign:
			l.pos += 2
		case isNamePart(c) && c != '$', c == '.':
			l.pos++
		default:
			return
		}
	}
}

// scanDollar moves behind a parameter ($1), a text in dollars ($$…$$, $tag$…$tag$), or a lone dollar.
func (l *lexer) scanDollar() kind {
	i := l.pos + 1
	if isDigit(l.peek(1)) {
		for i < len(l.src) && isDigit(l.src[i]) {
			i++
		}
		l.pos = i
		return literal
	}
	if !isDigit(l.peek(1)) {
		for i < len(l.src) && isNamePart(l.src[i]) && l.src[i] != '$' {
			i++
		}
	}
	if i == len(l.src) || l.src[i] != '$' {
		l.pos++
		return symbol
	}
	tag := l.src[l.pos : i+1]
	if n := bytes.Index(l.src[i+1:], tag); n >= 0 {
		l.pos = i + 1 + n + len(tag)
	} else {
		l.pos = len(l.src)
	}
	return literal
}

// skipSpace moves behind white space and comments.
func (l *lexer) skipSpace() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '-' && l.peek(1) == '-':
			l.skipLine()
		case c == '/' && l.peek(1) == '*':
			l.skipComment()
		default:
			return
		}
	}
}

func (l *lexer) skipLine() {
	if n := bytes.IndexAny(l.src[l.pos:], "\r\n"); n >= 0 {
		l.pos += n
		return
	}
	l.pos = len(l.src)
}

// skipComment moves behind a comment in /* … */, which may hold others.
func (l *lexer) skipComment() {
	depth := 0
	for l.pos < len(l.src) {
		switch {
		case l.src[l.pos] == '/' && l.peek(1) == '*':
			depth++
			l.pos += 2
		case l.src[l.pos] == '*' && l.peek(1) == '/':
			depth--
			l.pos += 2
			if depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
}

// Sorts of bytes, bits of the table.
const (
	space  = 1 << iota
	digit  // 0-9
	letter // what a name may begin with
	dollar // what a name may go on with, besides
)

// bytesOf says what sort each byte is.
var bytesOf = sortBytes()

func sortBytes() (table [256]uint8) {
	for i := range table {
		switch c := byte(i); {
		case c == ' ' || c >= '\t' && c <= '\r':
			table[i] = space
		case c >= '0' && c <= '9':
			table[i] = digit
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80:
			table[i] = letter
		case c == '$':
			table[i] = dollar
		}
	}
	return table
}

func isSpace(c byte) bool    { return bytesOf[c]&space != 0 }
func isDigit(c byte) bool    { return bytesOf[c]&digit != 0 }
func isLetter(c byte) bool   { return bytesOf[c]&letter != 0 }
func isNamePart(c byte) bool { return bytesOf[c]&(letter|digit|dollar) != 0 }
