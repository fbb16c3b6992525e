package revision_test

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// generated is a synthetic course behind the real git program.
type generated struct {
	course *coursegen.Course
	repo   *gitrepo.Repo
	src    *counting
}

// counting counts what is read.
type counting struct {
	treepack.Source
	trees, sizes, blobs atomic.Int64
}

func (c *counting) Tree(ctx context.Context, id treepack.ID) ([]byte, error) {
	c.trees.Add(1)
	return c.Source.Tree(ctx, id)
}

func (c *counting) Size(ctx context.Context, id treepack.ID) (int64, error) {
	c.sizes.Add(1)
	return c.Source.Size(ctx, id)
}

func (c *counting) Blob(ctx context.Context, id treepack.ID) (io.ReadCloser, error) {
	c.blobs.Add(1)
	return c.Source.Blob(ctx, id)
}

// take returns the reads since the last call.
func (c *counting) take() (trees, sizes, blobs int64) {
	return c.trees.Swap(0), c.sizes.Swap(0), c.blobs.Swap(0)
}

func generate(t testing.TB, o coursegen.Options) *generated {
	t.Helper()
	c, err := coursegen.Generate(t.Context(), filepath.Join(t.TempDir(), "origin.git"), o)
	if err != nil {
		t.Fatal(err)
	}
	repo, err := gitrepo.Open(t.Context(), gitrepo.Options{Dir: filepath.Join(t.TempDir(), "mirror.git"), URL: c.Dir})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := repo.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
	})
	return &generated{course: c, repo: repo, src: &counting{Source: objects}}
}

// root fetches the branch and returns the tree of the course.
func (g *generated) root(t testing.TB) treepack.ID {
	t.Helper()
	commit, err := g.repo.Fetch(t.Context(), g.course.Branch, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := g.repo.Commit(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	root, err := g.repo.Below(t.Context(), info.Tree, g.course.Root)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func (g *generated) commit(t testing.TB, kinds ...coursegen.Kind) treepack.ID {
	t.Helper()
	if _, err := g.course.Commit(t.Context(), kinds...); err != nil {
		t.Fatal(err)
	}
	return g.root(t)
}

func (g *generated) build(t testing.TB, root treepack.ID, o revision.BuildOptions) *revision.Index {
	t.Helper()
	ix, err := revision.Build(t.Context(), g.src, root, course(), o)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

// stamp gives new parts sums, as if they had been packed.
func stamp(ix *revision.Index) *revision.Index {
	for _, p := range ix.Parts() {
		if p.SHA256 == [32]byte{} {
			p.SHA256[0], p.Packed = 1, p.Plain
			ix.Fill(p)
		}
	}
	return ix
}

// Acceptance target of the research: a one-question edit in a 1,775-chunk course reads at most 30 objects, and packs one part.
func TestAOneQuestionEditOfABigCourseReadsAFewObjects(t *testing.T) {
	t.Parallel()
	g := generate(t, coursegen.Options{Seed: 1, Questions: 1772, ServerFiles: coursegen.Bulk{Count: 50, Bytes: 50_000}})
	root := g.root(t)
	last := stamp(g.build(t, root, revision.BuildOptions{}))
	if n := len(last.Chunks); n < 1775 {
		t.Fatalf("%d chunks; want 1775 or more", n)
	}
	trees, sizes, blobs := g.src.take()
	t.Logf("%d chunks, %d parts, first build: %d trees, %d sizes, %d blobs", len(last.Chunks), len(last.Parts()), trees, sizes, blobs)
	for _, kind := range []coursegen.Kind{coursegen.OneQuestion, coursegen.OneQuestion, coursegen.Metadata, coursegen.Empty, coursegen.Add} {
		root = g.commit(t, kind)
		// A new process has no memo: the index alone must do.
		next := g.build(t, root, revision.BuildOptions{Previous: last})
		trees, sizes, blobs = g.src.take()
		t.Logf("%s: %d trees, %d sizes, %d blobs, %d parts new, %+v", kind, trees, sizes, blobs, len(next.Unpacked()), revision.Compare(last, next))
		if n := trees + sizes + blobs; n > 30 {
			t.Errorf("%s: %d objects read; want 30 at most", kind, n)
		}
		if n, most := len(next.Unpacked()), changedParts(kind); n > most {
			t.Errorf("%s: %d parts to pack; want %d", kind, n, most)
		}
		last = stamp(next)
	}
	root = g.commit(t, coursegen.Rename)
	next := g.build(t, root, revision.BuildOptions{Previous: last})
	if c := revision.Compare(last, next); len(c.Renamed) != 1 || len(c.Added)+len(c.Removed) > 0 {
		t.Errorf("a renamed question: %+v", c)
	}
	if n := len(next.Unpacked()); n > 1 { // the gathered thumbnails have another path, if it has one
		t.Errorf("a renamed question: %d parts to pack", n)
	}
}

func changedParts(k coursegen.Kind) int {
	switch k {
	case coursegen.Metadata, coursegen.Empty:
		return 0
	case coursegen.Add:
		return 2 // the question and, if it has one, its thumbnail
	}
	return 1
}

// The oddities of the generator, through the real git program, in both object formats.
func TestOddQuestionsOfARealRepositoryAreIsolated(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			g := generate(t, coursegen.Options{Seed: 2, Questions: 12, Format: format, Root: "courses/one", Oddities: coursegen.Oddities()})
			limits := treepack.DefaultLimits()
			limits.Blob, limits.Files = 4<<20, 2000
			ix := g.build(t, g.root(t), revision.BuildOptions{Limits: limits})
			for _, id := range g.course.Questions() {
				if _, ok := ix.Chunk("question:" + id); !ok {
					t.Errorf("the sound question %q is missing", id)
				}
			}
			for _, odd := range coursegen.Oddities() {
				_, accepted := ix.Chunk("question:" + odd.Question())
				want := odd.Effect() == coursegen.Fine || odd.Effect() == coursegen.Warned
				// A file beside questions is nothing to tell: a course may have a README there.
				told := mentions(ix.Rejected, odd.Path()) || odd == coursegen.FileChunk
				if accepted != want || !want && !told || odd.Effect() == coursegen.Warned && !told && !mentions(ix.Warned, odd.Path()) {
					t.Errorf("%s: accepted %v, want %v; rejected %+v", odd, accepted, want, ix.Rejected)
				}
			}
			if got, _ := closure(t, ix, course(), "question:"+coursegen.TemplateCycle.Question()); len(got) != 2 {
				t.Errorf("two questions that need each other: %q", got)
			}
		})
	}
}

func mentions(list []revision.Rejection, dir string) bool {
	return slices.ContainsFunc(list, func(r revision.Rejection) bool { return r.Path == dir || strings.HasPrefix(r.Path, dir+"/") })
}

func BenchmarkBuild(b *testing.B) {
	for name, o := range map[string]coursegen.Options{
		"450":  {Seed: 3, Questions: 446, ServerFiles: coursegen.Bulk{Count: 20, Bytes: 600_000}},
		"1775": coursegen.Mega(3),
	} {
		g := generate(b, o)
		root := g.root(b)
		last := stamp(g.build(b, root, revision.BuildOptions{}))
		edited := g.commit(b, coursegen.OneQuestion)
		b.Run(name+"/cold", func(b *testing.B) { g.bench(b, root, revision.BuildOptions{}) })
		b.Run(name+"/memo", func(b *testing.B) { g.bench(b, root, revision.BuildOptions{Memo: revision.NewMemo(1 << 16)}) })
		b.Run(name+"/edit", func(b *testing.B) { g.bench(b, edited, revision.BuildOptions{Previous: last}) })
		b.Run(name+"/same", func(b *testing.B) { g.bench(b, root, revision.BuildOptions{Previous: last}) })
	}
}

func (g *generated) bench(b *testing.B, root treepack.ID, o revision.BuildOptions) {
	b.Helper()
	g.src.take()
	b.ReportAllocs()
	for b.Loop() {
		g.build(b, root, o)
	}
	trees, sizes, blobs := g.src.take()
	b.ReportMetric(float64(trees+sizes+blobs)/float64(b.N), "reads/op")
}

func BenchmarkIndex(b *testing.B) {
	g := generate(b, coursegen.Options{Seed: 3, Questions: 1772, ServerFiles: coursegen.Bulk{Count: 1209, Bytes: 200_000}})
	ix := stamp(g.build(b, g.root(b), revision.BuildOptions{}))
	ix.Commit = ix.Root
	data := encode(b, ix)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encode(b, ix)
		}
		b.ReportMetric(float64(len(data)), "index-bytes")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := revision.Decode(data, public(signer())); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("closure", func(b *testing.B) {
		want := []string{"render:" + g.course.Questions()[700]}
		for b.Loop() {
			if _, _, err := ix.Closure(course(), want); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("served", func(b *testing.B) {
		path := "questions/" + g.course.Questions()[700] + "/clientFilesQuestion/a.png"
		for b.Loop() {
			ix.Served(course(), path)
		}
	})
}
