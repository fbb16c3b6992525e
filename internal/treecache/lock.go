package treecache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Places of the locks in state/locks. Names have theirs from nameLocks on, by their hash: should two share one, they only wait.
const (
	ledgerLock int64 = 0
	gateLock   int64 = 1
	intentLock int64 = 2 // taken by who is about to count anew, so that a crowd at the gate lets it through
	trashLock  int64 = 3
	slotLocks  int64 = 1 << 10
	nameLocks  int64 = 1 << 32
)

const (
	shared    = unix.F_RDLCK
	exclusive = unix.F_WRLCK
	unlocked  = unix.F_UNLCK
)

// nameLock returns the place of the lock of an object or view.
func nameLock(name string) int64 {
	sum := sha256.Sum256([]byte(name))
	return nameLocks + int64(binary.BigEndian.Uint64(sum[:8])>>2)
}

// locks is one holder of locks: an open file description. Ranges that it holds do not conflict with each other.
type locks struct{ file *os.File }

func openLocks(path string) (*locks, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open locks: %w", err)
	}
	return &locks{f}, nil
}

// set changes a lock, or reports that another holder is in the way.
func (l *locks) set(place int64, how int16) (bool, error) {
	k := unix.Flock_t{Type: how, Whence: 0, Start: place, Len: 1}
	for {
		err := unix.FcntlFlock(l.file.Fd(), unix.F_OFD_SETLK, &k)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
			return false, nil
		default:
			return false, fmt.Errorf("lock: %w", err)
		}
	}
}

// take waits for a lock by asking again and again, since a waiting fcntl cannot be cancelled.
func (l *locks) take(ctx context.Context, place int64, how int16) error {
	return poll(ctx, func() (bool, error) { return l.set(place, how) })
}

// drop gives a lock up. Unlocking cannot fail but for a closed file.
func (l *locks) drop(place int64) { _, _ = l.set(place, unlocked) }

// close gives up all locks: by name, because a child that is just being forked has the description, too.
func (l *locks) close() {
	k := unix.Flock_t{Type: unlocked}
	_ = unix.FcntlFlock(l.file.Fd(), unix.F_OFD_SETLK, &k)
	_ = l.file.Close()
}

// poll calls f until it is true, with pauses from 50 µs to 10 ms.
func poll(ctx context.Context, f func() (bool, error)) error {
	pause := 50 * time.Microsecond
	var timer *time.Timer
	for {
		ok, err := f()
		if ok || err != nil {
			return err
		}
		if timer == nil {
			timer = time.NewTimer(pause)
			defer timer.Stop()
		} else {
			timer.Reset(pause)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		pause = min(pause*3/2, 10*time.Millisecond)
	}
}
