package gitrepo_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
)

// spoil overwrites bytes in the middle of a file, and makes it shorter if cut says so.
func spoil(t *testing.T, path string, cut bool) {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if cut {
		if err := os.Truncate(path, info.Size()/2); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, info.Size()/2)
	for i := range junk {
		junk[i] = 0x5a
	}
	if _, err := f.WriteAt(junk, info.Size()/4); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// damages are ways in which a mirror breaks that a restart must notice.
func damages() map[string]func(t *testing.T, dir string) {
	pack := func(t *testing.T, dir, ext string) string { return names(t, dir, "objects/pack/*."+ext)[0] }
	return map[string]func(t *testing.T, dir string){
		"a pack is cut off":       func(t *testing.T, dir string) { spoil(t, pack(t, dir, "pack"), true) },
		"a pack is gone":          func(t *testing.T, dir string) { remove(t, pack(t, dir, "pack")) },
		"an index is gone":        func(t *testing.T, dir string) { remove(t, pack(t, dir, "idx")) },
		"an index is cut off":     func(t *testing.T, dir string) { spoil(t, pack(t, dir, "idx"), true) },
		"all objects are gone":    func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "objects")) },
		"HEAD is gone":            func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "HEAD")) },
		"HEAD is junk":            func(t *testing.T, dir string) { put(t, filepath.Join(dir, "HEAD"), "\x00\x00\x00") },
		"the settings are junk":   func(t *testing.T, dir string) { put(t, filepath.Join(dir, "config"), "[core\nxx") },
		"the settings are gone":   func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "config")) },
		"a ref is junk":           func(t *testing.T, dir string) { put(t, filepath.Join(dir, "refs/holdfast/fetched"), "junk\n") },
		"a ref is empty":          func(t *testing.T, dir string) { put(t, filepath.Join(dir, "refs/holdfast/fetched"), "") },
		"a ref names nothing":     func(t *testing.T, dir string) { put(t, filepath.Join(dir, "refs/holdfast/fetched"), nothing+"\n") },
		"the mirror is gone":      func(t *testing.T, dir string) { remove(t, dir) },
		"it borrows its objects":  func(t *testing.T, dir string) { put(t, filepath.Join(dir, "objects/info/alternates"), "/nowhere\n") },
		"the packed refs are bad": func(t *testing.T, dir string) { put(t, filepath.Join(dir, "packed-refs"), "junk\n") },
	}
}

const nothing = "0123456789012345678901234567890123456789"

func TestABrokenMirrorIsClonedAgain(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	for i, name := range slices.Sorted(maps.Keys(damages())) {
		damage := damages()[name]
		for _, restart := range []bool{true, false} {
			if restart == (i%2 == 0) && os.Getenv("HOLDFAST_SOAK") == "" {
				continue // half of the pairs: every damage is seen, and each way to notice it with half of them
			}
			o := options(t, c.Dir)
			r := open(t, o)
			fetch(t, r, "")
			damage(t, o.Dir)
			if restart {
				r = open(t, o)
			} else {
				lookAround(t, r, c.Head)
			}
			if got, err := r.Fetch(t.Context(), "", nil); err != nil || got.String() != c.Head {
				t.Errorf("%s, restart %v: the branch is at %s, %v; want %s", name, restart, got, err, c.Head)
				continue
			}
			readable(t, r, c.Head)
			if left := names(t, filepath.Dir(o.Dir), "mirror.*"); len(left) != 1 { // the lock
				t.Errorf("%s, restart %v: beside the mirror are %v", name, restart, left)
			}
		}
	}
}

// lookAround reads what is broken, as a sync does, so that the mirror comes under suspicion.
func lookAround(t *testing.T, r *gitrepo.Repo, commit string) {
	t.Helper()
	o, err := r.Objects(t.Context())
	if err != nil {
		return
	}
	_, _ = o.Tree(t.Context(), id(t, commit)) // it fails in some way or other
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// What no listing of objects shows: bytes that have rotted.
func TestAnObjectThatCannotBeReadBringsTheMirrorUnderSuspicion(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		opt := tiny(format)
		opt.Oddities, opt.BigBytes = []coursegen.Oddity{coursegen.BigFile}, 2<<20
		c := generate(t, opt)
		r := open(t, options(t, c.Dir))
		fetch(t, r, "")
		spoil(t, names(t, r.Dir(), "objects/pack/*.pack")[0], false)
		o := objects(t, r)
		_, err := slurp(t, o, id(t, git(t, c.Dir, "rev-parse", "HEAD:"+coursegen.BigFile.Path()+"/big.bin")))
		expect(t, err, gitrepo.ErrMirrorCorrupt, "sync the source")
		if got := fetch(t, r, ""); got != c.Head {
			t.Errorf("the branch is at %s; want %s", got, c.Head)
		}
		readable(t, r, c.Head)
		// The reader from before serves the new mirror.
		info, err := r.Commit(t.Context(), id(t, c.Head))
		if err != nil {
			t.Fatal(err)
		}
		walk(t, o, info.Tree)
	}
}

func TestKeptCommitsAreTakenOverFromABrokenMirror(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	o := options(t, c.Dir)
	r := open(t, o)
	rewritten := fetch(t, r, "")
	if err := r.Keep(t.Context(), 1, id(t, rewritten)); err != nil {
		t.Fatal(err)
	}
	first := names(t, o.Dir, "objects/pack/*.pack")[0]
	commit(t, c, coursegen.ForcePush)
	commit(t, c, coursegen.OneQuestion)
	published := fetch(t, r, "")
	if err := r.Keep(t.Context(), 2, id(t, published)); err != nil {
		t.Fatal(err)
	}
	for _, pack := range names(t, o.Dir, "objects/pack/*.pack") {
		if pack != first {
			remove(t, pack)
		}
	}
	commit(t, c, coursegen.OneQuestion)
	git(t, c.Dir, "gc", "--quiet", "--prune=now")
	r = open(t, o)
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
	kept, err := r.Kept(t.Context())
	if err != nil || len(kept) != 2 || kept[1].String() != rewritten || kept[2].String() != published {
		t.Errorf("kept %v, %v; want %s and %s", kept, err, rewritten, published)
	}
	readable(t, r, rewritten)
	readable(t, r, published)
}

// Research 4.8, "Shallow clones": fine for trees; where the remote has more, the mirror gets it.
func TestAShallowMirrorIsMadeWholeAndAShallowRemoteIsEnough(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	first := c.Head
	commit(t, c, coursegen.OneQuestion, coursegen.OneQuestion)
	o := options(t, c.Dir)
	r := open(t, o)
	put(t, filepath.Join(o.Dir, "config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
	git(t, o.Dir, "fetch", "--quiet", "--depth=1", "file://"+c.Dir, "+main:refs/holdfast/fetched")
	if _, err := os.Stat(filepath.Join(o.Dir, "shallow")); err != nil {
		t.Fatalf("the mirror is not shallow: %v", err)
	}
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "shallow")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mirror is still shallow: %v", err)
	}
	readable(t, r, first)

	shallow := filepath.Join(t.TempDir(), "shallow.git")
	git(t, "/", "clone", "--quiet", "--bare", "--depth=1", "file://"+c.Dir, shallow)
	r = open(t, options(t, shallow))
	for range 2 {
		if got := fetch(t, r, ""); got != c.Head {
			t.Errorf("the branch is at %s; want %s", got, c.Head)
		}
	}
	readable(t, r, c.Head)
}

func TestADirectoryThatIsNotOursIsNotTouched(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	o := options(t, c.Dir)
	put(t, filepath.Join(o.Dir, "thesis.txt"), "years of work")
	_, err := gitrepo.Open(t.Context(), o)
	expect(t, err, gitrepo.ErrAddress, "not a mirror of ours", "empty directory")
	if b, err := os.ReadFile(filepath.Join(o.Dir, "thesis.txt")); err != nil || string(b) != "years of work" {
		t.Errorf("the file is %q, %v", b, err)
	}
}

func TestABrokenMirrorStaysWhileTheRemoteIsAway(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	o := options(t, c.Dir)
	fetch(t, open(t, o), "")
	put(t, filepath.Join(o.Dir, "config"), "[core\n")
	away := c.Dir + ".away"
	if err := os.Rename(c.Dir, away); err != nil {
		t.Fatal(err)
	}
	_, err := gitrepo.Open(t.Context(), o)
	expect(t, err, gitrepo.ErrNotARepository)
	if len(names(t, o.Dir, "objects/pack/*.pack")) == 0 {
		t.Error("the mirror is gone, and there is nothing to clone from")
	}
	if err := os.Rename(away, c.Dir); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, open(t, o), ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
}
