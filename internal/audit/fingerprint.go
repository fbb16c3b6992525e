package audit

// Parameters of FNV-1a with 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// Fingerprint returns a number that is the same for statements that differ only in values, white space, comments, the
// case of keywords and names, a last semicolon, the length of a list of values, and the number of rows of such lists:
// IN (1, 2) is IN ($1), VALUES (1, 'a'), (2, 'b') is VALUES ($1, $2).
//
// It is FNV-1a over the tokens, the same on every machine and in every release. Two different statements may have the
// same fingerprint, and whoever wants can make some: it is for grouping, not for deciding.
func Fingerprint(sql []byte) uint64 {
	n := newNormalizer()
	l := lexer{src: sql}
	for {
		k, text := l.next()
		if k == end {
			return n.finish()
		}
		n.token(k, text, l.peek(0))
	}
}

// normalizer passes tokens through its folders into the sum.
type normalizer struct {
	folders   [2]folder
	sum       uint64
	semicolon bool // one was seen; it counts only in front of another statement
	previous  byte // the mark of the last token
}

func newNormalizer() normalizer {
	return normalizer{
		folders:  [2]folder{{pattern: "?"}, {pattern: "(?)"}},
		sum:      fnvOffset,
		previous: ';',
	}
}

// token takes a token; after is the byte that follows it.
func (n *normalizer) token(k kind, text []byte, after byte) {
	mark := markOf(k, text)
	if mark == ';' {
		n.semicolon, n.previous = true, mark
		return
	}
	if n.semicolon {
		n.semicolon = false
		n.put(0, ';', nil)
	}
	if isSign(mark) && isOperator(n.previous) && isDigit(after) {
		return // part of the number that follows: x = -1
	}
	n.previous = mark
	n.put(0, mark, text)
}

// markOf returns the byte that stands for a token.
func markOf(k kind, text []byte) byte {
	switch k {
	case literal:
		return '?'
	case symbol:
		return text[0]
	case name:
		return '"'
	default:
		return 'a'
	}
}

// isSign and isOperator tell a number's sign from a subtraction.
func isSign(c byte) bool { return c == '-' || c == '+' }

func isOperator(c byte) bool {
	switch c {
	case '(', '[', ',', ';', '=', '<', '>', '*', '/', '%', '^', '+', '-', '|', '&', '!', '~', '@', '#':
		return true
	}
	return false
}

// put takes a token at a folder, or behind the last one at the sum.
func (n *normalizer) put(level int, mark byte, text []byte) {
	if level == len(n.folders) {
		n.mix(mark, text)
		return
	}
	f := &n.folders[level]
	if f.whole {
		if f.hold(mark) {
			return
		}
		n.flush(level)
	}
	n.put(level+1, mark, text)
	f.match(mark)
}

// flush passes on what a folder held back.
func (n *normalizer) flush(level int) {
	f := &n.folders[level]
	held := f.held
	f.held, f.whole, f.matched = 0, false, 0
	if held == 0 {
		return
	}
	n.put(level+1, ',', nil)
	for i := range held - 1 {
		n.put(level+1, f.pattern[i], nil)
	}
	f.matched = held - 1
}

// finish returns the sum.
func (n *normalizer) finish() uint64 {
	for level := range n.folders {
		n.flush(level)
	}
	return n.sum
}

// mix adds the mark and, of names and words, the text, then a zero, which no text holds. Words count in lower case.
func (n *normalizer) mix(mark byte, text []byte) {
	sum := (n.sum ^ uint64(mark)) * fnvPrime
	if mark == 'a' || mark == '"' {
		for _, c := range text {
			if mark == 'a' && c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			sum = (sum ^ uint64(c)) * fnvPrime
		}
	}
	n.sum = sum * fnvPrime
}
