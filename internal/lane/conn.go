package lane

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
)

const (
	// turnRequests is how many requests of one connection are answered in a row.
	turnRequests = 16
	// turnBytes is how much of a file is sent in a row.
	turnBytes = 1 << 20
)

// state is what a connection waits for.
type state uint8

const (
	reading   state = iota // the peer: a head, or the rest of one
	queueing               // its next turn: it has whole requests
	warming                // its Handler's Warm
	writing                // the socket
	fetching               // a file's bytes
	moving                 // its next loop
	lingering              // the peer to have read everything
	ended
)

// conn is a connection on a loop.
type conn struct {
	worker     *worker
	home       *worker // of small answers
	far        *worker // of large ones; nil before the first
	fd         int
	watch      *epoll.Watch
	timer      epoll.Timer
	deadline   time.Time
	prev, next *conn // in the ring of its worker
	peer       netip.AddrPort
	state      state
	returned   bool   // it came back from net/http,
	need       int32  // which wanted so many requests for that,
	run        int32  // and so many were answered since
	served     bool   // a request was answered
	last       bool   // no request is to follow
	asked      bool   // the request at the beginning of got was warmed for
	timed      bool   // the time of the head that is expected runs already
	got        []byte // what was read and not used
	scanned    int    // so many bytes of it hold no end of a head
	answer     answer
}

// Ready is that of epoll.Handler.
func (c *conn) Ready(e epoll.Events) {
	switch c.state {
	case reading:
		c.read()
	case writing:
		c.write()
	case lingering:
		c.discard()
	case queueing, warming, fetching, moving:
		if e&epoll.Failed != 0 {
			c.end()
		}
	case ended:
	}
}

// read takes what there is, behind what there was.
func (c *conn) read() {
	buf := c.worker.loop.Scratch()[:maxHead]
	had := copy(buf, c.got)
	n, err := receive(c.fd, buf[had:])
	switch {
	case err == nil:
		c.process(buf[:had+n], turnRequests)
	case errors.Is(err, errAgain):
		c.listen(epoll.In) // nothing new, unless it has just been accepted
	case errors.Is(err, io.EOF) && had > 0:
		c.handOver(buf[:had]) // half a request: net/http has an answer to that
	default:
		c.end()
	}
}

// process answers the requests in b, which begins where got does, as long as its turn lasts.
func (c *conn) process(b []byte, turn int) {
	for full := turn; len(b) > 0; {
		end, odd := headEnd(b, c.scanned)
		switch {
		case odd || end == 0 && (len(b) == maxHead || !promising(b)):
			c.handOver(b)
			return
		case end == 0:
			c.partial(b, turn == full)
			return
		case turn == 0:
			c.keep(b)
			c.queue()
			return
		}
		turn--
		c.scanned, c.timed = 0, false
		if !c.request(b, end) {
			return
		}
		b = b[end:]
	}
	c.got, c.scanned = nil, 0
	c.worker.conns.touch(c)
	c.await(c.worker.lane.options.times.idle)
}

// partial waits for the rest of a head, whose time began with its first byte. longer says that b begins with what was
// kept: a head that comes byte by byte must not be copied as often.
func (c *conn) partial(b []byte, longer bool) {
	if longer {
		c.got = append(c.got, b[len(c.got):]...)
	} else {
		c.keep(b)
	}
	c.scanned = len(b)
	c.listen(epoll.In)
	if !c.timed {
		c.timed = true
		c.limit(c.worker.lane.options.times.head)
	}
}

// keep copies what is to be used later: b may be the loop's.
func (c *conn) keep(b []byte) {
	if len(b) == 0 {
		c.got = nil
		return
	}
	c.got = append(make([]byte, 0, len(b)), b...)
	c.scanned = 0
}

// queue waits for its next turn, and hears nothing until then.
func (c *conn) queue() {
	c.state = queueing
	c.listen(0)
	c.worker.loop.Defer(c.resume)
}

// resume has its turn with what was kept.
func (c *conn) resume() {
	if c.state == queueing {
		c.state = reading
		c.process(c.got, turnRequests)
	}
}

// request deals with the one request that the first end bytes of b are. It reports whether it was answered and the next may
// have its turn; else somebody else goes on.
func (c *conn) request(b []byte, end int) bool {
	w := c.worker
	q, r := &w.request, &w.reply
	q.Peer = c.peer
	if !q.parse(b[:end]) {
		c.handOver(b)
		return false
	}
	began := w.loop.Now() // when the request was ready to be read
	r.Reset()
	switch w.ask(q, r) {
	case Answered:
		c.asked = false
		return c.respond(q, r, began, b[end:])
	case Wait:
		if !c.asked {
			c.keep(b)
			c.warm(end)
			return false
		}
	case NotMine:
	}
	c.handOver(b)
	return false
}

// warm lets the Handler prepare for the request at the beginning of what was kept.
func (c *conn) warm(end int) {
	c.state, c.asked = warming, true
	q := &Request{Peer: c.peer}
	q.parse(c.got[:end])
	c.listen(0)
	c.timer.Stop()
	a := c.worker.lane
	a.work.Go(func() { // Stop waits
		a.warm(q)
		c.worker.loop.Post(c.warmed) // a loop that has ended has no connections any more
	})
}

// warmed asks the Handler again.
func (c *conn) warmed() {
	if c.state == warming {
		c.state = reading
		c.process(c.got, turnRequests)
	}
}

// await waits for the peer's next bytes, so long.
func (c *conn) await(d time.Duration) {
	c.state = reading
	c.listen(epoll.In)
	c.limit(d)
}

// limit has Expired called after d. The timer is only touched when it would be late: otherwise it looks again.
func (c *conn) limit(d time.Duration) {
	if c.state == ended {
		return
	}
	sooner := d < c.deadline.Sub(c.worker.loop.Now())
	c.deadline = c.worker.loop.Now().Add(d)
	if sooner || !c.timer.Running() {
		c.timer.Reset(d)
	}
}

// listen says what to be woken for. The first time it begins to watch.
func (c *conn) listen(e epoll.Events) {
	var err error
	if c.watch == nil {
		c.watch, err = c.worker.loop.Watch(c.fd, e, c)
	} else {
		err = c.watch.Set(e)
	}
	if err != nil {
		c.end() // no memory
	}
}

// Expired is that of epoll.Alarm.
func (c *conn) Expired(*epoll.Timer) {
	if left := c.deadline.Sub(c.worker.loop.Now()); left > 0 {
		c.timer.Reset(left)
		return
	}
	switch c.state {
	case reading, lingering:
		c.end()
	case writing:
		c.stalled()
	case queueing, warming, fetching, moving, ended:
	}
}

// idle reports whether the connection is between two requests.
func (c *conn) idle() bool { return c.state == reading && len(c.got) == 0 && c.served }

// handOver gives the connection to net/http, with what was read of it.
func (c *conn) handOver(b []byte) {
	head := append([]byte(nil), b...)
	fd := c.release()
	a := c.worker.lane
	a.handed.Add(1)
	if !a.queue.put(handed{fd: fd, head: head, home: c.home, peer: c.peer, need: c.patience()}) {
		_ = unix.Close(fd)
		a.conns.Add(-1)
	}
	c.worker.left()
}

// end closes the connection.
func (c *conn) end() {
	if c.state == ended {
		return
	}
	_ = unix.Close(c.release())
	c.worker.lane.conns.Add(-1)
	c.worker.left()
}

// cut closes the connection and throws away what the kernel has for its peer.
func (c *conn) cut() {
	if c.state == ended {
		return
	}
	reset(c.release())
	c.worker.lane.conns.Add(-1)
	c.worker.left()
}

// release lets go of everything but the descriptor.
func (c *conn) release() (fd int) {
	c.state = ended
	c.timer.Stop()
	if c.watch != nil {
		_ = c.watch.Remove()
	}
	c.worker.conns.remove(c)
	c.got = nil
	c.answer.end(c)
	return c.fd
}

// linger waits until the peer has read the answer: closing at once, with bytes of the peer unread, would reset the
// connection, and the answer might be lost on its way (RFC 9112 section 9.6).
func (c *conn) linger() {
	c.state, c.got = lingering, nil
	_ = unix.Shutdown(c.fd, unix.SHUT_WR)
	c.listen(epoll.In)
	c.limit(c.worker.lane.options.times.linger)
}

// discard reads what nobody wants.
func (c *conn) discard() {
	if _, err := receive(c.fd, c.worker.loop.Scratch()); err != nil && !errors.Is(err, errAgain) {
		c.end()
	}
}

// drain is the conn's part of its worker's. What has arrived is still answered; to half a request net/http would have
// given no answer either.
func (c *conn) drain() {
	c.last = true
	if c.state == reading {
		c.read()
		if c.state == reading {
			c.end()
		}
	}
}
