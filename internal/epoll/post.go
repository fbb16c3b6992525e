package epoll

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Post lets f run on the loop, after the functions posted before it, and wakes the loop if it sleeps. It may be called
// from any goroutine and by the loop itself. It reports false, and f never runs, when the loop does not run: not yet,
// or not any more. When it reports true f runs before Stop returns.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	if l.phase != running {
		l.mu.Unlock()
		return false
	}
	l.posted = append(l.posted, f)
	l.queued.Add(1)
	l.mu.Unlock()
	l.wake()
	return true
}

// wake rings the bell if the loop sleeps; of many callers only one does.
func (l *Loop) wake() {
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		one := [8]byte{1} // the kernel takes a number of 64 bits in its own byte order; any but 0 does
		_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(l.bell), uintptr(unsafe.Pointer(&one)), 8)
	}
}

// ringer empties the bell.
type ringer struct{ loop *Loop }

func (r ringer) Ready(Events) {
	var count [8]byte
	_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(r.loop.bell), uintptr(unsafe.Pointer(&count)), 8)
}

func (l *Loop) ending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.phase != running
}

// runPosted runs what was posted until now, and reports whether that was all for ever. What these functions post has to
// wait for the next round, so that sockets get their turn.
func (l *Loop) runPosted() (last bool) {
	if l.queued.Load() == 0 && !l.ending() {
		return false
	}
	l.mu.Lock()
	fs := l.posted
	l.posted, l.spare = l.spare, nil
	l.queued.Store(0)
	last = l.phase != running
	l.mu.Unlock()
	for i, f := range fs {
		fs[i] = nil
		f()
	}
	l.mu.Lock()
	l.spare = fs[:0]
	l.mu.Unlock()
	return last
}

// Defer lets f run at the end of this round, after all events, timers and posted functions; what deferred functions
// defer runs at the end of the next round, before which the loop does not sleep. On the loop only.
func (l *Loop) Defer(f func()) { l.deferred = append(l.deferred, f) }

func (l *Loop) runDeferred() {
	fs := l.deferred
	if len(fs) == 0 {
		return
	}
	l.deferred = nil
	for _, f := range fs {
		f()
	}
	if l.deferred == nil {
		clear(fs)
		l.deferred = fs[:0]
	}
}
