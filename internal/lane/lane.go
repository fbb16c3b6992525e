package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/epoll"

	"golang.org/x/sys/unix"
)

// Options are what a Lane is made of.
type Options struct {
	Handler  Handler
	Observe  func(Done)      // called on a loop after each answer; may be nil
	Log      *slog.Logger    // told of handlers that panic; may be nil
	Loops    int             // event loops; default 1
	Naps     *epoll.Naps     // what they have in common with other loops; nil: they sleep
	MaxConns int             // connections at once, those of net/http included; default: three quarters of the descriptors
	Opened   <-chan struct{} // closed when connections may be accepted; nil: at once

	times times // shorter in tests
}

// times are what a peer has; see the package comment.
type times struct {
	head, idle, stall time.Duration
	linger            time.Duration // to read the last answer before its unread bytes make us reset the connection
}

func usualTimes() times {
	return times{head: 10 * time.Second, idle: 2 * time.Minute, stall: time.Minute, linger: time.Second / 2}
}

// Lane is a fast way in front of net/http; to it, a net.Listener. See the package comment.
type Lane struct {
	options  Options
	addr     net.Addr
	listener int
	workers  []*worker
	next     atomic.Uint32 // the home of the next connection
	nextFar  atomic.Uint32 // the loop of the next one with a large answer
	conns    atomic.Int64  // all of them
	answered atomic.Int64
	handed   atomic.Int64
	moved    atomic.Int64
	returned atomic.Int64
	queue    queue

	life   context.Context // of what warms
	cut    context.CancelFunc
	work   sync.WaitGroup // goroutines that warm or fetch
	close  sync.Once
	hush   sync.Once
	closed chan struct{} // closed when Close is over
}

// Listen takes a TCP listener over and begins to serve. Whoever is to serve what is handed over calls Accept.
func Listen(l net.Listener, o Options) (*Lane, error) {
	addr := l.Addr()
	fd, err := detach(l)
	if err != nil {
		return nil, err
	}
	if o.MaxConns <= 0 {
		o.MaxConns = roomForConns()
	}
	if o.times == (times{}) {
		o.times = usualTimes()
	}
	a := &Lane{options: o, addr: addr, listener: fd, closed: make(chan struct{})}
	a.life, a.cut = context.WithCancel(context.Background())
	a.queue.init()
	for range max(1, o.Loops) {
		w, err := newWorker(a)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start lane: %w", err), a.undo())
		}
		a.workers = append(a.workers, w)
	}
	for _, w := range a.workers {
		_ = w.loop.Start(context.Background()) // fails only after Stop
	}
	if o.Opened == nil {
		a.hear()
		return a, nil
	}
	a.work.Go(func() {
		select {
		case <-o.Opened:
			a.hear()
		case <-a.life.Done():
		}
	})
	return a, nil
}

// hear begins to accept.
func (a *Lane) hear() {
	for _, w := range a.homes() { // who accepts for another loop has to wake it
		w.loop.Post(w.listen)
	}
}

// undo lets go of what a Listen that failed had.
func (a *Lane) undo() error {
	a.cut()
	err := unix.Close(a.listener)
	for _, w := range a.workers {
		err = errors.Join(err, w.loop.Stop(context.Background()))
	}
	return err
}

// warm lets the Handler warm. One that panics has not.
func (a *Lane) warm(q *Request) {
	defer func() {
		if p := recover(); p != nil {
			a.panicked(p)
		}
	}()
	a.options.Handler.Warm(a.life, q)
}

func (a *Lane) panicked(p any) {
	if a.options.Log != nil {
		a.options.Log.Error("handler panicked in the lane", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}

// roomForConns leaves a quarter of the descriptors that the process may have to everything else.
func roomForConns() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 768
	}
	return int(min(limit.Cur, 1<<20) / 4 * 3)
}

// Addr implements net.Listener.
func (a *Lane) Addr() net.Addr { return a.addr }

// Accept implements net.Listener with the connections that are handed over. After Close it returns those that are left,
// and then net.ErrClosed.
func (a *Lane) Accept() (net.Conn, error) { return a.queue.accept() }

// Stats are counts since the beginning, and the connections of the moment. Moved are moves between loops, Returned the connections that came
// back from net/http.
type Stats struct{ Conns, Answered, HandedOver, Moved, Returned int64 }

// Stats returns them.
func (a *Lane) Stats() Stats {
	return Stats{a.conns.Load(), a.answered.Load(), a.handed.Load(), a.moved.Load(), a.returned.Load()}
}

// Hush ends the accepting; those who are in are served on. Close follows.
func (a *Lane) Hush() {
	a.hush.Do(func() {
		a.each((*worker).deafen)
		_ = unix.Close(a.listener)
	})
}

// Close implements net.Listener: it begins the ending that Stop waits for. It must not be called on a loop.
func (a *Lane) Close() error {
	a.close.Do(func() {
		a.Hush()
		a.each((*worker).drain)
		a.queue.close()
		close(a.closed)
	})
	return nil
}

// Stop waits until somebody has called Close, as http.Server.Shutdown does when it is ready for what is handed over then,
// and for the answers under way. When ctx ends it closes and cuts, which is an error. It returns when no goroutine of the
// lane runs any more.
func (a *Lane) Stop(ctx context.Context) error {
	select {
	case <-a.closed:
	case <-ctx.Done():
		_ = a.Close() // has no error
	}
	var err error
	for _, w := range a.workers {
		select {
		case <-w.empty:
			continue
		default:
		}
		select {
		case <-w.empty:
		case <-ctx.Done():
			err = fmt.Errorf("drain lane: %w", context.Cause(ctx))
		}
	}
	a.cut()
	a.each((*worker).cutAll)
	a.work.Wait()
	for _, w := range a.workers {
		err = errors.Join(err, w.loop.Stop(context.Background()))
	}
	return err
}

// each runs f for every worker on its loop, and waits.
func (a *Lane) each(f func(*worker)) {
	var ran sync.WaitGroup
	for _, w := range a.workers {
		ran.Add(1)
		if !w.loop.Post(func() { f(w); ran.Done() }) {
			ran.Done() // the loop has ended: there is nothing any more
		}
	}
	ran.Wait()
}
