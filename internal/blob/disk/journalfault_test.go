package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
)

// openLazyLate opens a lazy disk with a journal that is not settled before it must.
func openLazyLate(t *testing.T, path string) *disk.Store {
	t.Helper()
	s, err := disk.OpenTuned(path, func(tune *disk.Tuning) {
		disk.OnlyJournal(tune)
		disk.OnExt4(tune)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newLate is newFailing with a journal that nothing settles by itself, and a blob in it.
func newLate(t *testing.T) *failing {
	t.Helper()
	d := madeDisk(t, journaled)
	path, unmount := mountLazy(t, d)
	t.Cleanup(unmount)
	f := &failing{d, openLazyLate(t, path)}
	t.Cleanup(func() { _ = f.store.Close() })
	until(t, "there is a journal", f.store.Journaled)
	put(t, f.store, "blobs/00/6-0-0", writing{name: "blobs/00/6-0-0", size: 6}.content(), []byte{})
	return f
}

// everyJournalFault makes each call of the kinds that an operation on a blob in the journal makes fail in turn, each on a disk
// of its own. Calls of the kinds in must are among them. The blob that was there before must survive all of it.
func everyJournalFault(t *testing.T, failures []failure, must []string, try func(f *failing, w writing, when string, fail func(run func() error) error) (check func(blob.Store) error)) {
	t.Parallel()
	for _, how := range failures {
		for _, op := range append(must, "lookup", "getattr", "open", "opendir", "flush", "readdir", "rmdir") {
			t.Run(how.name+" at "+op, func(t *testing.T) {
				t.Parallel()
				failed := true
				for n := 1; failed; n++ {
					f := newLate(t)
					when := fmt.Sprintf("%s %d failed", op, n)
					check := try(f, writing{"blobs/00/5000-100-1", 5000, 100}, when, func(run func() error) (err error) {
						failed, err = f.failOp(op, n, how, run)
						return err
					})
					f.always(t, n, op, func(s blob.Store) error {
						there, wrong := found(t, s, "blobs/00/6-0-0")
						if !there {
							return fmt.Errorf("an older blob is lost: %w", wrong)
						}
						return check(s)
					})
					if n == 1 && !failed && slices.Contains(must, op) {
						t.Errorf("there is no %s", op)
					}
					_ = f.store.Close()
				}
			})
		}
	}
}

// failOp runs f with the n-th call of a kind failing, and what comes with it. It reports whether there were so many.
func (f *failing) failOp(op string, n int, how failure, run func() error) (failed bool, err error) {
	f.inject(func(_ int, what string) syscall.Errno {
		if what == op {
			n--
		}
		if n == 0 && what == op || failed && how.dying {
			failed = true
			return how.errno
		}
		return 0
	})
	err = run()
	f.inject(nil)
	return failed, err
}

// S0-30, S0-33: cut off anywhere between record and name, a blob is whole or absent; acknowledged, it is whole.
func TestAPutInTheJournalSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	must := []string{"create", "write", "setxattr", "fsync", "rename"}
	everyJournalFault(t, []failure{anError, fullDisk, dyingDisk}, must, func(f *failing, w writing, when string, fail func(func() error) error) func(blob.Store) error {
		err := fail(func() error {
			opts := blob.PutOptions{Size: int64(w.size), Sidecar: func() ([]byte, error) { return w.text(), nil }}
			_, err := f.store.Put(t.Context(), w.name, bytes.NewReader(w.content()), opts)
			return err
		})
		if err != nil {
			wantAbsent(t, f.store, w.name, fmt.Sprintf("after %s, %v", when, err))
		}
		return func(s blob.Store) error {
			there, wrong := found(t, s, w.name)
			if err == nil && !there {
				return fmt.Errorf("acknowledged, and lost: %w", wrong)
			}
			return wrong
		}
	})
}

func TestAMoveInTheJournalSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	everyJournalFault(t, []failure{anError, dyingDisk}, []string{"write", "fsync", "rename"}, func(f *failing, w writing, when string, fail func(func() error) error) func(blob.Store) error {
		put(t, f.store, w.name, w.content(), w.text())
		err := fail(func() error { return f.store.Move(t.Context(), w.name, trashOf(w.name)) })
		return func(s blob.Store) error {
			here, wrongHere := found(t, s, w.name)
			there, wrongThere := found(t, s, trashOf(w.name))
			if !here && !there || here && there || err == nil && !there {
				return fmt.Errorf("move says %w, under the old name: %v, the new: %v, %w, %w", err, here, there, wrongHere, wrongThere)
			}
			return errors.Join(wrongHere, wrongThere)
		}
	})
}

func TestADeleteInTheJournalSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	everyJournalFault(t, []failure{anError, dyingDisk}, []string{"write", "fsync", "unlink"}, func(f *failing, w writing, when string, fail func(func() error) error) func(blob.Store) error {
		put(t, f.store, w.name, w.content(), w.text())
		err := fail(func() error { return f.store.Delete(t.Context(), w.name) })
		return func(s blob.Store) error {
			there, wrong := found(t, s, w.name)
			if err == nil && there {
				return errors.New("deleted, and back")
			}
			return wrong
		}
	})
}

// Cut off anywhere while files are synced and the journal is emptied, nothing is lost.
func TestSettlingSurvivesTheFailureOfEachOfItsCalls(t *testing.T) {
	everyJournalFault(t, []failure{anError, dyingDisk}, []string{"fsync", "fsyncdir", "write", "unlink"}, func(f *failing, w writing, when string, fail func(func() error) error) func(blob.Store) error {
		put(t, f.store, w.name, w.content(), w.text())
		_ = fail(f.store.Close)
		f.store = openLazyLate(t, f.store.Root())
		return func(s blob.Store) error {
			there, wrong := found(t, s, w.name)
			if !there {
				return fmt.Errorf("lost: %w", wrong)
			}
			return nil
		}
	})
}

// A write of the journal that fails refuses its blobs and no others; when all files are synced the journal goes on.
func TestAJournalThatCannotBeWrittenRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	f := newLate(t)
	var refused blob.Name
	for i := range 20 { // the sync that fails may be one of the background, which concerns no blob
		failed := false
		f.inject(func(_ int, op string) syscall.Errno {
			if op == "fsync" && !failed {
				failed = true
				return syscall.EIO
			}
			return 0
		})
		name := blob.Name(fmt.Sprintf("blobs/00/refused-%d", i))
		if err := putOne(t, f.store, name); err != nil {
			refused = name
			break
		}
	}
	if refused == "" {
		t.Fatal("acknowledged, and not synced")
	}
	wantAbsent(t, f.store, refused, "after the journal failed")
	until(t, "the journal goes on", f.store.Journaled)
	for _, name := range []blob.Name{refused, "blobs/00/next"} {
		if err := putOne(t, f.store, name); err != nil {
			t.Error(err)
		}
	}
}

// When files cannot be synced the store says so until it is started anew; the journal has what was acknowledged, and what lies
// in it is not touched meanwhile.
func TestAFileThatCannotBeSyncedStopsTheJournalAndLosesNothing(t *testing.T) {
	t.Parallel()
	f := newLate(t)
	w, young, older := writing{name: "blobs/00/500-100-1", size: 500, sidecar: 100}, blob.Name("blobs/00/500-100-1"), blob.Name("blobs/00/6-0-0")
	f.inject(func(_ int, op string) syscall.Errno {
		if op == "fsyncdir" {
			return syscall.EIO
		}
		return 0
	})
	put(t, f.store, w.name, w.content(), w.text())
	if err := f.store.Delete(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	// A large blob goes past the journal, which has to be rid of what it says about the name.
	_, err := f.store.Put(t.Context(), older, bytes.NewReader(make([]byte, 100<<10)), blob.PutOptions{Size: 100 << 10})
	wantUnavailable(t, "Put", err)
	f.inject(nil)
	wantUnavailable(t, "Check", f.store.Check(t.Context()))
	wantUnavailable(t, "Delete", f.store.Delete(t.Context(), young))
	wantUnavailable(t, "Move", f.store.Move(t.Context(), young, trashOf(young)))
	if err := whole(t.Context(), f.store, young); err != nil {
		t.Error(err)
	}
	if err := putOne(t, f.store, "blobs/00/plain"); err != nil {
		t.Errorf("a blob that needs no journal: %v", err)
	}
	wantUnavailable(t, "Close", f.store.Close())
	f.store = openLazy(t, f.store.Root(), journaled)
	if err := errors.Join(f.store.Check(t.Context()), whole(t.Context(), f.store, young), f.store.Delete(t.Context(), young)); err != nil {
		t.Error(err)
	}
}

// inject sets what makes calls to the disk fail.
func (f *failing) inject(fault func(call int, op string) syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.fault = fault
}
