package relay

// lexer finds [Words] in SQL that arrives in pieces. It knows PostgreSQL's strings, quoted names and comments (manual, "Lexical
// Structure"), so that words inside them do not count, and nothing else of the language.
type lexer struct {
	found  Words
	where  region
	last   step
	nth    int  // words of this statement so far
	prev   byte // the byte before this one, 0 after one that was part of a token
	depth  int  // of block comments
	escape bool // the next byte in an escape string is taken as it is

	word [28]byte // in lower case, as far as it fits
	size int

	tag      [64]byte // of a dollar-quoted string
	tagSize  int
	matching int // bytes of the closing tag seen so far, -1 for none

	statements int // words groups seen, separated by semicolons
}

type region uint8

const (
	plain region = iota
	inString
	inEscapeString
	inName
	inLine
	inBlock
	inTag
	inDollar
)

// start makes the lexer ready for another text.
func (l *lexer) start() { *l = lexer{} }

// feed reads a piece of the text.
func (l *lexer) feed(b []byte) {
	for i := 0; i < len(b); {
		if l.where == plain {
			i += l.plainRun(b[i:])
			continue
		}
		l.other(b[i])
		i++
	}
}

// finish ends the text and returns what was found.
func (l *lexer) finish() Words {
	l.endWord()
	l.endStatement()
	return l.found
}

// isWord says which bytes words are made of. A dollar is one only inside a word.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9' || c >= 0x80
}

// plainRun reads bytes outside strings and comments and returns how many.
func (l *lexer) plainRun(b []byte) int {
	for i, c := range b {
		if isWord(c) || c == '$' && l.size > 0 {
			if l.size < len(l.word) {
				if c >= 'A' && c <= 'Z' {
					c |= 0x20
				}
				l.word[l.size] = c
			}
			l.size++
			l.prev = 0
			continue
		}
		if c == ' ' || c == '\n' || c == ',' || c == '(' || c == ')' || c == '.' || c == '=' {
			l.endWord()
			l.prev = 0
			continue
		}
		l.mark(c)
		if l.where != plain {
			return i + 1
		}
	}
	return len(b)
}

// mark reads a byte that is not part of a word.
func (l *lexer) mark(c byte) {
	before := l.prev
	l.prev = c
	switch {
	case c == '\'':
		l.where = inString
		if l.size == 1 && l.word[0] == 'e' {
			l.where, l.escape, l.size = inEscapeString, false, 0
		}
	case c == '"':
		l.where = inName
	case c == '$':
		l.where, l.tagSize = inTag, 0
	case c == '-' && before == '-':
		l.where = inLine
	case c == '*' && before == '/':
		l.where, l.depth, l.prev = inBlock, 1, 0
	case c == '*' && l.last == afterUnlisten:
		l.found |= UnlistenAll
	}
	l.endWord()
	if c == ';' {
		l.endStatement()
	}
	if c == '"' && l.last != afterPrepare && l.last != afterConfig {
		l.nth++ // a quoted name is a word that means nothing to us
		l.last = afterOther
	}
}

// other reads a byte inside a string, a name or a comment.
func (l *lexer) other(c byte) {
	switch l.where {
	case inString:
		if c == '\'' {
			l.leave()
		}
	case inEscapeString:
		switch {
		case l.escape:
			l.escape = false
		case c == '\\':
			l.escape = true
		case c == '\'':
			l.leave()
		}
	case inName:
		if c == '"' {
			l.leave()
		}
	case inLine:
		if c == '\n' || c == '\r' {
			l.leave()
		}
	case inBlock:
		l.block(c)
	case inTag:
		l.openTag(c)
	case inDollar:
		l.dollar(c)
	default:
	}
}

func (l *lexer) leave() { l.where, l.prev = plain, 0 }

// block reads a byte of a comment; they nest.
func (l *lexer) block(c byte) {
	before := l.prev
	l.prev = c
	switch {
	case before == '*' && c == '/':
		l.depth--
		l.prev = 0
	case before == '/' && c == '*':
		l.depth++
		l.prev = 0
	}
	if l.depth == 0 {
		l.leave()
	}
}

// openTag reads a byte between a dollar and what may be the second one.
func (l *lexer) openTag(c byte) {
	switch {
	case c == '$':
		l.where, l.matching = inDollar, -1
	case isWord(c) && (l.tagSize > 0 || c < '0' || c > '9') && l.tagSize < len(l.tag):
		l.tag[l.tagSize] = c
		l.tagSize++
	default: // a parameter, as $1
		l.leave()
		l.plainRun([]byte{c})
	}
}

// dollar reads a byte of a dollar-quoted string, which ends with its tag.
func (l *lexer) dollar(c byte) {
	switch {
	case c == '$' && l.matching == l.tagSize:
		l.leave()
	case c == '$':
		l.matching = 0
	case l.matching >= 0 && l.matching < l.tagSize && l.tag[l.matching] == c:
		l.matching++
	default:
		l.matching = -1
	}
}

func (l *lexer) endWord() {
	if l.size == 0 {
		return
	}
	n := min(l.size, len(l.word))
	if l.size > len(l.word) {
		n = 0 // longer than all we know
	}
	l.size = 0
	if n > 0 && l.word[0] >= '0' && l.word[0] <= '9' {
		return // a number
	}
	l.nth++
	if l.nth == 1 {
		l.statements++
	}
	var found Words
	found, l.last = l.last.word(l.word[:n], l.nth == 1)
	l.found |= found
}

func (l *lexer) endStatement() {
	if l.last == afterConfig {
		l.found |= SetConfig
	}
	l.nth, l.last = 0, afterNothing
}
