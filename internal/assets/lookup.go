package assets

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"holdfast/internal/fault"
)

// Entry says where an asset is and what it is.
type Entry struct {
	Name      string   `json:"name"` // logical
	Hashed    string   `json:"hashed"`
	URL       string   `json:"url"` // as a page writes it
	Type      string   `json:"type"`
	Size      int64    `json:"size"`      // as it is, in bytes
	Integrity string   `json:"integrity"` // for the attribute of that name (Subresource Integrity)
	Codings   []Coding `json:"codings"`   // besides identity
}

// lookUp finds an asset by its logical or hashed name.
func (a *Assets) lookUp(name string) (Entry, bool) {
	s := a.set.Load()
	if to, ok := s.names[name]; ok {
		e, ok := s.entry(name, to)
		return e, ok
	}
	if r := s.resources[name]; r != nil {
		return s.entry(r.Logical, name)
	}
	return Entry{}, false
}

func (s *set) entry(logical, hashed string) (Entry, bool) {
	r := s.resources[hashed]
	if r == nil {
		return Entry{}, false
	}
	e := Entry{
		Name: logical, Hashed: hashed, URL: s.base + s.url + escapePath(hashed), Type: mediaType(r.Logical),
		Integrity: integrity(s.digests[hashed]), Codings: []Coding{},
	}
	for _, v := range r.variants {
		if v.Coding == Identity {
			e.Size = v.Size
		} else {
			e.Codings = append(e.Codings, v.Coding)
		}
	}
	slices.Sort(e.Codings)
	return e, true
}

// Resolve finds assets by their logical names. One that is not there fails the call.
func (a *Assets) Resolve(names []string) ([]Entry, error) {
	out := make([]Entry, 0, len(names))
	for _, name := range names {
		e, ok := a.lookUp(strings.TrimPrefix(name, "/"))
		if !ok {
			return nil, fault.New(fault.NotFound, "no_asset", "no asset is called %q", name).
				WithHint("what there is is listed by: holdfast assets list")
		}
		out = append(out, e)
	}
	return out, nil
}

// List returns the assets whose logical names match a pattern, or all, in the order of their names.
func (a *Assets) List(pattern string) []Entry {
	s := a.set.Load()
	out := []Entry{}
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		if pattern != "" && !matchPattern(pattern, name) {
			continue
		}
		if e, ok := s.entry(name, s.names[name]); ok {
			out = append(out, e)
		}
	}
	return out
}

// Open returns the content of an asset as it is, by its logical or hashed name.
func (a *Assets) Open(name string) (Entry, io.ReadCloser, error) {
	found, err := a.Resolve([]string{name})
	if err != nil {
		return Entry{}, nil, err
	}
	e := found[0]
	for _, v := range a.set.Load().resources[e.Hashed].variants {
		if v.Coding != Identity {
			continue
		}
		if v.whole() {
			return e, io.NopCloser(strings.NewReader(string(v.memory.bytes))), nil
		}
		f, err := v.open(0, v.Size)
		if err != nil {
			return e, nil, fmt.Errorf("read asset %s: %w", name, err)
		}
		return e, f, nil
	}
	return e, nil, fault.New(fault.NotFound, "no_asset", "the content of %q is not there", name)
}
