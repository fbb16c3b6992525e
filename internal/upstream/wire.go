package upstream

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxIdleWires is how many connections to one server are kept for the next requests.
	maxIdleWires = 256
	// wireIdle is how long: what has not been used for that long is closed.
	wireIdle = 30 * time.Second
	// wireFresh is how long a connection is taken for requests that must not be sent twice. Servers close idle connections
	// after a time of their own (two seconds in Gunicorn), and a request may cross that on its way.
	wireFresh = time.Second
	// wireBuffer is how much of an answer is read at once.
	wireBuffer = 16 << 10
)

var errHeadTooLarge = errors.New("the header of the answer is too large")

// wire is a plain connection to a server, for one request at a time. No goroutine belongs to it: who asks reads.
type wire struct {
	conn net.Conn
	raw  syscall.RawConn
	look func(fd uintptr) // sets quiet
	one  [1]byte          // for look
	read *bufio.Reader    // lent while there is an exchange
	head []byte           // of the latest request, for its memory
	used time.Time        // end of the latest exchange
	ends time.Time        // the deadline that was set last

	// Of the exchange under way.
	began  bool          // something of the answer has arrived
	room   int           // so much of its header may still arrive
	pause  time.Duration // an answer that began may pause so long; 0 before
	until  time.Time     // the end of all, unless zero
	cutOff atomic.Bool
	quiet  bool // nothing was there to be read, not even the end
}

// newWire wraps a connection.
func newWire(c net.Conn) (*wire, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.New("a connection without a socket")
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &wire{conn: c, raw: raw}
	w.look = func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), w.one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		w.quiet = errors.Is(err, unix.EAGAIN)
	}
	return w, nil
}

// usable reports whether the server has neither closed an idle connection nor said something that nobody asked for, which
// could be taken for the answer to the next request.
func (w *wire) usable() bool {
	w.quiet = false
	return w.raw.Control(w.look) == nil && w.quiet
}

// Read is the bufio.Reader's way to the connection. It bounds the header, and the pauses behind it.
func (w *wire) Read(p []byte) (int, error) {
	if w.pause > 0 {
		w.limit(w.pause)
		return w.conn.Read(p)
	}
	if w.room <= 0 {
		return 0, errHeadTooLarge
	}
	n, err := w.conn.Read(p[:min(len(p), w.room)])
	w.room -= n
	w.began = w.began || n > 0
	return n, err
}

// limit ends reading after a time, or a sixteenth later: the deadline that stands is good while it is between the two, so that
// a busy connection has it moved once in a while and not with every request. The end of the whole exchange is kept exactly.
func (w *wire) limit(d time.Duration) {
	first := time.Now().Add(d)
	last := first.Add(d / 16)
	if !w.until.IsZero() && w.until.Before(last) {
		first, last = w.until, w.until
	}
	if w.ends.Before(first) || w.ends.After(last) {
		w.deadline(last)
	}
}

// deadline ends reading at a time.
func (w *wire) deadline(at time.Time) {
	w.ends = at
	_ = w.conn.SetReadDeadline(at) // fails for a closed connection, which Read tells
	if w.cutOff.Load() {           // between its deadline and ours
		w.abort()
	}
}

// abort ends whatever the connection is used for. It may be called at any time.
func (w *wire) abort() {
	w.cutOff.Store(true)
	_ = w.conn.SetDeadline(time.Unix(1, 0)) // fails for a closed connection
}

func (w *wire) close() { _ = w.conn.Close() } // nothing is lost

// wires are the idle connections to a server.
type wires struct {
	mu   sync.Mutex
	idle []*wire // mu protects it; the latest used is the last

	readers sync.Pool // of *bufio.Reader
}

// take returns a connection that was used within the time, or nil.
func (s *wires) take(within time.Duration) *wire {
	for {
		w := s.pop(time.Now().Add(-within))
		if w == nil || w.usable() {
			return w
		}
		w.close()
	}
}

func (s *wires) pop(since time.Time) *wire {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.idle) - 1
	if last < 0 || s.idle[last].used.Before(since) {
		return nil
	}
	w := s.idle[last]
	s.idle[last] = nil
	s.idle = s.idle[:last]
	return w
}

// begin prepares a connection for an exchange.
func (s *wires) begin(w *wire) {
	r, ok := s.readers.Get().(*bufio.Reader)
	if !ok {
		r = bufio.NewReaderSize(nil, wireBuffer)
	}
	r.Reset(w)
	w.read, w.began, w.pause, w.room, w.until = r, false, 0, maxAnswerHeader, time.Time{}
}

// end takes a connection back after an exchange, and keeps it if it is good for another.
func (s *wires) end(w *wire, good bool) {
	r := w.read
	w.read = nil
	good = good && r.Buffered() == 0 && !w.cutOff.Load()
	r.Reset(nil)
	s.readers.Put(r)
	if good {
		w.used = time.Now()
		s.mu.Lock()
		if good = len(s.idle) < maxIdleWires; good {
			s.idle = append(s.idle, w)
		}
		s.mu.Unlock()
	}
	if !good {
		w.close()
	}
}

// prune closes what has been idle for too long.
func (s *wires) prune(now time.Time) {
	s.mu.Lock()
	n := 0
	for n < len(s.idle) && now.Sub(s.idle[n].used) > wireIdle {
		n++
	}
	old := append([]*wire(nil), s.idle[:n]...)
	s.idle = append(s.idle[:0], s.idle[n:]...)
	s.mu.Unlock()
	for _, w := range old {
		w.close()
	}
}

// closeIdle closes all idle connections.
func (s *wires) closeIdle() { s.prune(time.Now().Add(2 * wireIdle)) }

// connect returns a connection to the server, an idle one if it may be; fresh says that it is a new one.
func (x *exchange) connect(n *node, within time.Duration) (w *wire, fresh bool, err error) {
	if w := n.wires.take(within); w != nil {
		n.wires.begin(w)
		return w, false, nil
	}
	ctx, cancel := x.whole()
	defer cancel()
	w, err = n.dial(ctx, x.pool.options().Config.Timeouts)
	return w, true, err
}

// dial opens a connection for a wire.
func (n *node) dial(ctx context.Context, t Timeouts) (*wire, error) {
	c, err := dial(ctx, n.Server, t)
	if err != nil {
		return nil, err
	}
	w, err := newWire(c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	n.wires.begin(w)
	return w, nil
}

// dial opens a connection to a server.
func dial(ctx context.Context, s Server, t Timeouts) (net.Conn, error) {
	d := net.Dialer{Timeout: t.Connect.D(), KeepAlive: 15 * time.Second}
	c, err := d.DialContext(ctx, s.Network, s.Address)
	if err != nil {
		return nil, &dialError{err}
	}
	return c, nil
}
