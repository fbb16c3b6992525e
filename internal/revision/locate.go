package revision

import (
	"slices"
	"strings"
)

// table finds chunks by path. It is made when it is first asked for.
type table struct {
	dirs     map[string][]*Chunk
	files    map[string][]*Chunk // of gathered chunks
	rejected map[string]bool     // directories of rejected chunks
}

func (ix *Index) lookup() *table {
	if t := ix.table.Load(); t != nil {
		return t
	}
	t := &table{dirs: map[string][]*Chunk{}, files: map[string][]*Chunk{}, rejected: map[string]bool{}}
	for i := range ix.Chunks {
		c := &ix.Chunks[i]
		if len(c.Gathered) == 0 {
			t.dirs[c.Path] = append(t.dirs[c.Path], c)
		}
		for _, f := range c.Gathered {
			t.files[f.Path] = append(t.files[f.Path], c)
		}
	}
	for _, r := range ix.Rejected {
		if r.Key != "" && r.Dir != "" && !r.Kept {
			t.rejected[r.Dir] = true
		}
	}
	ix.table.Store(t)
	return t
}

// Chunk returns the chunk with the key.
func (ix *Index) Chunk(key string) (*Chunk, bool) {
	i, ok := slices.BinarySearchFunc(ix.Chunks, key, func(c Chunk, key string) int { return strings.Compare(c.Key, key) })
	if !ok {
		return nil, false
	}
	return &ix.Chunks[i], true
}

// Locate returns the chunk that holds the path: of chunks in each other the innermost, or the one that has gathered the
// file. Whether there is a file, only the content can tell.
func (ix *Index) Locate(path string) (*Chunk, bool) {
	if !isRelative(path) {
		return nil, false
	}
	t := ix.lookup()
	if _, chunks := t.innermost(path); len(chunks) > 0 {
		return chunks[0], true
	}
	if chunks := t.files[path]; len(chunks) > 0 {
		return chunks[0], true
	}
	return nil, false
}

// innermost returns the chunks whose directory holds the path, and no directory of a chunk lies between.
func (t *table) innermost(path string) (dir string, chunks []*Chunk) {
	for dir = path; ; dir = parent(dir) {
		if chunks = t.dirs[dir]; len(chunks) > 0 || dir == "" {
			return dir, chunks
		}
	}
}

// Served reports whether the rules let browsers have the file at the path: those of the innermost chunk that holds it, or
// those of a chunk that has gathered it. A file reached through symbolic links must be asked about under its real path.
func (ix *Index) Served(p Preset, path string) bool {
	if !isRelative(path) {
		return false
	}
	t := ix.lookup()
	for _, c := range t.files[path] {
		if r, ok := p.rule(c.Rule); ok && r.serves(path) {
			return true
		}
	}
	dir, chunks := t.innermost(path)
	for d := path; d != dir; d = parent(d) {
		if t.rejected[d] { // its rules say what of it is private, and its chunk is not there to name them
			return false
		}
	}
	for _, c := range chunks {
		if r, ok := p.rule(c.Rule); !ok || !below(path, dir) || !r.serves(strings.TrimPrefix(path[len(dir):], "/")) {
			return false
		}
	}
	return len(chunks) > 0
}

// serves reports whether a file, named from the directory of the chunk, matches one of the rule's patterns.
func (r Rule) serves(path string) bool {
	return slices.ContainsFunc(r.Serve, func(text string) bool {
		compiled, err := parsePattern(text)
		return err == nil && compiled.match(path)
	})
}
