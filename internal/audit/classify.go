package audit

// Classify tells what sort of statement a text holds; of several statements, the sort that reaches furthest. It reads
// keywords only: it knows nothing of what functions and rules do, and SELECT counts as reading. Texts that PostgreSQL
// would refuse get some class, too.
func Classify(sql []byte) Class {
	var c classifier
	l := lexer{src: sql}
	for {
		k, text := l.next()
		if k == end {
			return c.finish()
		}
		c.token(k, text)
	}
}

// Digest returns what Classify and Fingerprint return, in one pass.
func Digest(sql []byte) (Class, uint64) {
	var c classifier
	n := newNormalizer()
	l := lexer{src: sql}
	for {
		k, text := l.next()
		if k == end {
			return c.finish(), n.finish()
		}
		c.token(k, text)
		n.token(k, text, l.peek(0))
	}
}

// classifier takes the tokens of a text.
type classifier struct {
	best Class // of the statements that ended
	statement
}

func (c *classifier) token(k kind, text []byte) {
	if k == symbol && text[0] == ';' {
		c.finish()
		return
	}
	c.statement.token(k, text)
}

// finish ends the statement, and returns the class that reaches furthest so far.
func (c *classifier) finish() Class {
	c.best = max(c.best, c.class)
	c.statement = statement{}
	return c.best
}

// statement is what is known of a statement so far.
type statement struct {
	class   Class
	begun   bool // its first keyword was seen
	nested  bool // it may hold others that change data: WITH, COPY (…)
	explain bool // its first keyword was EXPLAIN, and what is explained has not come yet
	analyze bool // what is explained is run, too
	depth   int  // open brackets
	before  byte // the symbol before the token, 'a' for anything else
	first   verb // its first keyword, until the second one was seen
}

// verb names the first keywords whose meaning depends on the second.
type verb uint8

const (
	plain verb = iota
	preparing
	defining // CREATE, ALTER, DROP
)

// token takes the next token of the statement.
func (s *statement) token(k kind, text []byte) {
	switch k {
	case symbol:
		s.symbol(text[0])
		return
	case word:
		s.word(text)
	default:
		s.begin(Other)
	}
	s.before = 'a'
}

func (s *statement) symbol(c byte) {
	switch c {
	case '(':
		s.depth++
	case ')':
		s.depth--
	default:
		s.begin(Other)
	}
	s.before = c
}

// begin settles the class of a statement that has none.
func (s *statement) begin(c Class) {
	if !s.begun {
		s.begun, s.class = true, c
	}
}

func (s *statement) word(text []byte) {
	var lower [maxKeyword]byte
	w := keyword(lower[:0], text)
	switch {
	case !s.begun:
		s.open(w)
	case s.explain:
		s.explained(w)
	case s.first != plain:
		s.second(w)
	case string(w) == "with":
		s.nested = true
	case s.class == Select && s.depth == 0 && string(w) == "into":
		s.class = DDL // it creates a table
	case s.nested && (s.before == '(' || s.before == ')'):
		if c := classOf(w); c >= Select && c <= Delete {
			s.class = max(s.class, c)
		}
	}
}

// open takes the first keyword.
func (s *statement) open(w []byte) {
	s.begin(classOf(w))
	switch string(w) {
	case "with", "copy":
		s.nested = true
	case "explain":
		s.explain = true
	case "prepare":
		s.first = preparing
	case "create", "alter", "drop":
		s.first = defining
	}
}

// second takes the second keyword.
func (s *statement) second(w []byte) {
	verb := s.first
	s.first = plain
	switch string(w) {
	case "transaction":
		if verb == preparing {
			s.class = Transaction
		}
	case "user", "role", "group", "owned", "default":
		if verb == defining { // ALTER DEFAULT PRIVILEGES
			s.class = DCL
		}
	}
}

// explained takes what stands behind EXPLAIN.
func (s *statement) explained(w []byte) {
	switch string(w) {
	case "analyze", "analyse":
		s.analyze = true
		return
	}
	c := classOf(w)
	if s.depth > 0 && s.before != '(' || c == Other || c == Set {
		return // an option, or its value
	}
	s.explain = false
	if s.analyze {
		s.begun = false
		s.open(w)
	}
}
