package lane

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
)

const (
	// acceptTurn is how many connections are accepted before those that are there have their turn.
	acceptTurn = 16
	// longestNap is that of a loop. With 0.2 ms requests that come 400 µs after each other cost 40 % more, with 5 ms a tenth fewer new
	// connections are served in a second; both measured beside nginx.
	longestNap = time.Millisecond
	// acceptPause is how long nothing is accepted when there is no room.
	acceptPause = 50 * time.Millisecond
)

// worker is one event loop and what its connections share.
type worker struct {
	lane     *Lane
	loop     *epoll.Loop
	ear      *epoll.Watch // of the listener; nil while nothing is accepted
	pause    epoll.Timer
	conns    ring          // the one that has been idle for longest is the first
	draining bool          // set by drain
	deaf     bool          // accepts nothing any more
	empty    chan struct{} // closed when draining and without connections

	// For the request at hand.
	request Request
	reply   Reply
	out     []byte // the head of its answer
	message message
	clock   clock
	ids     ids
}

func newWorker(a *Lane) (*worker, error) {
	loop, err := epoll.New()
	if err != nil {
		return nil, err
	}
	loop.MayNap(a.options.Naps, longestNap)
	w := &worker{lane: a, loop: loop, empty: make(chan struct{})}
	w.conns.init()
	w.pause.Init(loop, w)
	return w, nil
}

// listen begins to accept. The kernel wakes one of the loops that do.
func (w *worker) listen() {
	if w.deaf || w.ear != nil {
		return
	}
	ear, err := w.loop.Watch(w.lane.listener, epoll.In|unix.EPOLLEXCLUSIVE, w)
	if err != nil {
		w.pause.Reset(acceptPause) // no memory: later perhaps
		return
	}
	w.ear = ear
}

// rest accepts nothing for a moment: connections wait in the kernel.
func (w *worker) rest() {
	if w.ear != nil {
		_ = w.ear.Remove()
		w.ear = nil
	}
	w.pause.Reset(acceptPause)
}

// Expired is that of epoll.Alarm: the pause is over.
func (w *worker) Expired(*epoll.Timer) { w.listen() }

// Ready is that of epoll.Handler: somebody is at the listener.
func (w *worker) Ready(epoll.Events) {
	for range acceptTurn {
		if w.lane.conns.Load() >= int64(w.lane.options.MaxConns) && !w.makeRoom() {
			w.askForRoom()
			w.rest()
			return
		}
		fd, peer, err := accept(w.lane.listener)
		switch {
		case err == nil:
			w.lane.conns.Add(1)
			w.place(fd, peer)
		case errors.Is(err, errAgain):
			return
		case errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM):
			w.rest()
			return
		} // else the peer was gone before we came
	}
}

// place gives a connection to the loops for small answers in turn.
func (w *worker) place(fd int, peer netip.AddrPort) {
	other := inTurn(w.lane.homes(), &w.lane.next)
	if other == w || !other.loop.Post(func() { other.add(fd, peer) }) {
		w.add(fd, peer)
	}
}

// add begins to serve a connection. What its peer has to say is often there already, and answered before the kernel is asked to
// watch the connection, which may be over then.
func (w *worker) add(fd int, peer netip.AddrPort) {
	c := &conn{worker: w, home: w, fd: fd, peer: peer, timed: true}
	w.adopt(c)
	if w.draining {
		c.handOver(nil)
		return
	}
	c.limit(w.lane.options.times.head)
	c.read() // it may be another loop's after that
}

// adopt makes a connection the loop's.
func (w *worker) adopt(c *conn) {
	c.worker = w
	c.timer.Init(w.loop, c)
	w.conns.append(c)
}

// ask asks the Handler. One that panics leaves its request to net/http, which says 500 if it panics there, too.
func (w *worker) ask(q *Request, r *Reply) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			w.lane.panicked(p)
			v = NotMine
		}
		if v != Answered {
			r.drop()
		}
	}()
	return w.lane.options.Handler.Answer(q, r)
}

// makeRoom closes the connection that has been idle for longest, if one of the first is idle.
func (w *worker) makeRoom() bool {
	const look = 16
	c := w.conns.first()
	for range look {
		if c == nil {
			return false
		}
		if c.idle() {
			c.end()
			return true
		}
		c = w.conns.after(c)
	}
	return false
}

// askForRoom has the loops that accept nothing make room, for when this one tries again.
func (w *worker) askForRoom() {
	for _, other := range w.lane.workers {
		if other != w {
			other.loop.Post(func() { other.makeRoom() })
		}
	}
}

// deafen ends the accepting.
func (w *worker) deafen() {
	w.deaf = true
	w.pause.Stop()
	if w.ear != nil {
		_ = w.ear.Remove()
		w.ear = nil
	}
}

// drain closes what has no request, and lets those that have be the last of their connection.
func (w *worker) drain() {
	w.draining = true
	for c, next := w.conns.first(), (*conn)(nil); c != nil; c = next {
		next = w.conns.after(c)
		c.drain()
	}
	w.left()
}

// cutAll ends what is left.
func (w *worker) cutAll() {
	for c := w.conns.first(); c != nil; c = w.conns.first() {
		c.cut()
	}
	w.left()
}

// left notes that the last connection has gone.
func (w *worker) left() {
	if !w.draining || w.conns.first() != nil {
		return
	}
	select {
	case <-w.empty:
	default:
		close(w.empty)
	}
}
