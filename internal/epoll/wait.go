package epoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wait fetches events and returns their number; 0 when a timer is due or something was posted or deferred.
//
// Sleeping is a system call of which Go's scheduler is told, and posters have to know of it. While several sockets at a
// time are ready, more are likely to be ready soon: then it looks first, which costs less if it finds something. While the
// answers come quickly it naps before it sleeps.
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
	switch {
	case pause == 0 || l.mail.Load():
		n = l.look()
	case l.brisk:
		if n = l.nap(pause); n == 0 {
			n = l.sleep(pause)
		}
	default:
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

// nap blocks the thread for a short while without telling the scheduler, which costs two to five microseconds less than
// sleep, and seventeen less when the wait takes longer than 20 microseconds: Go's monitor takes the processor away from a
// system call then, and stays awake, looking every 20 microseconds, as long as it finds such calls. What the price is: this
// thread's processor runs no other goroutine meanwhile, for which reason only as many loops nap as Go has processors to
// spare ([Naps]); it returns 0 when they do. A stop of the world, as of the garbage collector, is not held up: its signal ends
// the nap (and is sent again every 100 microseconds). A kernel before 5.11 has no such call: then there are no naps.
func (l *Loop) nap(pause time.Duration) int {
	if !l.naps.begin() {
		return 0
	}
	defer l.naps.end()
	if pause == forever {
		pause = l.longest
	}
	t := unix.Timespec{Nsec: int64(min(l.longest, pause))}
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.poller),
		uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), uintptr(unsafe.Pointer(&t)), 0, 0)
	if errno != 0 {
		n = 0 // a signal (EINTR), or a kernel that does not know the call (ENOSYS)
	}
	l.brisk = n > 0
	return int(n)
}

// sleep blocks the thread until there is an event or the pause is over; forever means until there is an event.
func (l *Loop) sleep(pause time.Duration) int {
	ms := -1
	if pause != forever {
		ms = int((pause + time.Millisecond - 1) / time.Millisecond) // late rather than early
	}
	began := time.Now()
	n, err := unix.EpollWait(l.poller, l.events, ms)
	if err != nil {
		return 0 // a signal (EINTR)
	}
	l.brisk = n > 0 && time.Since(began) < l.longest
	return n
}
