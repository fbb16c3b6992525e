package treecache_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/treecache"
)

// faulty is a cache whose steps on the disk can be made to fail.
type faulty struct {
	*site
	revisions []*revision
	errno     syscall.Errno
	lasting   bool // all steps after the one that fails do, too
	turn      int  // of the revisions: each has things that went since its last turn

	mu   sync.Mutex // mu protects the following
	op   string     // the kind of step that fails; "" when the disk is well
	left int        // how many of them succeed before
	hits int        // how many steps failed
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{}
	f.site = newSite(t, func(o *treecache.Options) {
		o.Limits, o.Grace, o.Patience = tight, time.Nanosecond, 100*time.Millisecond
		*o = treecache.WithSteps(*o, f.before)
	})
	for i := range 12 {
		f.revisions = append(f.revisions, f.world.mustCourse(t, 8, i))
	}
	return f
}

func (f *faulty) before(op, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.op == "", f.hits > 0 && !f.lasting, f.hits == 0 && op != f.op:
		return nil
	case f.hits == 0 && f.left > 0:
		f.left--
		return nil
	}
	f.hits++
	return f.errno
}

// fail lets the step of the kind fail that comes after n others.
func (f *faulty) fail(op string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.op, f.left, f.hits = op, n, 0
}

// heal returns how many steps failed.
func (f *faulty) heal() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.op = ""
	return f.hits
}

// work ensures different things, which makes room by evicting others, and returns the first error.
func (f *faulty) work(t *testing.T) error {
	for range 4 {
		f.turn++
		i := f.turn % len(f.revisions)
		r := f.revisions[i]
		_, l, err := f.cache.Ensure(t.Context(), r.view, r.pick("elements", "serverFilesCourse", "question:topic0/q3", fmt.Sprintf("question:topic%d/q%d", i%8%3, i%8)))
		if err != nil {
			return err
		}
		l.Release()
		if err := f.cache.Current(r.view); err != nil {
			return err
		}
	}
	return nil
}

// Each step on the disk fails in turn, once or for good: the call fails with a kind that says what to do, or does not fail, nothing half is
// visible, the books never say too little, and with the disk well again everything works.
func TestEachStepOnTheDiskMayFail(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO} {
		for _, lasting := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, lasting %v", errno, lasting), func(t *testing.T) {
				t.Parallel()
				f := newFaulty(t)
				f.errno, f.lasting = errno, lasting
				if err := f.work(t); err != nil {
					t.Fatal(err)
				}
				refused, failed := 0, map[string]int{}
				for _, op := range []string{"write", "link", "rename", "mkdir", "create", "remove", "symlink", "stamp"} {
					for n := 0; n < soak(2, 60) && !t.Failed(); n++ {
						f.fail(op, n*n)
						err := f.work(t)
						hits := f.heal()
						if hits > 0 {
							failed[op]++
						}
						if err != nil {
							refused++
							f.wantKind(t, err, errno)
						}
						f.wantSound(t)
						if hits == 0 { // there are not so many
							break
						}
					}
					if failed[op] == 0 {
						t.Errorf("no %s failed", op)
					}
				}
				t.Logf("failed: %v, %d calls refused", failed, refused)
			})
		}
	}
}

func (f *faulty) wantKind(t *testing.T, err error, errno syscall.Errno) {
	t.Helper()
	want := []string{treecache.ErrFull.Code}
	if errno == syscall.EIO {
		want = append(want, treecache.ErrDisk.Code)
	}
	if !slices.Contains(want, fault.CodeOf(err)) || fault.HintOf(err) == "" {
		t.Errorf("%v: code %s, hint %q", err, fault.CodeOf(err), fault.HintOf(err))
	}
}

// wantSound checks the cache after a fault.
func (f *faulty) wantSound(t *testing.T) {
	t.Helper()
	if err := inspect(f.o.Root, f.revisions); err != nil {
		t.Error(err)
	}
	s := f.cache.Stats()
	bytes, inodes, err := treecache.Actual(f.cache)
	if err != nil {
		t.Fatal(err)
	}
	if bytes > s.Bytes+s.ReservedBytes || inodes > s.Inodes+s.ReservedInodes {
		t.Errorf("%d bytes and %d inodes are there; the ledger has %d and %d", bytes, inodes, s.Bytes+s.ReservedBytes, s.Inodes+s.ReservedInodes)
	}
	if s.Leases != 0 {
		t.Errorf("%d leases are left", s.Leases)
	}
	if err := f.work(t); err != nil {
		t.Errorf("with the disk well again: %v", err)
	}
	if v, err := f.cache.Verify(t.Context(), 0); err != nil || len(v.Corrupt) > 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

// What a fault left behind costs room only until the next start.
func TestAfterFaultsAStartPutsTheBooksRight(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	f.errno, f.lasting = syscall.EIO, true
	for n := range 4 {
		f.fail("link", 7*n)
		if err := f.work(t); err == nil {
			t.Error("work succeeded on a broken disk")
		}
		f.heal()
	}
	stop(t, f.cache)
	c := start(t, f.o)
	treecache.Maintain(c)
	wantExact(t, c)
	left, _ := filepath.Glob(filepath.Join(f.o.Root, "tmp", "*", "*"))
	if len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// A cache whose directories cannot be made does not start, and says why.
func TestStartFailsWithTheReason(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	w := newWorld(t, dir, 1)
	for n := range int64(40) {
		var steps atomic.Int64
		var healed atomic.Bool
		o := treecache.Options{Root: filepath.Join(dir, "cache"), Fetch: w.fetch}
		o = treecache.WithSteps(o, func(string, string) error {
			if !healed.Load() && steps.Add(1) >= n+1 {
				return syscall.EROFS
			}
			return nil
		})
		c, err := treecache.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			if fault.CodeOf(err) != treecache.ErrDisk.Code || !strings.Contains(err.Error(), "read-only") || !errors.Is(err, syscall.EROFS) {
				t.Errorf("start: %v (%s)", err, fault.CodeOf(err))
			}
		}
		healed.Store(true)
		stop(t, c)
		if err := c.Start(t.Context()); err != nil {
			t.Errorf("start again: %v", err)
		}
		stop(t, c)
	}
}
