package assets

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// set is everything that can be served at one moment. It is never changed: a new one takes its place.
type set struct {
	url, base string
	cors      *cors
	resources map[string]*Resource // by the path below url
	names     map[string]string    // logical names and the names that they lead to
	digests   map[string]string    // of the content as it is, by hashed name; hexadecimal
	bodies    map[string]*resident // in memory, by their digest
	pages     *pages               // of some of them
	bytes     int64                // of bodies
	open      atomic.Int64         // files that are kept open
	retired   int
	published int      // logical names
	damaged   []string // hashed names whose files are not what the index says
}

// item is a file that the set is made of: built here, or fetched.
type item struct {
	name, logical string
	since         time.Time
	parts         []part
}

// loader makes a set.
type loader struct {
	config Config
	cors   *cors
	before *set // nil for the first
	out    *set
}

// loadSet makes the set of an index and of what was fetched from other nodes. Bodies that the last set holds are not read
// again.
func loadSet(c Config, origins *cors, x *index, others []fetched, before *set) *set {
	l := &loader{config: c, cors: origins, before: before, out: &set{
		url: c.URL, base: c.BaseURL, cors: origins, resources: map[string]*Resource{}, names: maps.Clone(x.Names),
		digests: map[string]string{}, bodies: map[string]*resident{},
	}}
	items := map[string]item{}
	for name, f := range x.Files {
		items[name] = item{name, f.Logical, f.Since, f.Variants}
		if !f.Retired.IsZero() {
			l.out.retired++
		}
	}
	for _, f := range others {
		if _, built := items[f.Name]; !built {
			items[f.Name] = item{f.Name, f.Logical, f.Since, f.Parts}
		}
		if f.Current {
			l.out.names[f.Logical] = f.Name
			l.out.published++
		}
	}
	l.out.pages = l.pages()
	l.bodies(items)
	l.resources(items)
	return l.out
}

// bodies reads the small files into memory, the smallest first, as far as the bound allows.
func (l *loader) bodies(items map[string]item) {
	type small struct {
		path string
		part part
		name string
	}
	var all []small
	for _, i := range items {
		for _, p := range i.parts {
			if p.Size <= maxResident {
				all = append(all, small{variantPath(l.config.Output, i.name, p.Coding), p, i.name})
			}
		}
	}
	slices.SortFunc(all, func(a, b small) int {
		return cmp.Or(cmp.Compare(a.part.Size, b.part.Size), cmp.Compare(a.path, b.path))
	})
	for _, r := range all {
		if l.out.bytes+r.part.Size > int64(l.config.Memory) {
			break
		}
		if _, there := l.out.bodies[r.part.SHA256]; there {
			continue
		}
		body, err := l.body(r.path, r.part)
		if err != nil {
			l.out.damaged = append(l.out.damaged, r.name)
			continue
		}
		l.out.bodies[r.part.SHA256] = body
		l.out.bytes += r.part.Size
	}
}

// pages returns the memory of the last set, or a new one when most of that would be of no use.
func (l *loader) pages() *pages {
	if l.before != nil && l.before.pages.worth(l.before.bytes) {
		return l.before.pages
	}
	return newPages()
}

func (l *loader) body(path string, p part) (*resident, error) {
	var body []byte
	var err error
	if held := l.held(p.SHA256); held == nil {
		body, err = os.ReadFile(path)
	} else if held.pages == nil || held.pages == l.out.pages {
		return held, nil
	} else {
		body, err = held.all()
	}
	if err != nil {
		return nil, err
	}
	if sum(body) != p.SHA256 {
		return nil, fmt.Errorf("%s is damaged", path)
	}
	return l.out.pages.hold(body), nil
}

// held returns what the last set has of some bytes.
func (l *loader) held(digest string) *resident {
	if l.before == nil {
		return nil
	}
	return l.before.bodies[digest]
}

// resources makes what every path leads to: hashed names, and the logical names of the present.
func (l *loader) resources(items map[string]item) {
	damaged := map[string]bool{}
	for _, name := range l.out.damaged {
		damaged[name] = true
	}
	variants := map[string][]*Variant{}
	for name, i := range items {
		if damaged[name] {
			continue
		}
		variants[name] = l.variants(i)
		l.out.digests[name] = i.parts[0].SHA256
		l.out.resources[name] = newResource(name, i.logical, true, "", i.since, l.cors, variants[name])
	}
	for logical, name := range l.out.names {
		if l.out.resources[logical] == nil && variants[name] != nil {
			l.out.resources[logical] = newResource(logical, items[name].logical, false, l.config.life(logical), items[name].since, l.cors, variants[name])
		}
	}
}

// variants returns the variants of a file, the smallest first.
func (l *loader) variants(i item) []*Variant {
	out := make([]*Variant, 0, len(i.parts))
	for _, p := range i.parts {
		v := &Variant{
			Coding: p.Coding, Size: p.Size, ETag: etagOf(p.SHA256),
			memory: l.out.bodies[p.SHA256], Path: variantPath(l.config.Output, i.name, p.Coding),
		}
		if v.memory == nil {
			v.kept = &keptFile{open: &l.out.open}
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b *Variant) int { return cmp.Compare(a.Size, b.Size) })
	return out
}

// life returns Cache-Control for a plain name.
func (c Config) life(name string) string {
	age := c.MaxAge
	for _, r := range c.Rules {
		if matchPattern(r.Match, name) {
			age = r.MaxAge
			break
		}
	}
	if age <= 0 {
		return "public, no-cache"
	}
	return fmt.Sprintf("public, max-age=%d", int64(age.D()/time.Second))
}
