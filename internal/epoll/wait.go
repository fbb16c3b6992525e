package epoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wait fetches events and returns their number; 0 when a timer is due or something was posted or deferred.
//
// It looks before it sleeps. Sleeping is a system call of which Go's scheduler is told, so that others may use the
// processor (P) meanwhile, and for which posters must know that they have to ring. Under load there is something to do
// at once, and neither has to be paid for. The package comment has the figures.
func (l *Loop) wait() int {
	n := l.look()
	if n > 0 || len(l.deferred.waiting) > 0 {
		return n
	}
	pause := l.timers.pause(time.Now())
	if pause == 0 {
		return 0
	}
	// The order matters: who posts makes mail true first and looks at asleep then, so one of us sees the other.
	l.asleep.Store(true)
	if !l.mail.Load() {
		n = l.sleep(pause)
	}
	l.asleep.Store(false)
	return n
}

// look asks the kernel without blocking. The scheduler is not told: the call is over before it could do anything.
func (l *Loop) look() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.poller),
		uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 0, 0, 0)
	if errno != 0 {
		return 0 // a signal (EINTR); our arguments give no other
	}
	return int(n)
}

// sleep blocks the thread until there is an event or the pause is over; forever means until there is an event.
func (l *Loop) sleep(pause time.Duration) int {
	ms := -1
	if pause != forever {
		ms = int((pause + time.Millisecond - 1) / time.Millisecond) // late rather than early
	}
	n, err := unix.EpollWait(l.poller, l.events, ms)
	if err != nil {
		return 0 // a signal (EINTR)
	}
	return n
}
