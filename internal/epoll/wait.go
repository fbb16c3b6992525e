package epoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wait fetches events and returns their number. It looks first, and sleeps only when there is nothing.
func (l *Loop) wait() int {
	if n := l.look(); n > 0 || len(l.deferred) > 0 {
		return n
	}
	pause := l.timers.pause(time.Now())
	if pause == 0 {
		return 0
	}
	// The order matters: whoever posts adds to queued and then looks at asleep.
	l.asleep.Store(true)
	defer l.asleep.Store(false)
	if l.queued.Load() > 0 || l.ending() {
		return 0
	}
	return l.sleep(pause)
}

// look asks the kernel without blocking. The scheduler is not told: this call is over before it could do anything.
func (l *Loop) look() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.poller),
		uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 0, 0, 0)
	if errno != 0 {
		return 0 // EINTR; nothing else is possible with arguments that are right
	}
	return int(n)
}

// sleep blocks the thread until there is an event or the pause is over; negative means for ever.
func (l *Loop) sleep(pause time.Duration) int {
	ms := -1
	if pause >= 0 {
		ms = int((pause + time.Millisecond - 1) / time.Millisecond)
	}
	n, err := unix.EpollWait(l.poller, l.events, ms)
	if err != nil {
		return 0
	}
	return n
}
