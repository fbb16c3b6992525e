package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// soleLock says who uses a store on this machine. Its bytes are locked with locks of the open file (F_OFD_SETLK of fcntl(2)),
// which the kernel gives back when the process dies:
//
//	byte 0   locked for writing: one process alone uses the store, with the journal. For reading: several do, without
//	byte 1   locked for reading: somebody who is not alone. The one with the journal sees it and gives way
type soleLock struct {
	f *os.File
}

const (
	useByte   = 0
	knockByte = 1
)

// patience is how long an Open waits for another process to settle its journal.
const patience = 30 * time.Second

func openLock(d *dir) (*soleLock, error) {
	f, err := d.create("lock", 0)
	if err != nil {
		return nil, err
	}
	return &soleLock{f}, nil
}

func (l *soleLock) close() error { return l.f.Close() }

// try changes the lock of a byte, to unix.F_WRLCK, F_RDLCK or F_UNLCK. When another process is in the way the lock stays as it
// was, and try returns false.
func (l *soleLock) try(at int64, kind int16) (bool, error) {
	lock := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: at, Len: 1}
	_, err := again(func() (int, error) { return 0, unix.FcntlFlock(l.f.Fd(), unix.F_OFD_SETLK, &lock) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock store: %w", err)
	}
	return true, nil
}

// knocked reports whether somebody else waits for the store or uses it.
func (l *soleLock) knocked() bool {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: knockByte, Len: 1}
	_, err := again(func() (int, error) { return 0, unix.FcntlFlock(l.f.Fd(), unix.F_OFD_GETLK, &lock) })
	return err != nil || lock.Type != unix.F_UNLCK
}

// openDir opens the directory of the journal and its lock. On a file system that cannot be written, or that is none for a
// journal, there is neither; but a journal that a crash left there has to be replayed before anything is read.
func (j *journal) openDir() error {
	s := j.store
	if s.network || !syncsUnnamed(s.kind) {
		return nil
	}
	d, err := s.needDir(journalDir)
	if err == nil {
		lock, lerr := openLock(d)
		if lerr == nil {
			j.dir, j.lock = d, lock
			return nil
		}
		d.close()
		err = lerr
	}
	if cannotWrite(err) {
		return j.refuseUnsettled()
	}
	return fmt.Errorf("open journal: %w", s.explain(err))
}

// cannotWrite reports whether a store can be read, and not written: others tell that when somebody writes.
func cannotWrite(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// refuseUnsettled returns an error if a read-only store has a journal to be replayed.
func (j *journal) refuseUnsettled() error {
	d, err := j.store.root.openDir(journalDir)
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open journal: %w", j.store.explain(err))
	}
	defer d.close()
	clean, err := isSettled(d)
	if err != nil {
		return err
	}
	if !clean {
		return &fault.Error{
			Kind: blob.ErrUnavailable.Kind, Code: "store_unsettled",
			Hint: "Mount the file system writable, make room on it, and start holdfast once: it writes the last seconds before the crash again.",
			Err:  errors.New("the store cannot be written and its journal was not replayed"),
		}
	}
	return nil
}

// enter takes the store for this process alone, or joins those that use it. When it returns nothing is left in the journal.
func (j *journal) enter() error {
	if alone, err := j.tryAlone(); alone || err != nil {
		return err
	}
	if _, err := j.lock.try(knockByte, unix.F_RDLCK); err != nil {
		return err
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if in, err := j.tryTogether(); in || err != nil {
			return err
		}
		if alone, err := j.tryAlone(); alone || err != nil {
			return err
		}
		select {
		case <-deadline.C:
			return &fault.Error{
				Kind: blob.ErrUnavailable.Kind, Code: blob.ErrUnavailable.Code,
				Hint: "Another holdfast uses the store and does not settle its journal: look at its log, or end it.",
				Err:  fmt.Errorf("the store is not free after %v", patience),
			}
		case <-tick.C:
		}
	}
}

// tryAlone takes the store if nobody uses it, and replays what a crash left.
func (j *journal) tryAlone() (bool, error) {
	if alone, err := j.lock.try(useByte, unix.F_WRLCK); !alone || err != nil {
		return false, err
	}
	if _, err := j.lock.try(knockByte, unix.F_UNLCK); err != nil {
		return false, err
	}
	if err := j.takeOver(); err != nil {
		return false, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sole, j.on = true, !j.off
	return true, nil
}

// tryTogether joins others. If they have died meanwhile they left the journal as it was, and nobody has replayed it.
func (j *journal) tryTogether() (bool, error) {
	if in, err := j.lock.try(useByte, unix.F_RDLCK); !in || err != nil {
		return false, err
	}
	clean, err := isSettled(j.dir)
	if clean || err != nil {
		return clean, err
	}
	_, err = j.lock.try(useByte, unix.F_UNLCK)
	return false, err
}

// share gives way to another process that wants the store, or takes the store back when all others have gone.
func (j *journal) share() {
	j.mu.Lock()
	sole, off := j.sole, j.off
	j.mu.Unlock()
	switch {
	case sole && j.lock.knocked():
		j.giveWay()
	case !sole && !off:
		// An error leaves things as they are: several processes, no journal.
		if _, err := j.tryAlone(); err != nil {
			j.breakDown(err)
		}
	}
}

// giveWay settles the journal and lets others in.
func (j *journal) giveWay() {
	j.mu.Lock()
	j.on = false
	j.mu.Unlock()
	j.settleAll()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return // nobody may come in before the journal is replayed
	}
	if err := j.discard(j.free); err != nil {
		j.broken = err
		return
	}
	j.free, j.sole = nil, false
	if _, err := j.lock.try(knockByte, unix.F_RDLCK); err != nil {
		j.broken = err
		return
	}
	if _, err := j.lock.try(useByte, unix.F_RDLCK); err != nil {
		j.broken = err
	}
}
