package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/fault"
)

// failing is a mounted disk on which one call after another is made to fail.
type failing struct {
	disk  *lazyDisk
	store *disk.Store
}

func newFailing(t *testing.T, kind diskKind) *failing {
	t.Helper()
	d := madeDisk(t, kind)
	path, unmount := mountLazy(t, d)
	t.Cleanup(unmount)
	f := &failing{d, openLazy(t, path, kind)}
	t.Cleanup(func() { _ = f.store.Close() })
	put(t, f.store, "blobs/00/0-0-0", nil, nil) // the first write finds out what the disk can do
	return f
}

// failAt runs f with its n-th call to the disk failing, and what comes with it. It returns the operation
// that failed, or "" if there were not so many.
func (f *failing) failAt(n int, how failure, run func() error) (op string, err error) {
	f.disk.mu.Lock()
	first := f.disk.calls + n
	f.disk.fault = func(call int, what string) syscall.Errno {
		if call < first || call > first && !how.dying {
			return 0
		}
		if op == "" {
			op = what
		}
		return how.errno
	}
	f.disk.mu.Unlock()
	err = run()
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.fault = nil
	return op, err
}

// failure is one way in which a call to the disk fails.
type failure struct {
	name  string
	errno syscall.Errno
	dying bool // all later calls fail as well
}

var failures = []failure{{"an error", syscall.EIO, false}, {"a full disk", syscall.ENOSPC, false}, {"a dying disk", syscall.EIO, true}}

// everyFault tries an operation on a blob with each call to the disk failing in turn, in every way, on disks that can do
// everything and nothing, with sidecars small and large. Calls of the kinds in must are among them.
func everyFault(t *testing.T, must []string, try func(t *testing.T, f *failing, w writing, n int, how failure) (op string)) {
	t.Parallel()
	for _, kind := range []diskKind{likeExt4, likeNFS} {
		for _, how := range failures {
			for _, sidecar := range []int{100, 9000} {
				t.Run(fmt.Sprintf("%s like %s, sidecar of %d", how.name, kind.name, sidecar), func(t *testing.T) {
					t.Parallel()
					f := newFailing(t, kind)
					ops := map[string]int{}
					for n, op := 1, "first"; op != ""; n++ {
						w := writing{blob.Name(fmt.Sprintf("blobs/00/5000-%d-%d", sidecar, n)), 5000, sidecar}
						op = try(t, f, w, n, how)
						ops[op]++
					}
					for _, op := range must {
						if ops[op] == 0 {
							t.Errorf("no %s was made to fail: %v", op, ops)
						}
					}
				})
			}
		}
	}
}

// A Put that fails for whatever reason leaves nothing that is not whole, and one that succeeds survives.
func TestAPutSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	everyFault(t, []string{"write", "fsync", "link", "fsyncdir"}, func(t *testing.T, f *failing, w writing, n int, how failure) string {
		opts := blob.PutOptions{Size: int64(w.size), Sidecar: func() ([]byte, error) { return w.text(), nil }}
		op, err := f.failAt(n, how, func() error {
			_, err := f.store.Put(t.Context(), w.name, bytes.NewReader(w.content()), opts)
			return err
		})
		if how.errno == syscall.ENOSPC && op != "getattr" && err != nil && !errors.Is(err, blob.ErrFull) {
			t.Errorf("call %d (%s): %v, want ErrFull", n, op, err)
		}
		if err != nil && !how.dying {
			wantAbsent(t, f.store, w.name, fmt.Sprintf("after the failure of call %d (%s), %v", n, op, err))
		}
		// What is named at all is whole, now and after a power cut. What was acknowledged is named.
		now, later := f.state(t, w.name)
		if err == nil && (now != nil || later != nil) {
			t.Errorf("call %d (%s) failed, Put succeeded, the blob: %v; after a power cut: %v", n, op, now, later)
		}
		for _, state := range []error{now, later} {
			if state != nil && !errors.Is(state, blob.ErrNotFound) {
				t.Errorf("call %d (%s): %v", n, op, state)
			}
		}
		return op
	})
}

// state returns what is wrong with a blob, now and after a power cut.
func (f *failing) state(t *testing.T, name blob.Name) (now, later error) {
	t.Helper()
	f.disk.mu.Lock()
	copied := f.disk.clone()
	f.disk.mu.Unlock()
	now = whole(t.Context(), f.store, name)
	path, unmount := mountLazy(t, copied.afterPowerCut(rand.New(rand.NewPCG(1, 2))))
	defer unmount()
	s := openLazy(t, path, f.disk.kind)
	defer s.Close()
	return now, whole(t.Context(), s, name)
}

// A Move that fails leaves the blob whole under one of the names, and repeated it succeeds.
func TestAMoveSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	everyFault(t, []string{"rename", "fsyncdir"}, func(t *testing.T, f *failing, w writing, n int, how failure) string {
		put(t, f.store, w.name, w.content(), w.text())
		op, err := f.failAt(n, how, func() error {
			return f.store.Move(t.Context(), w.name, trashOf(w.name))
		})
		here, hereLater := f.state(t, w.name)
		there, thereLater := f.state(t, trashOf(w.name))
		if err == nil && (there != nil || thereLater != nil || here == nil || hereLater == nil) {
			t.Errorf("call %d (%s), moved: %v, %v, and %v, %v", n, op, there, thereLater, here, hereLater)
		}
		if here != nil && there != nil || hereLater != nil && thereLater != nil {
			t.Errorf("call %d (%s), %v: the blob is lost: %v, %v; after a power cut %v, %v", n, op, err, here, there, hereLater, thereLater)
		}
		if err := f.store.Move(t.Context(), w.name, trashOf(w.name)); err != nil {
			t.Errorf("call %d (%s): repeated: %v", n, op, err)
		}
		if err := whole(t.Context(), f.store, trashOf(w.name)); err != nil {
			t.Errorf("call %d (%s): repeated, the blob: %v", n, op, err)
		}
		return op
	})
}

// wantAbsent fails the test if the blob is there.
func wantAbsent(t *testing.T, s blob.Store, name blob.Name, when string) {
	t.Helper()
	if _, err := s.Stat(t.Context(), name); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%s is there %s: %v", name, when, err)
	}
}
