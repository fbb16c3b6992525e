package treepack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/treepack"
)

func plan(tb testing.TB, src treepack.Source, tree treepack.ID, l treepack.Limits) []treepack.Piece {
	tb.Helper()
	pieces, err := treepack.Plan(context.Background(), src, tree, l)
	if err != nil {
		tb.Fatal(err)
	}
	return pieces
}

// summary writes pieces as "kind path (mode)" for comparison with what a person expects.
func summary(pieces []treepack.Piece) []string {
	var out []string
	for _, p := range pieces {
		line := string(p.Part.ID.Kind) + " " + p.Path
		if p.Mode != 0 {
			line += fmt.Sprintf(" %o", p.Mode)
		}
		out = append(out, line)
	}
	return out
}

func TestLargeTreesAreSplitAlongTheirSubTrees(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		s := newStore(f)
		kb := func(n int) string { return strings.Repeat("k", n<<10) }
		tree := s.tree(
			s.exec("big.sh", kb(11)), s.file("readme", "r"), s.link("link", "readme"),
			s.dir("bare", s.dir("a", s.file("x", kb(9))), s.dir("b", s.file("x", kb(9)))),
			s.dir("flat", s.file("1", kb(9)), s.file("2", kb(9)), s.file("3", kb(9))),
			s.dir("small", s.dir("empty"), s.file("x", "x")),
			treepack.Entry{Name: "odd.bin", Mode: 0o100664, ID: s.blob(kb(12))},
		)
		got := summary(plan(t, s, tree, treepack.Limits{Part: 10 << 10}))
		want := []string{"f ", "t bare/a", "t bare/b", "b big.sh 100755", "t flat", "b odd.bin 100644", "t small"}
		if !slices.Equal(got, want) {
			t.Errorf("pieces %q; want %q", got, want)
		}
		for _, l := range []treepack.Limits{{}, {Part: 1 << 20}} {
			if got := summary(plan(t, s, tree, l)); !slices.Equal(got, []string{"t "}) {
				t.Errorf("limit %d: pieces %q; want the whole tree", l.Part, got)
			}
		}
	})
}

// assemble packs and unpacks all pieces into one place. It fails when a part is not what was planned.
func assemble(tb testing.TB, s *store, pieces []treepack.Piece, l treepack.Limits) map[string]string {
	tb.Helper()
	out := map[string]string{"": "dir"}
	for _, p := range pieces {
		data, part := pack(tb, s, p.Part.ID, l)
		if part.Plain != p.Part.Plain || part.Files != p.Part.Files {
			tb.Errorf("%q %s: packed %d bytes, %d files; planned %d, %d", p.Path, part.ID, part.Plain, part.Files, p.Part.Plain, p.Part.Files)
		}
		for path, value := range unpack(tb, data, part).files {
			full := strings.Trim(p.Path+"/"+path, "/")
			if p.Part.ID.Kind == treepack.BigBlob && p.Mode == treepack.ModeExec {
				value = strings.Replace(value, "exec=false", "exec=true", 1)
			}
			if before, ok := out[full]; ok && before != value {
				tb.Errorf("%q comes twice", full)
			}
			out[full] = value
		}
		for dir := p.Path; strings.Contains(dir, "/"); { // directories that no piece brings
			dir = dir[:strings.LastIndexByte(dir, '/')]
			out[dir] = "dir"
		}
	}
	return out
}

// Whatever the tree and the limit: the pieces together are the tree, and each is as large as planned.
func TestThePiecesTogetherAreTheTree(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		for seed := range uint64(8) {
			s := newStore(f)
			rng := rand.New(rand.NewPCG(seed, 7))
			tree := s.random(rng, 120, 3000)
			want := s.expect(t, tree)
			for _, limit := range []int64{0, 1, 600, 2500, 20_000, 1 << 30} {
				l := treepack.Limits{Part: limit}
				sameFiles(t, assemble(t, s, plan(t, s, tree, l), l), want)
			}
		}
	})
}

// S4-41, S4-42: another revision has other parts only where it differs, and the same plan is made again.
func TestRevisionsSharePartsAndPlansAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		s := newStore(f)
		l := treepack.Limits{Part: 4 << 10}
		build := func(changed string) treepack.ID {
			rng := rand.New(rand.NewPCG(3, 3))
			rest := s.random(rng, 200, 2000)
			return s.tree(treepack.Entry{Name: "lib", Mode: treepack.ModeDir, ID: rest}, s.file("notes", "n"),
				s.dir("edited", s.file("same", strings.Repeat("s", 5000)), s.dir("sub", s.file("x", changed))))
		}
		one, two := plan(t, s, build("1"), l), plan(t, s, build("2"), l)
		if !slices.Equal(one, plan(t, s, build("1"), l)) {
			t.Error("the same tree has two plans")
		}
		known := map[treepack.PartID]bool{}
		for _, p := range one {
			known[p.Part.ID] = true
		}
		var fresh []string
		for _, p := range two {
			if !known[p.Part.ID] {
				fresh = append(fresh, string(p.Part.ID.Kind)+" "+p.Path)
			}
		}
		if want := []string{"f ", "t edited/sub"}; !slices.Equal(fresh, want) || len(two) < 20 {
			t.Errorf("new are %q of %d; want %q", fresh, len(two), want)
		}
	})
}

// The plain bytes follow from the part alone: another machine, with another compressor, makes the same.
func TestPlainBytesAreAFunctionOfThePart(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		var names []string
		for range 2 {
			s := newStore(f)
			tree := s.small()
			data, part := whole(t, s, tree)
			again, second := whole(t, s, tree)
			if part != second || !bytes.Equal(data, again) {
				t.Error("the same pack twice differs")
			}
			names = append(names, part.BlobName())
			sameFiles(t, unpack(t, data, part).files, s.expect(t, tree))
		}
		if names[0] != names[1] {
			t.Errorf("the part is called %q", names)
		}
	})
}

func TestChunksAboveTheLimitsAreRefusedWithThePlace(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA256)
	deep := func(n int) treepack.ID {
		tree := s.tree(s.file("x", "x"))
		for range n {
			tree = s.tree(treepack.Entry{Name: "d", Mode: treepack.ModeDir, ID: tree})
		}
		return tree
	}
	tree := s.tree(s.file("a", "1234567"), s.dir("d", s.file("b", "12345678"), s.link("l", "x")))
	f := func(tree treepack.ID, l treepack.Limits, want error, path string) {
		t.Helper()
		pieces, err := treepack.Plan(t.Context(), s, tree, l)
		if !errors.Is(err, want) || treepack.PathOf(err) != path || pieces != nil {
			t.Errorf("plan with %+v: %v at %q; want %v at %q", l, err, treepack.PathOf(err), want, path)
		}
		_, err = treepack.Pack(t.Context(), &bytes.Buffer{}, s, treepack.PartID{Kind: treepack.WholeTree, ID: tree}, l)
		if !errors.Is(err, want) || treepack.PathOf(err) != path {
			t.Errorf("pack with %+v: %v at %q; want %v at %q", l, err, treepack.PathOf(err), want, path)
		}
	}
	f(tree, treepack.Limits{Blob: 7}, treepack.ErrTooLarge, "d/b")
	f(tree, treepack.Limits{Plain: 150}, treepack.ErrTooLarge, "d")
	f(tree, treepack.Limits{Files: 3}, treepack.ErrTooManyFiles, "d/l")
	f(deep(3), treepack.Limits{Depth: 2}, treepack.ErrTooDeep, "d/d/d")
	f(deep(129), treepack.Limits{}, treepack.ErrTooDeep, strings.Repeat("d/", 128)+"d")
	long := s.tree(s.file("x", "x"))
	for range 13 {
		long = s.tree(treepack.Entry{Name: strings.Repeat("n", 250), Mode: treepack.ModeDir, ID: long})
	}
	f(long, treepack.Limits{}, treepack.ErrTooDeep, strings.Repeat(strings.Repeat("n", 250)+"/", 12)+strings.Repeat("n", 250))
	f(s.tree(s.link("l", strings.Repeat("x", 4096))), treepack.Limits{}, treepack.ErrTooLarge, "l")
	f(s.tree(s.dir("d", treepack.Entry{Name: "dev", Mode: 0o060000, ID: s.blob("x")})), treepack.Limits{}, treepack.ErrMode, "d/dev")
	f(s.tree(s.dir("d", s.file(".Git ", "x"))), treepack.Limits{}, treepack.ErrName, "d")
	pieces, err := treepack.Plan(t.Context(), s, tree, treepack.Limits{Blob: 8, Files: 4, Depth: 1, Plain: 1000})
	if err != nil || len(pieces) != 1 {
		t.Errorf("at the limits: %v, %v", pieces, err)
	}
}

// A tree that holds the same tree ten times, which holds the same tree ten times, and so on, is small in git and
// endless when it is walked, even when there is not one file in it.
func TestATreeOfNothingButDirectoriesEnds(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	tree := s.tree()
	for range 12 {
		var entries []treepack.Entry
		for i := range 10 {
			entries = append(entries, treepack.Entry{Name: fmt.Sprint(i), Mode: treepack.ModeDir, ID: tree})
		}
		tree = s.tree(entries...)
	}
	_, err := treepack.Plan(t.Context(), s, tree, treepack.DefaultLimits())
	if !errors.Is(err, treepack.ErrTooManyFiles) {
		t.Errorf("10^12 directories: %v", err)
	}
}

func TestMissingAndForgedObjectsAreToldWithTheirPlace(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		s := newStore(f)
		lost, forged := s.file("lost", "lost"), s.file("forged", "forged")
		tree := s.tree(s.dir("a", lost))
		other := s.tree(s.dir("b", forged))
		delete(s.blobs, lost.ID)
		try := func(tree treepack.ID, want error, path string) {
			t.Helper()
			_, err := treepack.Pack(t.Context(), &bytes.Buffer{}, s, treepack.PartID{Kind: treepack.WholeTree, ID: tree}, treepack.Limits{})
			if !errors.Is(err, want) || treepack.PathOf(err) != path {
				t.Errorf("pack: %v at %q; want %v at %q", err, treepack.PathOf(err), want, path)
			}
		}
		try(tree, treepack.ErrMissing, "a/lost")
		if _, err := treepack.Plan(t.Context(), s, tree, treepack.Limits{}); !errors.Is(err, treepack.ErrMissing) || treepack.PathOf(err) != "a/lost" {
			t.Errorf("plan: %v", err)
		}
		s.blobs[forged.ID] = []byte("forgeD")
		try(other, treepack.ErrObject, "b/forged")
		sub := s.tree(s.file("x", "x"))
		top := s.tree(treepack.Entry{Name: "t", Mode: treepack.ModeDir, ID: sub})
		s.trees[sub] = treepack.AppendTree(nil, []treepack.Entry{s.file("y", "x")})
		try(top, treepack.ErrObject, "t")
		try(s.tree(s.link("l", "")), treepack.ErrLink, "l")
		try(s.tree(s.link("l", "a\x00b")), treepack.ErrLink, "l")
	})
}

func TestAnOverlayHasTreesThatNoCommitHas(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	raw := treepack.AppendTree(nil, []treepack.Entry{s.file("thumbnail.png", "png")})
	id := treepack.HashObject(treepack.SHA1, "tree", raw)
	if _, err := treepack.Plan(t.Context(), s, id, treepack.Limits{}); !errors.Is(err, treepack.ErrMissing) {
		t.Fatalf("the source has the gathered tree: %v", err)
	}
	over := treepack.Overlay(s, map[treepack.ID][]byte{id: raw})
	data, part := whole(t, over, id)
	if got := unpack(t, data, part).files["thumbnail.png"]; got != "file exec=false png" {
		t.Errorf("unpacked %q", got)
	}
}
