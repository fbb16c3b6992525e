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

var (
	anError   = failure{"an error", syscall.EIO, false}
	fullDisk  = failure{"a full disk", syscall.ENOSPC, false}
	dyingDisk = failure{"a dying disk", syscall.EIO, true}
)

// everyFault tries an operation on a blob with each call to the disk failing in turn, in every way, on disks that can do
// everything and nothing, with sidecars small and large. Calls of the kinds in must are among them.
func everyFault(t *testing.T, failures []failure, must []string, try func(t *testing.T, f *failing, w writing, n int, how failure) (op string)) {
	t.Parallel()
	for _, kind := range []diskKind{likeExt4, likeNFS} {
		for _, how := range failures {
			for _, sidecar := range []int{100, 9000} {
				t.Run(fmt.Sprintf("%s like %s, sidecar of %d", how.name, kind.name, sidecar), func(t *testing.T) {
					t.Parallel()
					f := newFailing(t, kind)
					ops := map[string]int{}
					for n, op := 1, "first"; op != ""; n++ {
						// Each in a new directory: that must survive as well.
						w := writing{blob.Name(fmt.Sprintf("blobs/new-%d/5000-%d-1", n, sidecar)), 5000, sidecar}
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

// changing are the operations before which a power cut finds something else than before the last one.
var changing = map[string]bool{"link": true, "unlink": true, "rename": true, "fsync": true, "fsyncdir": true, "flush": true, "": true}

// always checks the store as it is now and, if the operation that failed is a changing one, as it is after several power cuts.
func (f *failing) always(t *testing.T, n int, op string, check func(s blob.Store) error) {
	t.Helper()
	if err := check(f.store); err != nil {
		t.Errorf("call %d (%s) failed: %v", n, op, err)
	}
	if !changing[op] {
		return
	}
	for seed := range uint64(4) {
		f.disk.mu.Lock()
		copied := f.disk.clone()
		f.disk.mu.Unlock()
		path, unmount := mountLazy(t, copied.afterPowerCut(rand.New(rand.NewPCG(seed, 3))))
		s := openLazy(t, path, f.disk.kind)
		if err := check(s); err != nil {
			t.Errorf("call %d (%s) failed, then power cut %d: %v", n, op, seed, err)
		}
		_ = s.Close()
		unmount()
	}
}

// found returns whether the blob is there, and an error if it is there and not whole.
func found(t *testing.T, s blob.Store, name blob.Name) (bool, error) {
	t.Helper()
	err := whole(t.Context(), s, name)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// A Put that fails for whatever reason leaves nothing that is not whole, and one that succeeds survives.
func TestAPutSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	must := []string{"mkdir", "write", "fsync", "link", "fsyncdir"}
	everyFault(t, []failure{anError, fullDisk, dyingDisk}, must, func(t *testing.T, f *failing, w writing, n int, how failure) string {
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
		f.always(t, n, op, func(s blob.Store) error {
			there, wrong := found(t, s, w.name)
			if err == nil && !there {
				return fmt.Errorf("acknowledged, and lost: %w", wrong)
			}
			return wrong
		})
		return op
	})
}

// A Move that fails leaves the blob whole under one of the names, and repeated it succeeds.
func TestAMoveSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	must := []string{"mkdir", "rename", "fsyncdir"}
	everyFault(t, []failure{anError, dyingDisk}, must, func(t *testing.T, f *failing, w writing, n int, how failure) string {
		put(t, f.store, w.name, w.content(), w.text())
		op, err := f.failAt(n, how, func() error { return f.store.Move(t.Context(), w.name, trashOf(w.name)) })
		f.always(t, n, op, func(s blob.Store) error {
			here, wrongHere := found(t, s, w.name)
			there, wrongThere := found(t, s, trashOf(w.name))
			if !here && !there || err == nil && (here || !there) {
				return fmt.Errorf("move says %w, under the old name: %v, the new: %v, %w, %w", err, here, there, wrongHere, wrongThere)
			}
			return errors.Join(wrongHere, wrongThere)
		})
		if err := f.store.Move(t.Context(), w.name, trashOf(w.name)); err != nil {
			t.Errorf("call %d (%s): repeated: %v", n, op, err)
		}
		if err := whole(t.Context(), f.store, trashOf(w.name)); err != nil {
			t.Errorf("call %d (%s): repeated, the blob: %v", n, op, err)
		}
		return op
	})
}

// A Delete that fails leaves the blob whole or gone, and repeated it succeeds.
func TestADeleteSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	must := []string{"unlink", "fsyncdir"}
	everyFault(t, []failure{anError, dyingDisk}, must, func(t *testing.T, f *failing, w writing, n int, how failure) string {
		put(t, f.store, w.name, w.content(), w.text())
		op, err := f.failAt(n, how, func() error { return f.store.Delete(t.Context(), w.name) })
		f.always(t, n, op, func(s blob.Store) error {
			there, wrong := found(t, s, w.name)
			if err == nil && there {
				return errors.New("deleted, and back")
			}
			return wrong
		})
		if err := f.store.Delete(t.Context(), w.name); err != nil {
			t.Errorf("call %d (%s): repeated: %v", n, op, err)
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
