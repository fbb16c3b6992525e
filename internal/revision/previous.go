package revision

import (
	"cmp"
	"slices"

	"holdfast/internal/treepack"
)

// previous answers what the index of the revision before knows. The zero value knows nothing.
type previous struct {
	ix       *Index
	same     bool // it was made under the rules, limits and policies of today: its verdicts hold
	byPath   []*Chunk
	gathered map[string]*Chunk // by rule
	dirs     map[string]Dir
	pieces   map[treepack.ID][]treepack.Piece // by tree
	parts    map[treepack.PartID]treepack.Part
}

// newPrevious looks through an index. One of another object format is of no use.
func newPrevious(ix *Index, digest [32]byte, f treepack.Format) previous {
	if ix == nil || ix.Root.Format() != f {
		return previous{}
	}
	p := previous{
		ix: ix, same: ix.Preset == digest, gathered: map[string]*Chunk{}, dirs: make(map[string]Dir, len(ix.Dirs)),
		pieces: make(map[treepack.ID][]treepack.Piece, len(ix.Chunks)), parts: map[treepack.PartID]treepack.Part{},
	}
	for i := range ix.Chunks {
		p.add(&ix.Chunks[i])
	}
	slices.SortFunc(p.byPath, func(a, b *Chunk) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Key, b.Key)) })
	if p.same {
		for _, d := range ix.Dirs {
			p.dirs[d.Path] = d
		}
	}
	return p
}

func (p *previous) add(c *Chunk) {
	if len(c.Gathered) > 0 {
		p.gathered[c.Rule] = c
	} else {
		p.byPath = append(p.byPath, c)
	}
	if p.same {
		p.pieces[c.Tree] = c.Pieces
	}
	for _, piece := range c.Pieces {
		// The own files of a tree depend on the limit above which a blob is a part of its own.
		if known := piece.Part.SHA256 != [32]byte{}; known && (p.same || piece.Part.ID.Kind != treepack.OwnFiles) {
			p.parts[piece.Part.ID] = piece.Part
		}
	}
}

// complete fills in the sums of parts that are known.
func (p *previous) complete(pieces []treepack.Piece) {
	for i := range pieces {
		if part, ok := p.parts[pieces[i].Part.ID]; ok {
			pieces[i].Part = part
		}
	}
}

// verdict returns the chunk that the rule found at the path in the same tree.
func (p *previous) verdict(rule, path string, tree treepack.ID) *Chunk {
	if !p.same {
		return nil
	}
	for _, c := range p.byPath[sortedFrom(p.byPath, path, chunkPath):] {
		if c.Path != path {
			break
		}
		if c.Rule == rule && c.Tree == tree {
			return c
		}
	}
	return nil
}

// unchanged reports whether a directory is as it was, in chunks as they were, and nothing in it was rejected: what was bad
// must be looked at again, because an object that was missing can be there today.
func (p *previous) unchanged(d Dir) bool {
	return p.dirs[d.Path] == d && len(allWithin(p.ix.Rejected, d.Path, rejectionPath)) == 0
}

// chunks returns the chunks whose directories are or lie in dir.
func (p *previous) chunks(dir string) []*Chunk { return allWithin(p.byPath, dir, chunkPath) }

// files returns the files of a gathering rule that lie in dir.
func (p *previous) files(rule, dir string) []File {
	c := p.gathered[rule]
	if c == nil {
		return nil
	}
	return under(c.Gathered, dir, filePath)
}

// allWithin returns the items of a sorted list whose paths are dir or lie in it. Those of dir itself do not stand beside the
// others: "a", "a-b", "a/b".
func allWithin[T any](list []T, dir string, pathOf func(T) string) []T {
	from, behind := sortedFrom(list, dir, pathOf), sortedAfter(list, dir, pathOf)
	return append(slices.Clone(list[from:behind]), under(list, dir, pathOf)...)
}

func chunkPath(c *Chunk) string        { return c.Path }
func filePath(f File) string           { return f.Path }
func rejectionPath(r Rejection) string { return r.Path }
func dirPath(d Dir) string             { return d.Path }
