package revision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/treepack"
)

// assembly puts the index together.
type assembly struct {
	*builder
	ix    *Index
	keys  map[string]bool
	paths map[string]bool // of accepted chunks, gathered ones aside
	order []string        // the same, sorted
	files []gathered
}

func (b *builder) assemble(ctx context.Context) (*Index, error) {
	b.sortFound()
	a := &assembly{builder: b, ix: &Index{Chunks: make([]Chunk, 0, len(b.found)+len(b.gather))}, keys: map[string]bool{}, paths: map[string]bool{}, files: b.loose}
	for _, f := range b.found {
		a.add(f)
	}
	if err := a.keepAll(ctx); err != nil {
		return nil, err
	}
	a.order = sortedKeys(a.paths)
	for _, rule := range gatherRules(b.gather) {
		if err := a.addGathered(ctx, rule); err != nil {
			return nil, err
		}
	}
	a.markWhole()
	slices.SortFunc(a.ix.Chunks, func(x, y Chunk) int { return strings.Compare(x.Key, y.Key) })
	a.ix.Rejected = sortRejections(append(a.ix.Rejected, b.bad...))
	a.ix.Warned = sortRejections(append(a.ix.Warned, b.warned...))
	a.ix.Dirs = b.dirs
	slices.SortFunc(a.ix.Dirs, func(x, y Dir) int { return strings.Compare(x.Path, y.Path) })
	return a.ix, nil
}

// add takes in what became of a chunk. Of two with one key, the first by path stays.
func (a *assembly) add(f *found) {
	if f.chunk != nil && a.keys[f.key] {
		f.chunk, f.gathered = nil, nil
		f.rejected = &Rejection{Key: f.key, Dir: f.path, Path: f.path, Code: codeAmbiguous, Reason: "another directory has the same key: rename one"}
	}
	a.ix.Rejected = append(a.ix.Rejected, f.nested...)
	a.ix.Warned = append(a.ix.Warned, f.warned...)
	if f.chunk != nil {
		a.accept(f)
	}
}

func (a *assembly) accept(f *found) {
	a.ix.Chunks = append(a.ix.Chunks, *f.chunk)
	a.keys[f.key], a.paths[f.path] = true, true
	a.files = append(a.files, f.gathered...)
}

// keepAll lets rejected chunks, and those in directories that cannot be read, keep the content that they had.
func (a *assembly) keepAll(ctx context.Context) error {
	a.order = sortedKeys(a.paths)
	for _, f := range a.found {
		if f.rejected == nil {
			continue
		}
		kept := false
		if f.rejected.Code != codeAmbiguous {
			var err error
			if kept, err = a.keep(ctx, f.key, f.path); err != nil {
				return err
			}
		}
		f.rejected.Kept = kept
		a.ix.Rejected = append(a.ix.Rejected, *f.rejected)
	}
	for i := range a.bad {
		if err := a.keepBelow(ctx, &a.bad[i]); err != nil {
			return err
		}
	}
	return nil
}

// keepBelow keeps the chunks of a directory that cannot be read.
func (a *assembly) keepBelow(ctx context.Context, bad *Rejection) error {
	if bad.Code == codeNotDirectory || a.prev.ix == nil {
		return nil
	}
	for _, c := range a.prev.chunks(bad.Path) {
		kept, err := a.keep(ctx, c.Key, c.Path)
		if err != nil {
			return err
		}
		bad.Kept = bad.Kept || kept
	}
	return nil
}

// keep puts a chunk of the index before in the place of a rejected one, if that is safe: under the rules of today it is
// right, and it is the only one in and above its directory.
func (a *assembly) keep(ctx context.Context, key, path string) (bool, error) {
	if a.prev.ix == nil || a.keys[key] || a.crowded(path) {
		return false, nil
	}
	old, ok := a.prev.ix.Chunk(key)
	if !ok || old.Path != path || len(old.Gathered) > 0 {
		return false, nil
	}
	i := slices.IndexFunc(a.rules, func(r pathRule) bool { return r.Name == old.Rule })
	if i < 0 {
		return false, nil
	}
	f := &found{rule: &a.rules[i], path: path, key: key, tree: old.Tree}
	if a.prev.same {
		a.takeOver(f, old)
	} else if err := a.scan(ctx, f); err != nil || f.chunk == nil {
		return false, err
	}
	f.chunk.Kept = true
	a.accept(f)
	a.ix.Rejected = append(a.ix.Rejected, f.nested...)
	a.ix.Warned = append(a.ix.Warned, f.warned...)
	at, _ := slices.BinarySearch(a.order, path)
	a.order = slices.Insert(a.order, at, path)
	return true, nil
}

// crowded reports whether another chunk is, or lies in or above, a directory.
func (a *assembly) crowded(path string) bool {
	return a.paths[path] || liesIn(path, a.paths) || len(under(a.order, path, self)) > 0
}

// markWhole tells which chunks a view may show as a link: those that have their directory for themselves.
func (a *assembly) markWhole() {
	files := make([]string, 0, len(a.files))
	for i := range a.ix.Chunks {
		for _, f := range a.ix.Chunks[i].Gathered {
			files = append(files, f.Path)
		}
	}
	slices.Sort(files)
	count := map[string]int{}
	for i := range a.ix.Chunks {
		count[a.ix.Chunks[i].Path]++
	}
	for i := range a.ix.Chunks {
		c := &a.ix.Chunks[i]
		r := a.ruleOf(c.Rule)
		c.Whole = r != nil && r.Whole && c.Path != "" && count[c.Path] == 1 && !leads(c.Requires) &&
			!liesIn(c.Path, a.paths) && len(under(a.order, c.Path, self)) == 0 && len(under(files, c.Path, self)) == 0
	}
}

// leads reports whether a chunk has links that leave it.
func leads(requires []string) bool {
	return slices.ContainsFunc(requires, func(r string) bool { return strings.HasPrefix(r, filePrefix) })
}

func (a *assembly) ruleOf(name string) *pathRule {
	i := slices.IndexFunc(a.rules, func(r pathRule) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &a.rules[i]
}

// addGathered makes the chunk of a rule that gathers. Without files there is none.
func (a *assembly) addGathered(ctx context.Context, rule string) error {
	var files []File
	for _, g := range a.files {
		if g.rule == rule {
			files = append(files, g.file)
		}
	}
	slices.SortFunc(files, func(x, y File) int {
		return cmp.Or(cmp.Compare(x.Path, y.Path), x.ID.Compare(y.ID), cmp.Compare(x.Mode, y.Mode))
	})
	files = slices.CompactFunc(files, func(x, y File) bool { return x.Path == y.Path })
	if len(files) == 0 {
		return nil
	}
	c, err := a.gatheredChunk(ctx, rule, files)
	if err == nil {
		a.ix.Chunks = append(a.ix.Chunks, *c)
		return nil
	}
	r, ok := rejection(err, rule, "")
	if !ok {
		return fmt.Errorf("chunk %q: %w", rule, err)
	}
	if old := a.prev.gathered[rule]; old != nil && a.prev.same {
		kept := *old
		r.Kept, kept.Kept = true, true
		a.ix.Chunks = append(a.ix.Chunks, kept)
	}
	a.ix.Rejected = append(a.ix.Rejected, r)
	return nil
}

func (a *assembly) gatheredChunk(ctx context.Context, rule string, files []File) (*Chunk, error) {
	root, trees, err := gatheredTrees(a.format, files)
	if err != nil {
		return nil, err
	}
	c := &Chunk{Key: rule, Rule: rule, Tree: root, Gathered: files}
	src := newObjects(treepack.Overlay(a.src, trees))
	for _, f := range files {
		c.Plain += f.Size
		src.sizes[f.ID] = f.Size
	}
	c.Files = int32(min(len(files), maxFiles)) //nolint:gosec // bounded
	if pieces, ok := a.prev.pieces[root]; ok {
		c.Pieces = slices.Clone(pieces)
		return c, nil
	}
	if c.Pieces, err = treepack.Plan(ctx, src, root, a.o.Limits); err != nil {
		return nil, err
	}
	a.prev.complete(c.Pieces)
	return c, nil
}

func gatherRules(list []gatherRule) []string {
	var out []string
	for _, g := range list {
		out = append(out, g.rule)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func self(s string) string { return s }

func sortedKeys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
