package relay

// lexer finds [Words] in SQL that arrives in pieces. It knows PostgreSQL's strings, quoted names and comments (manual, "Lexical
// Structure"), so that words inside them do not count, and nothing else of the language. A NUL ends the text.
type lexer struct {
	found  Words
	here   Words // in this statement
	where  region
	last   step
	nth    int  // words of this statement so far
	prev   byte // the byte before this one, 0 after one that was part of a token; a quote just after an escape string
	depth  int  // of block comments
	slash  bool // in plain strings a backslash is an escape
	escape bool // the next byte in an escape string is taken as it is
	skip   int  // NULs after which the text begins

	word [28]byte // in lower case, as far as it fits
	size int
	long bool // it does not fit

	tag      [64]byte // of a dollar-quoted string
	tagSize  int
	matching int // bytes of the closing tag seen so far, -1 for none

	statements int // that have a word
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
	over
)

// start makes the lexer ready for another text.
func (l *lexer) start(backslashes bool) { *l = lexer{slash: backslashes} }

// feed reads a piece of the text.
func (l *lexer) feed(b []byte) {
	i := 0
	for ; l.skip > 0 && i < len(b); i++ {
		if b[i] == 0 {
			l.skip--
		}
	}
	for i < len(b) && l.where != over {
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
	if l.statements > 1 {
		l.found |= several
	}
	return l.found
}

// class is what a byte is outside strings and comments.
type class uint8

const (
	aMark class = iota
	aSpace
	aDigit
	aLetter
)

// classes are those of all bytes. Of letters and digits words are made; a dollar is part of one only inside it.
var classes = classify() //nolint:gochecknoglobals // a table

func classify() (table [256]class) {
	for c := range table {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80:
			table[c] = aLetter
		case c >= '0' && c <= '9':
			table[c] = aDigit
		case c == ' ' || c >= '\t' && c <= '\r':
			table[c] = aSpace
		}
	}
	return table
}

func isWord(c byte) bool { return classes[c] >= aDigit }

func isDigit(c byte) bool { return classes[c] == aDigit }

// plainRun reads bytes outside strings and comments and returns how many.
func (l *lexer) plainRun(b []byte) int {
	i := 0
	if l.size > 0 {
		i = l.goOn(b) // a word that began before
	}
	for i < len(b) {
		c := b[i]
		switch class := classes[c]; {
		case class >= aDigit:
			i += l.wordRun(b[i:])
		case class == aSpace:
			if l.prev != '\'' { // after spaces a string may go on
				l.prev = 0
			}
			i++
		default:
			i++
			if l.mark(c); l.where != plain {
				return i
			}
		}
	}
	return len(b)
}

// wordRun reads a word and returns its length. A word that may go on is kept.
func (l *lexer) wordRun(b []byte) int {
	n := 1
	for n < len(b) && isWord(b[n]) {
		n++
	}
	l.prev = 0
	switch first := b[0]; {
	case n == len(b) || b[n] == '$' || b[n] == '\'':
		l.word[0] = first
		return l.goOn(b)
	case isDigit(first):
	case l.nth > 0 && l.last < lookedFor && (n > len(l.word) || lengths[first|0x20]&(1<<n) == 0):
		l.last = afterOther // it means nothing
	default:
		l.take(b[:n])
		l.endWord()
	}
	return n
}

// goOn reads more of a word, and ends it if it ends here. It returns how many bytes it read.
func (l *lexer) goOn(b []byte) int {
	n := 0
	for n < len(b) && (isWord(b[n]) || b[n] == '$' && !isDigit(l.word[0])) {
		n++
	}
	l.take(b[:n])
	if n < len(b) && b[n] != '\'' { // a string may have the last word as its prefix
		l.endWord()
	}
	return n
}

// take keeps bytes of a word.
func (l *lexer) take(b []byte) {
	if l.size+len(b) > len(l.word) {
		b = b[:max(len(l.word)-l.size, 0)]
		l.long = true
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		l.word[l.size+i] = c
	}
	l.size += len(b)
}

// mark reads a byte that is neither part of a word nor a space.
func (l *lexer) mark(c byte) {
	before := l.prev
	l.prev = c
	if c == '\'' {
		l.quote(before)
		return
	}
	l.endWord()
	switch {
	case c == '"':
		l.where = inName
		l.judge([]byte{c})
	case c == '$':
		l.where, l.tagSize = inTag, 0
	case c == '-' && before == '-':
		l.where = inLine
	case c == '*' && before == '/':
		l.where, l.depth, l.prev = inBlock, 1, 0
	case c == '*' && l.last == afterUnlisten:
		l.here |= UnlistenAll
	case c == ';':
		l.endStatement()
	case c == 0:
		l.where = over
	}
}

// quote begins a string. The letter E before it makes it an escape string, and so does another one that it goes on with.
func (l *lexer) quote(before byte) {
	l.where, l.escape = inString, false
	switch {
	case l.size == 1 && l.word[0] == 'e':
		l.where, l.size = inEscapeString, 0
	case l.slash || before == '\'' && l.size == 0:
		l.where = inEscapeString
	}
	l.endWord()
}

// other reads a byte inside a string, a name or a comment.
func (l *lexer) other(c byte) {
	if c == 0 {
		l.where = over
		return
	}
	switch l.where {
	case inString:
		if c == '\'' {
			l.leave()
		}
	case inEscapeString:
		l.escapeString(c)
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

func (l *lexer) escapeString(c byte) {
	switch {
	case l.escape:
		l.escape = false
	case c == '\\':
		l.escape = true
	case c == '\'':
		l.where, l.prev = plain, '\''
	}
}

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
	case isWord(c) && (l.tagSize > 0 || !isDigit(c)):
		if l.tagSize == len(l.tag) {
			l.found |= Set // nobody knows where that ends
			l.where = over
			return
		}
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

// endWord ends the word that is kept, if there is one.
func (l *lexer) endWord() {
	if l.size == 0 {
		return
	}
	w := l.word[:l.size]
	if l.long {
		w = w[:0] // longer than all we know
	}
	l.size, l.long = 0, false
	if !isDigit(l.word[0]) {
		l.judge(w)
	}
}

// judge takes a word.
func (l *lexer) judge(w []byte) {
	l.nth++
	if l.nth == 1 {
		l.statements++
	}
	var found Words
	found, l.last = l.last.word(w, l.nth == 1)
	l.here |= found
}

func (l *lexer) endStatement() {
	here := l.here | l.last.end()
	if here&dropped != 0 {
		here &^= Temp | dropped
	}
	l.found |= here
	l.here, l.nth, l.last = 0, 0, afterNothing
}
