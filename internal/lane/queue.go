package lane

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// queue has the connections that net/http is to take. It takes any number, because a loop must not wait; they are
// bounded by the number of connections.
type queue struct {
	mu      sync.Mutex // protects the following
	change  sync.Cond
	waiting []handed
	closed  bool
}

// handed is a connection that is to be handed over, with what was read of it.
type handed struct {
	fd   int
	head []byte
	home *worker
	peer netip.AddrPort
	need int32 // of wayBack
}

// end makes room for another connection.
func (h handed) end() { h.home.lane.conns.Add(-1) }

func (q *queue) init() { q.change.L = &q.mu }

// put reports false when nobody takes connections any more.
func (q *queue) put(h handed) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, h)
	q.change.Signal()
	return true
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.change.Broadcast()
}

func (q *queue) accept() (net.Conn, error) {
	for {
		h, ok := q.take()
		if !ok {
			return nil, fmt.Errorf("accept: %w", net.ErrClosed)
		}
		if c, err := h.conn(); err == nil {
			return c, nil
		} // else the peer was gone: that is not the listener's trouble
	}
}

func (q *queue) take() (handed, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.change.Wait()
	}
	if len(q.waiting) == 0 {
		return handed{}, false
	}
	h := q.waiting[0]
	q.waiting[0] = handed{}
	q.waiting = q.waiting[1:]
	return h, true
}

// conn makes a connection of the net package.
func (h handed) conn() (net.Conn, error) {
	f := os.NewFile(uintptr(h.fd), "connection")
	defer f.Close() // FileConn works with a duplicate
	c, err := net.FileConn(f)
	if err != nil {
		h.end()
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		h.end()
		_ = c.Close() // cannot be: the listener was one for TCP
		return nil, unix.ENOTSUP
	}
	return &late{TCPConn: tcp, head: h.head, wayBack: wayBack{home: h.home, peer: h.peer, need: h.need}}, nil
}

// late is a TCP connection of which something was read already.
type late struct {
	*net.TCPConn
	head   []byte
	closed atomic.Bool // or given back
	wayBack
}

// Read returns what was read before, at first. io.EOF is also what net/http is told when the connection has gone back.
func (c *late) Read(p []byte) (int, error) {
	if c.room == 0 {
		c.room = len(p) // a buffer that is as yet empty
	}
	if len(c.head) == 0 {
		if c.back(len(p)) {
			return 0, io.EOF
		}
		n, err := c.TCPConn.Read(p)
		if n > 0 {
			c.idle.Store(busy)
		}
		return n, err
	}
	c.idle.Store(busy)
	n := copy(p, c.head)
	c.head = c.head[n:]
	if len(c.head) == 0 {
		c.head = nil
	}
	return n, nil
}

// WriteTo is io.Copy's short cut, which must not pass by what was read before.
func (c *late) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.head)
	c.head = c.head[n:]
	if err != nil {
		return int64(n), err
	}
	m, err := c.TCPConn.WriteTo(w)
	return int64(n) + m, err
}

// Close closes the connection and makes room for another.
func (c *late) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.end()
	}
	return c.TCPConn.Close()
}
