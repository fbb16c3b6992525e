package gitrepo_test

import (
	"path/filepath"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/treepack"
)

// mega returns a mirror of the largest course, and the tree of its head.
func mega(b *testing.B) (*coursegen.Course, *gitrepo.Repo, treepack.ID) {
	b.Helper()
	c, err := coursegen.Generate(b.Context(), filepath.Join(b.TempDir(), "mega.git"), coursegen.Mega(1))
	if err != nil {
		b.Fatal(err)
	}
	r, err := gitrepo.Open(b.Context(), gitrepo.Options{Dir: filepath.Join(b.TempDir(), "mirror"), URL: c.Dir})
	if err != nil {
		b.Fatal(err)
	}
	info, err := r.Commit(b.Context(), id(b, fetch(b, r, "")))
	if err != nil {
		b.Fatal(err)
	}
	return c, r, info.Tree
}

// BenchmarkFetch tells what a fetch costs that brings nothing, and one that brings the edit of a question; both beside git's own.
func BenchmarkFetch(b *testing.B) {
	c, r, _ := mega(b)
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			fetch(b, r, "")
		}
	})
	b.Run("edit", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			commit(b, c, coursegen.OneQuestion)
			b.StartTimer()
			fetch(b, r, "")
		}
	})
	b.Run("git alone, unchanged", func(b *testing.B) {
		for b.Loop() {
			git(b, r.Dir(), "fetch", "--quiet", "--no-tags", c.Dir, "+HEAD:refs/heads/alone")
		}
	})
}

// BenchmarkObjects tells what it costs to read every tree of the course, and everything.
func BenchmarkObjects(b *testing.B) {
	_, r, tree := mega(b)
	o := objects(b, r)
	b.Run("trees", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = trees(b, o, tree)
		}
		b.ReportMetric(float64(n), "trees/op")
	})
	b.Run("everything", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = walk(b, o, tree)
		}
		b.ReportMetric(float64(n), "files/op")
	})
}

// trees reads a tree and those below it, and returns their number.
func trees(b *testing.B, o *gitrepo.Objects, tree treepack.ID) int {
	raw, err := o.Tree(b.Context(), tree)
	if err != nil {
		b.Fatal(err)
	}
	entries, err := treepack.ParseTree(tree.Format(), raw)
	if err != nil {
		b.Fatal(err)
	}
	n := 1
	for _, e := range entries {
		if e.Mode.Kind() == treepack.Dir {
			n += trees(b, o, e.ID)
		}
	}
	return n
}
