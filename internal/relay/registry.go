package relay

import (
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"

	"holdfast/internal/pgwire"
)

// prefix begins the names of statements on servers.
const prefix = "holdfast_"

// Statement is a prepared statement as all servers know it: one text with one list of parameter types, prepared under one
// combination of settings.
type Statement struct {
	Name  string // on the server
	parse []byte // the body of Parse without the name: text and types
	words Words
	set   Assignment // when the statement is a SET that can be followed

	key  string
	refs int // clients and servers that have it; Registry.mu protects it
}

// Text returns the statement's text.
func (s *Statement) Text() []byte { return textOf(s.parse) }

// Registry knows the prepared statements of all clients. It is safe for concurrent use. Statements that neither a client nor a
// server has any more are forgotten.
type Registry struct {
	mu      sync.Mutex // protects the following, and Statement.refs
	byKey   map[string]*Statement
	serial  uint64
	unnamed atomic.Uint64 // the serial given last to an unnamed statement
	key     []byte        // for look-ups without allocation
}

// NewRegistry returns a registry that knows no statement.
func NewRegistry() *Registry { return &Registry{byKey: map[string]*Statement{}} }

// Len returns how many statements are known.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byKey)
}

// intern returns the statement of a Parse under settings, with one more reference.
func (r *Registry) intern(p pgwire.Statement, settings uint64, words func() (Words, Assignment)) *Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = append(binary.BigEndian.AppendUint64(r.key[:0], settings), p.OIDs...)
	r.key = append(append(r.key, 0, byte(len(p.OIDs)/4)), p.Query...)
	if s := r.byKey[string(r.key)]; s != nil {
		s.refs++
		return s
	}
	r.serial++
	key := string(r.key)
	s := &Statement{Name: prefix + strconv.FormatUint(r.serial, 36), key: key, refs: 1}
	s.parse = appendParseRest(make([]byte, 0, len(p.Query)+3+len(p.OIDs)), p)
	s.words, s.set = words()
	r.byKey[key] = s
	return s
}

// hold adds a reference.
func (r *Registry) hold(s *Statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.refs++
}

// release takes a reference away.
func (r *Registry) release(s *Statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.refs--
	if s.refs == 0 {
		delete(r.byKey, s.key)
	}
}

// appendParseRest appends what follows the name in the body of a Parse.
func appendParseRest(dst []byte, p pgwire.Statement) []byte {
	dst = append(append(dst, p.Query...), 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.OIDs)/4)) //nolint:gosec // it came as 16 bits
	return append(dst, p.OIDs...)
}

// textOf returns the text in what appendParseRest made.
func textOf(parse []byte) []byte {
	for i, c := range parse {
		if c == 0 {
			return parse[:i]
		}
	}
	return parse
}

// appendParse appends a Parse of the text and types under a name.
func appendParse(dst []byte, name string, parse []byte) []byte {
	dst = append(dst, byte(pgwire.Parse))
	dst = binary.BigEndian.AppendUint32(dst, uint32(4+len(name)+1+len(parse))) //nolint:gosec // bounded by maxWhole
	dst = append(append(dst, name...), 0)
	return append(dst, parse...)
}
