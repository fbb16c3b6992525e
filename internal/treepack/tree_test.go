package treepack_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/treepack"
)

// Names with prefixes of each other, as files and directories: git mktree sorts them, and so must we.
func TestTreesAreInGitsOrder(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		r, s := newRepository(t, f), newStore(f)
		git(t, r.dir, []byte("x"), "hash-object", "-w", "--stdin")
		git(t, r.dir, nil, "mktree")
		rng := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			entries := prefixes(rng, s)
			var listing bytes.Buffer
			for _, e := range entries {
				kind := map[bool]string{true: "tree", false: "blob"}[e.Mode == treepack.ModeDir]
				fmt.Fprintf(&listing, "%06o %s %s\t%s\x00", e.Mode, kind, e.ID, e.Name)
			}
			want := git(t, r.dir, listing.Bytes(), "mktree", "-z")
			before := slices.Clone(entries)
			raw := treepack.AppendTree([]byte("before"), entries)[len("before"):]
			if got := treepack.HashObject(f, "tree", raw); got.String() != want {
				t.Fatalf("the tree of %q is %s; git makes %s", listing.Bytes(), got, want)
			}
			if !slices.Equal(before, entries) {
				t.Error("the caller's entries were put in order")
			}
			again, err := treepack.ParseTree(f, raw)
			if err != nil || len(again) != len(entries) {
				t.Errorf("%d entries, %v; want %d", len(again), err, len(entries))
			}
		}
	})
}

// prefixes makes entries with different names.
func prefixes(rng *rand.Rand, s *store) []treepack.Entry {
	used := map[string]bool{}
	var entries []treepack.Entry
	for range 30 {
		name := make([]byte, 1+rng.IntN(3))
		for i := range name {
			name[i] = "a.-0\xff"[rng.IntN(5)]
		}
		if n := string(name); !used[n] && n != "." && n != ".." {
			used[n] = true
			if e := s.file(n, "x"); rng.IntN(2) == 0 {
				entries = append(entries, e)
			} else {
				entries = append(entries, s.dir(n))
			}
		}
	}
	return entries
}

func TestMalformedTreesAreRefused(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	id := string(s.blob("x").Bytes())
	many := "100644 a\x00" + id
	for i := range 50 {
		many += fmt.Sprintf("100644 a.%02d\x00", i) + id
	}
	for what, raw := range map[string]string{
		"no mode":                  " a\x00" + id,
		"no space":                 "100644",
		"mode not octal":           "100648 a\x00" + id,
		"sign":                     "+10064 a\x00" + id,
		"mode of 17 bits":          "200000 a\x00" + id,
		"endless mode":             "00000000000000000 a\x00" + id,
		"no name":                  "100644 \x00" + id,
		"no NUL":                   "100644 a",
		"short id":                 "100644 a\x00" + id[1:],
		"garbage behind":           "100644 a\x00" + id + "\n",
		"same file twice":          "100644 a\x00" + id + "100644 a\x00" + id,
		"same directory twice":     "40000 a\x00" + id + "40000 a\x00" + id,
		"out of order":             "100644 b\x00" + id + "100644 a\x00" + id,
		"directory out of order":   "40000 a\x00" + id + "100644 a.b\x00" + id,
		"file after its directory": "40000 a\x00" + id + "100644 a\x00" + id,
		"file and directory":       "100644 a\x00" + id + "40000 a\x00" + id,
		"the same, names between":  many + "40000 a\x00" + id,
	} {
		if e, err := treepack.ParseTree(treepack.SHA1, []byte(raw)); err == nil || len(e) != 0 || !errors.Is(err, treepack.ErrTree) && !errors.Is(err, treepack.ErrName) {
			t.Errorf("%s: %v, %v", what, e, err)
		}
	}
	if _, err := treepack.ParseTree(treepack.SHA1, []byte(many)); err != nil {
		t.Errorf("the names alone: %v", err)
	}
	if _, err := treepack.ParseTree(treepack.SHA1, make([]byte, treepack.MaxTree+1)); !errors.Is(err, treepack.ErrTooLarge) {
		t.Errorf("a tree above the limit: %v", err)
	}
	if _, err := treepack.ParseTree(0, nil); err == nil {
		t.Error("a tree of no format is accepted")
	}
}

func TestModesAreWhatGitTakesThemFor(t *testing.T) {
	t.Parallel()
	f := func(mode treepack.Mode, kind treepack.Kind, canonical treepack.Mode) {
		t.Helper()
		if mode.Kind() != kind || mode.Canonical() != canonical {
			t.Errorf("%o is %s, %o; want %s, %o", mode, mode.Kind(), mode.Canonical(), kind, canonical)
		}
	}
	f(0o100644, treepack.File, treepack.ModeFile)
	f(0o100664, treepack.File, treepack.ModeFile)
	f(0o100755, treepack.Exec, treepack.ModeExec)
	f(0o100775, treepack.Exec, treepack.ModeExec)
	f(0o104755, treepack.Exec, treepack.ModeExec) // set-uid is dropped
	f(0o100655, treepack.File, treepack.ModeFile) // the owner's bit counts
	f(0o040000, treepack.Dir, treepack.ModeDir)
	f(0o040755, treepack.Dir, treepack.ModeDir)
	f(0o120000, treepack.Link, treepack.ModeLink)
	f(0o160000, treepack.Submodule, treepack.ModeSubmodule)
	f(0o060000, treepack.Other, 0o060000)
	f(0, treepack.Other, 0)
}

// What git's own check refuses as .git or as no name, CheckName refuses too; the rest it allows.
func TestNamesAreRefusedAsGitRefusesThem(t *testing.T) {
	t.Parallel()
	r := newRepository(t, treepack.SHA1)
	s := newStore(treepack.SHA1)
	names := []string{
		"a", "...", ".gitignore", ".gitattributes", "git", "git~2", "git~1", "GIT~1", "git~10", ".git", ".GIT", ".giT", ".git.", ".git ",
		".git . .", ".git...", ".git.a", ".git a", ".git:", ".git::$INDEX_ALLOCATION", ".git:x", "git~1.", "git~1:a", ".git\\a", "a\\.git", "a\\.git\\b",
		"a\\git~1", "a\\.gitx", "a\\..", "..\\a", ".g\u200cit", "\u200e.git", ".git\ufeff", ".gi\u206ft", ".g\u200bit", "\ufeff", ".gıt", ".g\xffit",
		"..", ".", "\xff", "a\nb", "\t", " ", "con", "x.", "*", strings.Repeat("n", 255), "git~1\u200c", ".git\u200c ", "a:b", "\\", "..git", ".git~1",
	}
	byTree := map[string]string{}
	for _, name := range names {
		id := git(t, r.dir, treepack.AppendTree(nil, []treepack.Entry{s.file(name, "")}), "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
		byTree[id] = name
	}
	git(t, r.dir, nil, "hash-object", "-w", "--stdin")
	refused := map[string]bool{}
	for _, line := range strings.Split(fsck(t, r.dir), "\n") {
		for id, name := range byTree {
			if strings.Contains(line, "tree "+id+": hasDot") {
				refused[name] = true
			}
		}
	}
	if len(refused) < 10 {
		t.Fatalf("git fsck refuses %d names only", len(refused))
	}
	for _, name := range names {
		if err := treepack.CheckName(name); (err != nil) != refused[name] || err != nil && !errors.Is(err, treepack.ErrName) {
			t.Errorf("%q: %v; git fsck refuses it: %v", name, err, refused[name])
		}
	}
}

func TestNamesThatNoTreeCanHoldAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a/b", "/", "a\x00b", strings.Repeat("n", 256)} {
		if err := treepack.CheckName(name); !errors.Is(err, treepack.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
