package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked is what TakeLock returns when somebody else holds the lock.
var ErrLocked = errors.New("locked by another process")

// Lock is a lock on a file (flock(2)). The kernel lets go of it however the process ends.
type Lock struct{ file *os.File }

// TakeLock locks the file, which is made with mode 0600 if it is missing, or returns ErrLocked at once.
func TakeLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &Lock{f}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
}

// Release lets go of the lock. Closing alone would not do: a child that was forked at this moment holds the file, and
// with it the lock, until it executes its program.
func (l *Lock) Release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}
