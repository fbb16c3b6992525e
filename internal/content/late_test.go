package content

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/unit"
)

// late is a store in which one answer, the next one about an index, comes when it is let through.
type late struct {
	blob.Store
	armed   *atomic.Bool
	begun   chan struct{}
	through chan struct{}
}

func (s late) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if !isPart(name) && s.armed.CompareAndSwap(true, false) {
		close(s.begun)
		<-s.through
	}
	return s.Store.Open(ctx, name)
}

// E-44: a machine hears of a revision and is slow to fetch it; meanwhile it has the next one. When the old answer comes at last, nothing
// goes back: not what is current, and no file.
func TestALateDownloadOfAnOlderRevisionChangesNothing(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 12, Questions: 3})
	store := late{w.store, &atomic.Bool{}, make(chan struct{}), make(chan struct{})}
	author := w.node()
	publish(t, author)
	c := w.node(func(o *Options) { o.Store = store })
	through := sync.OnceFunc(func() { close(store.through) })
	t.Cleanup(through) // before the node stops, which waits for it
	q := course.Questions()[0]
	ensure(t, c, "render:"+q)
	store.armed.Store(true)
	text := func(n string) map[string]string { return map[string]string{"questions/" + q + "/question.html": n} }
	old := write(t, course, text("the old one"))
	publish(t, author)
	select {
	case <-store.begun:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody fetched the older revision's index")
	}
	now := write(t, course, text("the new one"))
	publish(t, author)
	lifecycletest.Eventually(t, 20*time.Second, func() error { return wantRevision(c, now, "") })
	through()
	lifecycletest.Eventually(t, 20*time.Second, func() error { return wantRevision(c, old, old) }) // its index has come
	for range 3 {
		if err := wantRevision(c, now, ""); err != nil {
			t.Error(err)
		}
		a := ensure(t, c, "render:"+q)
		if have, err := os.ReadFile(filepath.Join(a.Dir, "questions", q, "question.html")); err != nil || string(have) != "the new one" {
			t.Errorf("%q, %v", have, err)
		}
	}
}

// wantRevision says what is wrong with the revision that a machine answers a name with. Who asks before the machine has heard of the
// newest waits for the one before, and is not to wait for long here.
func wantRevision(c *Content, commit, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	a, err := c.Revision(ctx, RevisionRequest{Source: "course", Revision: name})
	if err == nil && a.Revision != commit {
		err = &wrongRevision{a.Revision, commit}
	}
	return err
}

type wrongRevision struct{ have, want string }

func (e *wrongRevision) Error() string { return "it is " + e.have + ", want " + e.want }

// S4-39 (quota per node: fill), S4-40, Q-17: a machine with a small quota is asked for five times as much. Service goes on, and the disk
// never has more than the quota.
func TestAMachineWithASmallQuotaServesManyTimesAsMuch(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 14, Questions: 40, ServerFiles: coursegen.Bulk{Count: 4, Bytes: 100_000}})
	for i := range 12 { // files that cannot be compressed away in the cache: it keeps them as they are
		write(t, course, map[string]string{"questions/" + course.Questions()[i] + "/data.txt": strings.Repeat("0123456789abcde\n", 25_000)})
	}
	const quota = 1 << 20
	w.cfg.CacheSize = unit.Bytes(quota)
	c := w.node()
	publish(t, c)
	var asked int64
	for _, q := range course.Questions() {
		a, err := c.Ensure(t.Context(), want("question:"+q))
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		asked += below(t, filepath.Join(a.Dir, "questions", q))
		if _, err := c.Release(t.Context(), LeaseRequest{Lease: a.Lease}); err != nil {
			t.Fatal(err)
		}
		if used := below(t, c.opts.Cache); used > quota {
			t.Fatalf("after %s the disk has %d bytes, the quota is %d", q, used, quota)
		}
	}
	s, err := c.Stats(t.Context(), control.Empty{})
	if err != nil || asked < 5*quota || s.Cache.Bytes > quota || s.Cache.EvictedBytes == 0 {
		t.Errorf("asked for were %d bytes, the quota is %d: %+v, %v", asked, quota, s.Cache, err)
	}
}

// below adds up the files of a directory, links followed at its top.
func below(t *testing.T, dir string) (sum int64) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // evicted while we look
		}
		if info, err := d.Info(); err == nil && !seen[inode(info)] {
			seen[inode(info)] = true
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func inode(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
