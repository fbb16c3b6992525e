package relay

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"

	"holdfast/internal/pgwire"
)

// Statement is a prepared statement as all servers know it: one text with one list of parameter types, prepared under one
// combination of settings.
type Statement struct {
	Name     string // on the server
	parse    []byte // the body of Parse without the name: text and types
	words    Words
	shaped   bool          // PostgreSQL minds when the types of its result change
	set      *Assignment   // when the statement is a SET that can be followed
	settings uint64        // fingerprint of the settings that it is prepared under
	version  atomic.Uint32 // grows when servers have to prepare it anew
	binds    atomic.Int64  // how often clients bound it

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
	named   uint64        // how many statements were given names
	key     []byte        // for look-ups without allocation
	serials atomic.Uint64 // the serial given last to a Parse
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
func (r *Registry) intern(p pgwire.Statement, settings uint64, judge func(sql []byte) verdict) *Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = appendParseRest(binary.BigEndian.AppendUint64(r.key[:0], settings), p)
	if s := r.byKey[string(r.key)]; s != nil {
		s.refs++
		return s
	}
	v := judge(p.Query)
	return r.add(settings, v.words, v.set)
}

// again returns a statement under other settings, with one more reference.
func (r *Registry) again(old *Statement, settings uint64) *Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = append(binary.BigEndian.AppendUint64(r.key[:0], settings), old.parse...)
	if s := r.byKey[string(r.key)]; s != nil {
		s.refs++
		return s
	}
	return r.add(settings, old.words, old.set)
}

// add makes the statement of the present key. The caller must hold mu.
func (r *Registry) add(settings uint64, words Words, set *Assignment) *Statement {
	r.named++
	s := &Statement{
		Name: prefix + strconv.FormatUint(r.named, 36), parse: bytes.Clone(r.key[8:]), words: words, set: set, shaped: shaped(r.key[8:]),
		settings: settings, key: string(r.key), refs: 1,
	}
	r.byKey[s.key] = s
	if cap(r.key) > maxSpare {
		r.key = nil
	}
	return s
}

// hold adds a reference.
func (r *Registry) hold(s *Statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.refs++
	if r.byKey[s.key] == nil {
		r.byKey[s.key] = s // it was forgotten meanwhile
	}
}

// release takes a reference away.
func (r *Registry) release(s *Statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.refs--
	if s.refs == 0 && r.byKey[s.key] == s {
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
	if i := bytes.IndexByte(parse, 0); i >= 0 {
		return parse[:i]
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
