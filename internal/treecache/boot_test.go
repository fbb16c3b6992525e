package treecache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/treecache"
)

// spoil changes a byte of a read-only file without changing its name, size or times, as a disk might.
func spoil(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, info.Mode()), os.Chtimes(path, time.Time{}, info.ModTime())); err != nil {
		t.Fatal(err)
	}
}

// After an unclean boot views are gone before anybody could use them, and objects are used only after they were hashed again: right ones
// without the store, wrong ones from there.
func TestAfterAnUncleanBootNothingIsTrusted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 4, 0)
	_, l := ensure(t, s.cache, r, r.chunks)
	l.Release()
	total := s.world.fetches.Load()
	wrong := treecache.PartFile(s.cache, r.chunk("question:topic1/q1"), "info.json")
	piece := treecache.PartFile(s.cache, r.chunk("elements"), "box/box.py")
	dir := l.Dir()
	treecache.Abandon(s.cache)
	spoil(t, wrong)
	spoil(t, piece)

	c := start(t, treecache.WithBoot(s.o, "after power loss"))
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the view of the old boot is there: %v", err)
	}
	if boot, _ := os.ReadFile(filepath.Join(s.o.Root, "boot")); strings.TrimSpace(string(boot)) != "after power loss" {
		t.Errorf("boot says %q", boot)
	}
	res, l := ensure(t, c, r, r.chunks)
	l.Release()
	if got := s.world.fetches.Load() - total; got != 2 || len(res.Cold) != len(r.chunks) || c.Stats().Era != 2 {
		t.Errorf("%d parts fetched; want the two spoilt ones. %d chunks cold, era %d", got, len(res.Cold), c.Stats().Era)
	}
	treecache.Maintain(c)
	wantExact(t, c)
	stop(t, c)
	stop(t, s.cache)
}

// Files that power loss left without their bytes, or took away, are found as well; and a ledger that is lost is made anew.
func TestWhatPowerLossTearsIsMadeAgain(t *testing.T) {
	t.Parallel()
	tear := map[string]func(t *testing.T, s *site, r *revision){
		"an empty file": func(t *testing.T, s *site, r *revision) {
			path := treecache.PartFile(s.cache, r.chunk("question:topic1/q1"), "server.py")
			if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, 0), os.Chmod(path, 0o444)); err != nil {
				t.Fatal(err)
			}
		},
		"a missing file": func(t *testing.T, s *site, r *revision) {
			if err := os.Remove(treecache.PartFile(s.cache, r.chunk("question:topic1/q1"), "server.py")); err != nil {
				t.Fatal(err)
			}
		},
		"a missing mark": func(t *testing.T, s *site, r *revision) {
			if err := os.Remove(filepath.Join(treecache.ObjectDir(s.cache, r.chunk("question:topic1/q1")), "..", "mark")); err != nil {
				t.Fatal(err)
			}
		},
		"a file missing in an assembled tree": func(t *testing.T, s *site, r *revision) {
			if err := os.Remove(filepath.Join(treecache.ObjectDir(s.cache, r.chunk("serverFilesCourse")), "run.sh")); err != nil {
				t.Fatal(err)
			}
		},
		"a torn ledger": func(t *testing.T, s *site, _ *revision) {
			if err := os.Truncate(filepath.Join(s.o.Root, "state", "ledger"), 100); err != nil {
				t.Fatal(err)
			}
		},
		"an empty ledger": func(t *testing.T, s *site, _ *revision) {
			if err := os.Truncate(filepath.Join(s.o.Root, "state", "ledger"), 0); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, f := range tear {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := s.world.mustCourse(t, 3, 0)
			_, l := ensure(t, s.cache, r, r.chunks)
			l.Release()
			f(t, s, r)
			treecache.Abandon(s.cache)
			c := start(t, treecache.WithBoot(s.o, "next"))
			if e := c.Stats().Era; e != 2 {
				t.Errorf("era %d", e)
			}
			_, l = ensure(t, c, r, r.chunks)
			l.Release()
			if v, err := c.Verify(t.Context(), 0); err != nil || len(v.Corrupt) > 0 {
				t.Errorf("verify: %+v, %v", v, err)
			}
			treecache.Maintain(c)
			wantExact(t, c)
			stop(t, c)
			stop(t, s.cache)
		})
	}
}

// A corrupt object is found by Verify, goes from views at once, and comes back right with the next Ensure.
func TestACorruptObjectIsFoundDroppedAndFetchedAgain(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"question:topic1/q1", "elements", "serverFilesCourse"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r, next := s.world.mustCourse(t, 3, 0), s.world.mustCourse(t, 3, 1)
			_, held := ensure(t, s.cache, r, r.chunks)
			_, l := ensure(t, s.cache, next, next.chunks)
			l.Release()
			object := treecache.ObjectDir(s.cache, r.chunk(key))
			files := map[string]string{"question:topic1/q1": "server.py", "elements": "box/info.json", "serverFilesCourse": "run.sh"}
			spoil(t, filepath.Join(object, files[key]))
			v, err := s.cache.Verify(t.Context(), 0)
			if err != nil || len(v.Corrupt) != 1 {
				t.Fatalf("verify: %+v, %v", v, err)
			}
			if held.Has(key) {
				t.Error("the marker is still there")
			}
			before := s.world.fetches.Load()
			for _, rev := range []*revision{r, next} {
				_, l := ensure(t, s.cache, rev, rev.chunks)
				l.Release()
			}
			if n := s.world.fetches.Load() - before; n != 1 {
				t.Errorf("%d parts were fetched again; want 1", n)
			}
			held.Release()
			treecache.Maintain(s.cache)
			wantExact(t, s.cache)
			if v, err = s.cache.Verify(t.Context(), 5); err != nil || len(v.Corrupt) > 0 || v.Objects != 5 {
				t.Errorf("verify again: %+v, %v", v, err)
			}
		})
	}
}

// Chunks share files in a view: what shows a corrupt file of another's object goes with it, and comes back from its own.
func TestACorruptFileGoesFromAllChunksThatShowIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 4, 0)
	const picture = "questions/topic1/q1/clientFilesQuestion/picture one.svg"
	gathered, err := s.world.treeChunk("thumbnails", "", s.world.memory.tree(map[string]file{picture: r.files[picture]}), false)
	if err != nil {
		t.Fatal(err)
	}
	question := r.chunk("question:topic1/q1")
	other := r.chunk("question:topic0/q0")
	for _, ch := range []treecache.Chunk{question, other, gathered} { // the question's file is first
		_, l, err := s.cache.Ensure(t.Context(), r.view, []treecache.Chunk{ch})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
	}
	spoil(t, filepath.Join(treecache.ObjectDir(s.cache, question), "clientFilesQuestion", "picture one.svg"))
	if v, err := s.cache.Verify(t.Context(), 0); err != nil || len(v.Corrupt) != 1 {
		t.Fatalf("verify: %+v, %v", v, err)
	}
	l, ok := s.cache.Acquire(r.view)
	if !ok || l.Has(question.Key) || l.Has(gathered.Key) || !l.Has(other.Key) {
		t.Errorf("acquire %v, markers %v %v %v", ok, l.Has(question.Key), l.Has(gathered.Key), l.Has(other.Key))
	}
	l.Release()
	res, l, err := s.cache.Ensure(t.Context(), r.view, []treecache.Chunk{gathered})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := compareFile(filepath.Join(res.Dir, picture), r.files[picture]); err != nil {
		t.Error(err)
	}
}
