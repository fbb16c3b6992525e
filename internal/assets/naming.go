package assets

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// name gives every file its hashed name, and finds out which of them are not there yet.
func (p *plan) name(context.Context) error {
	for _, group := range groups(p.edges) {
		digests := inputs(group, p.edges, p.next.Sources, p.hashed)
		for _, logical := range group {
			name := logical
			if !p.taken.hashed[logical] {
				name = p.nameFor(logical, digests[logical])
			}
			p.hashed[logical] = name
			p.claim(logical, name, digests[logical])
		}
	}
	for logical, file := range p.taken.names {
		if to, ok := p.hashed[file]; ok {
			p.next.Names[logical] = to
		}
	}
	p.next.Vite = p.takenVite()
	for name, f := range p.old.Files {
		if p.next.Files[name] != nil {
			continue
		}
		kept := *f
		if kept.Retired.IsZero() {
			kept.Retired = p.began.UTC()
		}
		p.next.Files[name] = &kept
	}
	return nil
}

// nameFor returns the hashed name of a file. Should another content have it already, the name gets longer.
func (p *plan) nameFor(logical, digest string) string {
	for n := nameLength; ; n += 4 {
		name := hashedName(logical, digest[:min(n, len(digest))])
		_, isPlain := p.scan.found[name]
		other, taken := p.old.Files[name], p.next.Files[name] != nil
		if n >= len(digest) || !isPlain && !taken && (other == nil || other.Inputs == digest) {
			return name
		}
	}
}

// claim puts a file into the next index: as it was in the old one if it is there and whole, else as work to do.
func (p *plan) claim(logical, name, digest string) {
	p.next.Names[logical] = name
	f := p.old.Files[name]
	if f != nil && f.Inputs == digest && p.whole(name, f) {
		kept := *f
		kept.Retired, kept.Logical = time.Time{}, logical
		p.next.Files[name] = &kept
		return
	}
	if f != nil && f.Inputs != digest {
		p.note(logical, "", "its content changed though its name did not: browsers that have it keep the old one for a year")
	}
	p.next.Files[name] = &file{Logical: logical, Inputs: digest, Since: p.began.UTC()}
	p.work = append(p.work, job{logical, name, digest, len(p.edges[logical]) > 0})
}

// whole reports whether the variants of a file lie in the set in their full length. What is in them is checked when they
// are loaded.
func (p *plan) whole(name string, f *file) bool {
	if len(f.Variants) == 0 || p.distrust[name] {
		return false
	}
	for _, v := range f.Variants {
		info, err := os.Stat(p.path(name, v.Coding))
		if err != nil || info.Size() != v.Size || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

func (p *plan) path(name string, c Coding) string { return variantPath(p.config.Output, name, c) }

// variantPath returns where a variant lies.
func variantPath(output, name string, c Coding) string {
	return filepath.Join(output, filepath.FromSlash(name)) + c.suffix()
}

// report counts.
func (p *plan) report() Report {
	r := Report{Assets: len(p.next.Names), Notes: p.notes}
	for _, name := range p.hashed {
		if f := p.next.Files[name]; len(f.Variants) > 0 {
			r.Bytes += f.Variants[0].Size
		}
	}
	for _, j := range p.work {
		r.Written = append(r.Written, j.name)
	}
	for _, f := range p.next.Files {
		if !f.Retired.IsZero() {
			r.Retired++
		}
	}
	for name := range p.old.Files {
		if p.next.Files[name] == nil {
			r.Removed++
		}
	}
	slices.Sort(r.Written)
	slices.SortFunc(r.Notes, func(a, b Note) int { return strings.Compare(a.String(), b.String()) })
	return r
}
