package lane

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// WithTimes shortens what peers have.
func (o Options) WithTimes(head, idle, stall time.Duration) Options {
	o.times = times{head: head, idle: idle, stall: stall, linger: 50 * time.Millisecond}
	return o
}

// Doubtful are requests that are not simple.
func Doubtful() map[string]string { return doubtful() }

// Forget drops a file's bytes from memory, and reports whether they are gone.
func Forget(f *os.File) bool {
	_ = f.Sync()
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return !inMemory(int(f.Fd()), 0)
}
