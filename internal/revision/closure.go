package revision

import (
	"maps"
	"slices"
	"strings"

	"holdfast/internal/fault"
)

// Closure returns the chunks that are wanted and all that they require, in the order of their keys, and what of it the
// revision does not have, which is no error. A want is the key of a chunk ("question:a/b"), or "*" for the rest of keys
// ("question:a/*"), a profile ("render:a/b", "page:questions"), "file:PATH" for the chunk that holds a path, or "all".
// Chunks that require each other are no trouble: each comes once.
func (ix *Index) Closure(p Preset, want []string) (chunks []*Chunk, absent []string, err error) {
	c := closure{ix: ix, seen: map[string]bool{}}
	for _, w := range want {
		keys, err := p.expand(w)
		if err != nil {
			return nil, nil, err
		}
		for _, k := range keys {
			c.want(k)
		}
	}
	for len(c.todo) > 0 {
		next := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		for _, k := range next.Requires {
			c.want(k)
		}
	}
	slices.SortFunc(c.chunks, func(a, b *Chunk) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(c.absent)
	return c.chunks, slices.Compact(c.absent), nil
}

type closure struct {
	ix     *Index
	seen   map[string]bool // by key
	todo   []*Chunk        // whose requirements have not been looked at
	chunks []*Chunk
	absent []string
}

// want adds what a key stands for, after profiles have been replaced.
func (c *closure) want(key string) {
	if chunk, ok := c.ix.Chunk(key); ok {
		c.add(chunk)
		return
	}
	if path, ok := strings.CutPrefix(key, filePrefix); ok {
		if chunk, ok := c.ix.Locate(path); ok {
			c.add(chunk)
			return
		}
	}
	prefix, ok := strings.CutSuffix(key, "*")
	switch {
	case key == wantAll:
		prefix = ""
	case !ok:
		c.absent = append(c.absent, key)
		return
	}
	from, _ := slices.BinarySearchFunc(c.ix.Chunks, prefix, func(x Chunk, key string) int { return strings.Compare(x.Key, key) })
	for i := from; i < len(c.ix.Chunks) && strings.HasPrefix(c.ix.Chunks[i].Key, prefix); i++ {
		c.add(&c.ix.Chunks[i])
	}
}

func (c *closure) add(chunk *Chunk) {
	if !c.seen[chunk.Key] {
		c.seen[chunk.Key] = true
		c.chunks, c.todo = append(c.chunks, chunk), append(c.todo, chunk)
	}
}

// expand replaces a want that is a profile by the keys that it lists.
func (p Preset) expand(want string) ([]string, error) {
	if path, ok := strings.CutPrefix(want, filePrefix); ok && !isRelative(path) {
		return nil, fault.New(fault.Usage, "content_want_unknown", "%.200q is no path below the root of the course", path)
	} else if ok || want == wantAll || p.known(want) {
		return []string{want}, nil
	}
	for name, arg := want, ""; ; {
		if keys, ok := p.Profiles[name]; ok {
			return fillIn(want, keys, arg)
		}
		i := strings.LastIndexByte(name, ':')
		if i < 0 {
			return nil, p.unknown(want)
		}
		name, arg = name[:i], want[i+1:]
	}
}

// fillIn puts what the caller asked for into the keys of a profile.
func fillIn(want string, keys []string, arg string) ([]string, error) {
	out := make([]string, len(keys))
	takes := false
	for i, k := range keys {
		out[i] = strings.ReplaceAll(k, placeholder, arg)
		takes = takes || out[i] != k
	}
	takes = takes || arg == "" && slices.ContainsFunc(keys, func(k string) bool { return strings.Contains(k, placeholder) })
	if takes != (arg != "") {
		e := fault.New(fault.Usage, "content_want_unknown", "%.200q: what stands behind the profile's name does not fit", want)
		if takes {
			return nil, e.WithHint(`write what it is about behind a colon, as "render:mechanics/lever"`)
		}
		return nil, e.WithHint("write the name of the profile alone")
	}
	return out, nil
}

func (p Preset) unknown(want string) error {
	var names []string
	for _, r := range p.Chunks {
		if r.keyed() {
			names = append(names, r.Name+":…")
		} else {
			names = append(names, r.Name)
		}
	}
	names = append(names, slices.Sorted(maps.Keys(p.Profiles))...)
	return fault.New(fault.Usage, "content_want_unknown", "%.200q is neither a chunk nor a profile", want).
		WithHint("there are %s, file:PATH and all", strings.Join(names, ", "))
}
