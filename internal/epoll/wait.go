package epoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wait fetches events and returns their number; 0 when a timer is due or something was posted or deferred.
//
// Sleeping is a system call of which Go's scheduler is told, and posters have to know of it. While several sockets at a
// time are ready, more are likely to be ready soon: then it looks first, which costs less if it finds something.
func (l *Loop) wait() (n int) {
	awake := len(l.deferred.waiting) > 0
	if awake || l.crowded {
		if n = l.look(); awake || n > 0 {
			return n
		}
	}
	pause := l.timers.pause(l.now)
	// The order matters: who posts makes mail true first and looks at asleep then, so one of us sees the other.
	l.asleep.Store(true)
	if pause == 0 || l.mail.Load() {
		n = l.look()
	} else {
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
