package revision

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// builder makes one index: it walks to the directories that rules name (walk.go), looks at each on its own (scan.go),
// and puts together what came of it (assemble.go).
type builder struct {
	src    treepack.Source
	o      BuildOptions
	format treepack.Format
	rules  []pathRule
	gather []gatherRule
	prev   previous

	found    []*found
	loose    []gathered  // files to gather that lie in no chunk
	dirs     []Dir       // those that were read, or taken over
	bad      []Rejection // directories that cannot be read, and what stands in the place of a chunk
	warned   []Rejection
	dirCount int
}

// pathRule is a rule that names directories.
type pathRule struct {
	Rule
	path pattern
}

// gatherRule is one pattern of a rule that gathers.
type gatherRule struct {
	rule string
	path pattern
}

// gathered is a file for a rule that gathers.
type gathered struct {
	rule string
	file File
}

// found is a directory that a rule names, and what became of it.
type found struct {
	rule *pathRule
	path string
	key  string
	tree treepack.ID
	raw  []byte // of the tree, if it has been read

	chunk    *Chunk     // when it is accepted
	rejected *Rejection // when it is not
	nested   []Rejection
	warned   []Rejection
	gathered []gathered
}

// Build makes the index of the tree root. Source, Seq and Commit of the result are left to the caller, and the parts that
// are new have no sums yet: see Unpacked and Fill.
func Build(ctx context.Context, src treepack.Source, root treepack.ID, p Preset, o BuildOptions) (*Index, error) {
	o = o.withDefaults()
	b := &builder{src: src, o: o, format: root.Format()}
	if err := b.compile(p); err != nil {
		return nil, fmt.Errorf("build index: %w", err)
	}
	digest := p.digest(o)
	b.prev = newPrevious(o.Previous, digest, b.format)
	if err := b.walk(ctx, root); err != nil {
		return nil, fmt.Errorf("build index: %w", err)
	}
	if err := b.scanAll(ctx); err != nil {
		return nil, fmt.Errorf("build index: %w", err)
	}
	ix, err := b.assemble(ctx)
	if err != nil {
		return nil, fmt.Errorf("build index: %w", err)
	}
	ix.Root, ix.Preset = root, digest
	return ix, nil
}

func (b *builder) compile(p Preset) error {
	if b.format.Size() == 0 {
		return fault.New(fault.Invalid, "content_object_format", "the root tree has no id")
	}
	if err := p.Validate().Err(); err != nil {
		return err
	}
	for _, r := range p.Chunks {
		if r.Path != "" {
			compiled, err := parsePattern(r.Path)
			if err != nil {
				return err
			}
			b.rules = append(b.rules, pathRule{r, compiled})
		}
		for _, text := range r.Gather {
			compiled, err := parsePattern(text)
			if err != nil {
				return err
			}
			b.gather = append(b.gather, gatherRule{r.Name, compiled})
		}
	}
	return nil
}

// scanAll looks at the chunks that have not been taken over, several at a time.
func (b *builder) scanAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(b.o.Parallel)
	for _, f := range b.found {
		if f.chunk == nil {
			g.Go(func() error { return b.scan(ctx, f) })
		}
	}
	return g.Wait()
}

// sortFound brings chunks into an order that does not depend on how they were found.
func (b *builder) sortFound() {
	slices.SortFunc(b.found, func(x, y *found) int {
		return cmp.Or(cmp.Compare(x.path, y.path), cmp.Compare(x.rule.Name, y.rule.Name))
	})
}

// newFound returns what a rule found at a path.
func (b *builder) newFound(r *pathRule, d Dir) *found {
	f := &found{rule: r, path: d.Path, tree: d.Tree, key: r.key(d.Path)}
	b.found = append(b.found, f)
	return f
}

// key returns the key of the rule's chunk at the path.
func (r *pathRule) key(path string) string {
	key, sep := r.Name, ":"
	for _, c := range r.path.captures(path) {
		key, sep = key+sep+c, "/"
	}
	return key
}

// takeOver accepts a chunk as it stood in the index before.
func (b *builder) takeOver(f *found, old *Chunk) {
	c := *old
	c.Kept = false
	f.chunk = &c
	f.gathered = b.oldFiles(f.path)
	for _, r := range under(b.prev.ix.Rejected, f.path, rejectionPath) {
		if r.Code == codeNested {
			f.nested = append(f.nested, r)
		}
	}
	for _, w := range allWithin(b.prev.ix.Warned, f.path, rejectionPath) {
		if w.Key == f.key {
			f.warned = append(f.warned, w)
		}
	}
}

// oldFiles returns the files below a directory that were gathered for the index before.
func (b *builder) oldFiles(dir string) []gathered {
	var out []gathered
	for rule := range b.prev.gathered {
		for _, file := range b.prev.files(rule, dir) {
			out = append(out, gathered{rule, file})
		}
	}
	return out
}
