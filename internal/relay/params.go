package relay

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"holdfast/internal/pgwire"
)

// Params are the values of the parameters that a server reports (PostgreSQL manual, "Asynchronous Operations", ParameterStatus),
// sorted by name. They are immutable and shared: equal ones are the same pointer.
type Params struct {
	list  []pgwire.Param
	parse uint64 // fingerprint of those that the meaning of a statement depends on
	slash bool   // in plain strings a backslash is an escape
}

// parsing is a fingerprint of the values that the meaning of a statement depends on.
func (p *Params) parsing() uint64 {
	if p == nil {
		return 0
	}
	return p.parse
}

// backslashes reports whether in plain strings a backslash is an escape (standard_conforming_strings is off).
func (p *Params) backslashes() bool { return p != nil && p.slash }

// All returns the parameters. The caller must not change them.
func (p *Params) All() []pgwire.Param {
	if p == nil {
		return nil
	}
	return p.list
}

// Get returns the value of a parameter, and whether it is reported.
func (p *Params) Get(name string) (string, bool) {
	i, ok := p.find(name)
	if !ok {
		return "", false
	}
	return p.list[i].Value, true
}

func (p *Params) find(name string) (int, bool) {
	return slices.BinarySearchFunc(p.All(), name, func(a pgwire.Param, n string) int { return strings.Compare(a.Name, n) })
}

// Reports reports whether the server tells of changes of a parameter, whatever the case of its name.
func (p *Params) Reports(name string) bool {
	return slices.ContainsFunc(p.All(), func(a pgwire.Param) bool { return strings.EqualFold(a.Name, name) })
}

// follows are the parameters that can be set and are carried from server to server when they are reported.
var follows = []string{ //nolint:gochecknoglobals // a table
	"DateStyle", "IntervalStyle", "TimeZone", "application_name", "client_encoding",
	"default_transaction_read_only", "search_path", "standard_conforming_strings",
}

// Follows reports whether a reported parameter is carried from server to server.
func Follows(name string) bool { return slices.Contains(follows, name) }

// ParamTable shares equal Params. It is safe for concurrent use. It keeps what it has seen in the last while: a table
// that has grown too large is begun anew, which costs sharing and nothing else.
type ParamTable struct {
	mu   sync.Mutex // protects the following
	seed maphash.Seed
	seen map[uint64]*Params
}

// maxParamSets is how many different combinations of values a table remembers.
const maxParamSets = 4096

// NewParamTable returns an empty table.
func NewParamTable() *ParamTable {
	return &ParamTable{seed: maphash.MakeSeed(), seen: map[uint64]*Params{}}
}

// Intern returns the Params with these values, of which the last counts when a name comes twice.
func (t *ParamTable) Intern(list []pgwire.Param) *Params {
	var sorted []pgwire.Param
	for _, p := range list {
		sorted = put(sorted, p.Name, p.Value)
	}
	return t.share(sorted)
}

// With returns the Params with one value changed.
func (t *ParamTable) With(p *Params, name, value []byte) *Params {
	if old, ok := p.Get(string(name)); ok && old == string(value) {
		return p
	}
	return t.share(put(slices.Clone(p.All()), string(name), string(value)))
}

// revert returns the Params p with the value that they have in initial for a parameter, whatever the case of its name, or for all
// that follow if the name is empty.
func (t *ParamTable) revert(p, initial *Params, name string) *Params {
	list := slices.Clone(p.All())
	for i := range list {
		if name != "" && !strings.EqualFold(list[i].Name, name) || !Follows(list[i].Name) {
			continue
		}
		if value, ok := initial.Get(list[i].Name); ok {
			list[i].Value = value
		}
	}
	return t.share(list)
}

func put(list []pgwire.Param, name, value string) []pgwire.Param {
	i, ok := (&Params{list: list}).find(name)
	if ok {
		list[i].Value = value
		return list
	}
	return slices.Insert(list, i, pgwire.Param{Name: name, Value: value})
}

func (t *ParamTable) share(list []pgwire.Param) *Params {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := t.hash(list)
	if p := t.seen[key]; p != nil && slices.Equal(p.list, list) {
		return p
	}
	if len(t.seen) >= maxParamSets {
		clear(t.seen)
	}
	p := &Params{list: list}
	for _, v := range list {
		if slices.Contains(meaning, v.Name) {
			p.parse = maphash.Comparable(t.seed, [2]uint64{p.parse, maphash.String(t.seed, v.Name+"="+v.Value)})
		}
		p.slash = p.slash || v.Name == "standard_conforming_strings" && v.Value == "off"
	}
	t.seen[key] = p
	return p
}

// meaning are the reported parameters that the meaning of a statement depends on, and which of them planning.
var meaning = []string{ //nolint:gochecknoglobals // a table
	"DateStyle", "IntervalStyle", "TimeZone", "client_encoding", "search_path", "standard_conforming_strings",
}

func (t *ParamTable) hash(list []pgwire.Param) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	for _, p := range list {
		_, _ = h.WriteString(p.Name)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(p.Value)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}
