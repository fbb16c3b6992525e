package console

import (
	"strings"
	"unicode/utf8"
)

// tokenKind is what a token is.
type tokenKind uint8

const (
	endToken    tokenKind = iota // nothing more
	wordToken                    // pause, 1abc: letters, digits, underscores, dollars
	quotedToken                  // "Data base": an identifier that keeps its letters
	stringToken                  // 'text'
	numberToken                  // 42, -1, 0.5
	paramToken                   // $1
	symbolToken                  // any other character
)

// token is one piece of a statement.
type token struct {
	kind tokenKind
	text string // without quotes
	at   int    // where it begins, in characters from 1
	from int    // where it begins and ends, in bytes
	to   int
}

// is reports whether the token is the keyword or the symbol, in any case.
func (t token) is(text string) bool {
	return (t.kind == wordToken || t.kind == symbolToken) && strings.EqualFold(t.text, text)
}

// lexer cuts a text into tokens. The rules are those of PostgreSQL's manual, section "Lexical Structure", as far as the
// console needs them: comments (nested ones too), quoted identifiers, strings, numbers and parameters.
type lexer struct {
	text string
	pos  int // bytes

	// The last place that characters was asked for, so that a text is counted once and not again for each token.
	counted, before int // bytes, and the characters in them
}

// tokens returns all tokens of a text; the last one is an endToken.
func tokens(text string) ([]token, error) {
	l := lexer{text: text}
	var out []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		if t.kind == endToken {
			return out, nil
		}
	}
}

func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	start := l.pos
	if start == len(l.text) {
		return l.token(endToken, start, ""), nil
	}
	switch c := l.text[start]; {
	case c == '"' || c == '\'':
		return l.quoted(c)
	case c == '$' && start+1 < len(l.text) && isDigit(l.text[start+1]):
		l.pos++
		l.while(isDigit)
		return l.token(paramToken, start, l.text[start+1:l.pos]), nil
	case isWord(c):
		l.while(isWord)
		return l.word(start), nil
	case c == '-' && start+1 < len(l.text) && isDigit(l.text[start+1]):
		l.pos++
		l.while(isNumeric)
		return l.token(numberToken, start, l.text[start:l.pos]), nil
	}
	_, size := utf8.DecodeRuneInString(l.text[start:])
	l.pos += size
	return l.token(symbolToken, start, l.text[start:l.pos]), nil
}

// word tells names from numbers: "42" and "0.5" are numbers, "42a" is a name, as databases may be called.
func (l *lexer) word(start int) token {
	if strings.IndexFunc(l.text[start:l.pos], func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return l.token(wordToken, start, l.text[start:l.pos])
	}
	if l.pos+1 < len(l.text) && l.text[l.pos] == '.' && isDigit(l.text[l.pos+1]) {
		l.pos++
		l.while(isDigit)
	}
	return l.token(numberToken, start, l.text[start:l.pos])
}

// quoted reads a string or a quoted identifier, in which the quote itself is written twice.
func (l *lexer) quoted(quote byte) (token, error) {
	start := l.pos
	var text strings.Builder
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch {
		case l.text[l.pos] != quote:
			text.WriteByte(l.text[l.pos])
		case l.pos+1 < len(l.text) && l.text[l.pos+1] == quote:
			text.WriteByte(quote)
			l.pos++
		default:
			l.pos++
			kind := stringToken
			if quote == '"' {
				kind = quotedToken
			}
			return l.token(kind, start, text.String()), nil
		}
	}
	what := "string"
	if quote == '"' {
		what = "identifier"
	}
	return token{}, syntaxError(l.characters(start), "unterminated quoted "+what)
}

// skip passes over white space and comments.
func (l *lexer) skip() error {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "--"):
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				l.pos += end
			} else {
				l.pos = len(l.text)
			}
		case strings.HasPrefix(rest, "/*"):
			if err := l.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// comment passes over a comment of C's kind, and those within it.
func (l *lexer) comment() error {
	start, depth := l.pos, 0
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.pos += 2
		default:
			l.pos++
		}
		if depth == 0 {
			return nil
		}
	}
	return syntaxError(l.characters(start), "unterminated comment")
}

func (l *lexer) while(is func(byte) bool) {
	for l.pos < len(l.text) && is(l.text[l.pos]) {
		l.pos++
	}
}

func (l *lexer) token(kind tokenKind, start int, text string) token {
	return token{kind: kind, text: text, at: l.characters(start), from: start, to: l.pos}
}

// characters counts as PostgreSQL's error position does: characters, not bytes, from 1. Places are asked for in order.
func (l *lexer) characters(at int) int {
	l.before += utf8.RuneCountInString(l.text[l.counted:at])
	l.counted = at
	return l.before + 1
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNumeric(c byte) bool { return isDigit(c) || c == '.' }

// isWord takes bytes above ASCII for letters, as PostgreSQL does.
func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
