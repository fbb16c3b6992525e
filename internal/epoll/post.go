package epoll

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Post lets f run on the loop, after the functions posted before it, and wakes the loop if it sleeps. It may be called
// from any goroutine and by the loop itself; what a posted function posts waits for the next round, so that sockets get
// their turn. It reports false, and f never runs, when the loop does not run: not yet, or not any more. When it reports
// true, f runs before Stop returns.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	if l.phase != running {
		l.mu.Unlock()
		return false
	}
	l.posted.add(f)
	l.mail.Store(true)
	l.mu.Unlock()
	l.wake()
	return true
}

// wake rings the bell if the loop sleeps; of many callers only one does.
func (l *Loop) wake() {
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		one := [8]byte{1} // a number of 64 bits in whatever byte order; all that counts is that it is not 0
		_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(l.bell), uintptr(unsafe.Pointer(&one)), 8)
	}
}

// ringer empties the bell, so that it can be rung again.
type ringer struct{ loop *Loop }

func (r ringer) Ready(Events) { r.silence() }

func (r ringer) silence() (rung [8]byte) {
	_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(r.loop.bell), uintptr(unsafe.Pointer(&rung)), 8)
	return rung
}

// deliver runs what was posted until now, and reports whether nothing can be posted any more.
func (l *Loop) deliver() (last bool) {
	l.mu.Lock()
	fs := l.posted.take()
	last = l.phase != running
	l.mail.Store(false)
	l.mu.Unlock()
	call(fs)
	l.mu.Lock()
	l.posted.giveBack(fs)
	l.mu.Unlock()
	return last
}

// Defer lets f run at the end of this round, after all events, timers and posted functions. What deferred functions
// defer runs at the end of the next round, before which the loop does not sleep; there is none after Stop. On the loop
// only.
func (l *Loop) Defer(f func()) { l.deferred.add(f) }

// queue is a list of functions in two halves: one is run while the other is filled. Both are used again.
type queue struct{ waiting, spare []func() }

func (q *queue) add(f func()) { q.waiting = append(q.waiting, f) }

func (q *queue) take() []func() {
	fs := q.waiting
	q.waiting, q.spare = q.spare, nil
	return fs
}

func (q *queue) giveBack(fs []func()) { q.spare = fs[:0] }

func (q *queue) run() {
	if len(q.waiting) > 0 {
		fs := q.take()
		call(fs)
		q.giveBack(fs)
	}
}

// call calls and forgets functions in order.
func call(fs []func()) {
	for i, f := range fs {
		fs[i] = nil
		f()
	}
}
