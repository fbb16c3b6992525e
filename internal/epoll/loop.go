package epoll

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	scratchSize = 64 << 10 // bytes; what a large result brings in one read, and what the kernel buffers for a socket
	roundSize   = 256      // events fetched at once; when more are ready the kernel hands out the rest next, in turn
)

// yieldEvery is how often a loop that never sleeps lets Go's scheduler look: before it would be interrupted for having run for ten
// milliseconds, after which the scheduler's watchdog stays awake for a millisecond. A nap may come on top. Each look wakes another
// thread, which finds nothing; so a loop that has too much to do for naps does it half as often.
const (
	yieldEvery     = 4 * time.Millisecond
	yieldBusyEvery = 8 * time.Millisecond
)

// ErrStopped is what Start returns after Stop: a Loop runs once.
var ErrStopped = errors.New("the loop has been stopped")

// WatchedError is what Stop returns when descriptors were still watched. They were neither removed nor closed.
type WatchedError struct{ Count int }

func (e *WatchedError) Error() string {
	return fmt.Sprintf("stop event loop: %d descriptors were still watched", e.Count)
}

// Loop waits for sockets, timers and posted functions, and calls their owners one after the other. New makes one.
type Loop struct {
	poller int // the descriptor of epoll
	bell   int // an eventfd that wakes the loop out of its sleep

	naps    *Naps
	longest time.Duration // nap

	// Used on the loop only.
	events   []unix.EpollEvent // those of this round
	watches  []*Watch          // by descriptor; nil where nothing is watched
	watched  int               // how many are not nil
	crowded  bool              // the latest round had several events
	brisk    bool              // the latest wait ended with an event, and within the time of the longest nap
	serial   int32             // of the latest Watch
	timers   wheel
	deferred queue
	now      time.Time
	yielded  time.Time // when the scheduler was last asked
	thread   thread
	scratch  []byte

	asleep atomic.Bool // the loop sleeps or is about to: who makes it false has to ring the bell
	mail   atomic.Bool // there is something in posted, or phase is not running any more

	mu     sync.Mutex // mu protects the following
	phase  phase
	posted queue

	done chan struct{} // closed when nothing runs any more, after err is set
	err  error
}

type phase uint8

const (
	made phase = iota
	running
	stopping
	stopped
)

// New returns a Loop that is to be started. Who does not start it must stop it all the same, to close its descriptors.
func New() (*Loop, error) {
	poller, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(poller)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	l := &Loop{
		poller: poller, bell: bell,
		events: make([]unix.EpollEvent, roundSize), scratch: make([]byte, scratchSize),
		now: time.Now(), done: make(chan struct{}),
	}
	l.timers.init(l.now)
	if _, err := l.Watch(bell, In, ringer{l}); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// Start lets the loop run in a goroutine of its own, which ends with Stop. It is ready at once.
func (l *Loop) Start(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.phase {
	case made:
		l.phase = running
		go l.run() // Stop waits for it: it closes done
	case running:
	case stopping, stopped:
		return fmt.Errorf("start event loop: %w", ErrStopped)
	}
	return nil
}

// Stop runs what was posted before, ends the loop and waits for its goroutine; the loop has nothing to drain, so the
// context is not asked. A handler must not call it: it would wait for itself. What is still watched stays open and is
// told by a [WatchedError].
func (l *Loop) Stop(context.Context) error {
	l.mu.Lock()
	switch l.phase {
	case made:
		l.phase = stopped
		l.close()
		close(l.done)
	case running:
		l.phase = stopping
		l.mail.Store(true)
		l.wake()
	case stopping, stopped:
	}
	l.mu.Unlock()
	<-l.done
	return l.err
}

// Now returns the time at which this round began: a clock that costs nothing. Timers count from it.
func (l *Loop) Now() time.Time { return l.now }

// Scratch returns a buffer that belongs to whoever runs on the loop, until the callback ends.
func (l *Loop) Scratch() []byte { return l.scratch }

func (l *Loop) run() {
	defer close(l.done)
	for l.round() {
	}
	l.thread.leave()
	if n := l.watched - 1; n > 0 { // the bell does not count
		l.err = &WatchedError{Count: n}
	}
	l.close()
}

// round waits for something to do and does it. It reports false when the loop has been stopped.
func (l *Loop) round() bool {
	n := l.wait()
	l.crowded = n > 1
	l.thread.after(n)
	l.now = time.Now()
	every := yieldEvery
	if l.crowded {
		every = yieldBusyEvery
	}
	if l.now.Sub(l.yielded) > every {
		l.yielded = l.now
		runtime.Gosched()
	}
	l.dispatch(l.events[:n])
	l.timers.advance(l.now)
	last := l.mail.Load() && l.deliver()
	l.deferred.run()
	return !last
}

func (l *Loop) close() {
	_ = unix.Close(l.bell)
	_ = unix.Close(l.poller)
}
