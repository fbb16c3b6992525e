package lane

import (
	"context"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// backAfter is how many requests in a row net/http answers of those that the lane could have answered, before the connection comes back. The way there
// and back costs about as much as two such answers save. A connection that came back for less has to wait for twice as many the next time, and so on
// up to backAtMost; one that came back for backWorth is as good as new. So a connection that goes to and fro costs next to nothing in the long run.
const (
	backAfter  = 2
	backWorth  = 4
	backAtMost = 1 << 10
)

// lateKey is the key of a connection in the context of its requests.
type lateKey struct{}

// Mine says of a request that net/http answers that the lane would have answered it. After some of them in a row their connection comes back.
// Of a context that no connection of a lane gave it means nothing.
func Mine(ctx context.Context) {
	if c, ok := ctx.Value(lateKey{}).(*late); ok {
		c.mine.Store(true)
	}
}

// wayBack is what a connection that was handed over needs to come back.
type wayBack struct {
	home *worker
	peer netip.AddrPort
	need int32 // requests in a row

	mine atomic.Bool  // the latest request was the lane's
	row  atomic.Int32 // so many were, in a row
	idle atomic.Int32 // what net/http is known to do
	room int          // bytes of the buffer that net/http reads into, when it is empty
}

// What idle may be.
const (
	busy  = iota // it is with a request, as far as is known
	ready        // it has answered
	quiet        // and waits for the next request, of which it may have bytes in its buffer
)

// Context returns the context of the connection's requests, for http.Server.ConnContext.
func (c *late) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, lateKey{}, c)
}

// Idle is to be called when net/http has answered and waits (http.StateIdle).
func (c *late) Idle() {
	if c.mine.Swap(false) {
		c.row.Add(1)
	} else {
		c.row.Store(0)
	}
	c.idle.Store(ready)
}

// SetReadDeadline follows what net/http does: it sets one when it begins to wait for a request, and others when it begins to read the request,
// which may have been in its buffer.
func (c *late) SetReadDeadline(t time.Time) error {
	if !c.idle.CompareAndSwap(ready, quiet) {
		c.idle.Store(busy)
	}
	return c.TCPConn.SetReadDeadline(t)
}

// back gives the connection to its loop, if it is time: net/http then thinks that the peer has gone. room is that of the buffer
// which net/http wants filled: when that is all of it nothing is left in it, not even a byte of the next request.
func (c *late) back(room int) bool {
	if c.idle.Load() != quiet || room != c.room || c.row.Load() < c.need || !c.closed.CompareAndSwap(false, true) {
		return false
	}
	fd, ok := c.duplicate()
	if !ok || !c.home.loop.Post(func() { c.home.takeBack(fd, c.peer, c.need) }) {
		if ok {
			_ = unix.Close(fd)
		}
		c.end()
	}
	return true
}

// end makes room for another connection.
func (c *late) end() { c.home.lane.conns.Add(-1) }

// duplicate takes the socket out of Go's hands: closing what Go has does not close it then.
func (c *late) duplicate() (fd int, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, false
	}
	fd = -1
	err = raw.Control(func(original uintptr) {
		var errno syscall.Errno
		var n uintptr
		if n, _, errno = unix.RawSyscall(unix.SYS_FCNTL, original, unix.F_DUPFD_CLOEXEC, 0); errno == 0 {
			fd = int(n)
		}
	})
	return fd, err == nil && fd >= 0
}

// patience is how many requests in a row net/http is to answer before the connection comes back, if it is handed over now.
func (c *conn) patience() int32 {
	switch {
	case !c.returned || c.run >= backWorth:
		return backAfter
	case c.run < backWorth/2:
		return min(2*c.need, backAtMost)
	}
	return c.need
}

// takeBack goes on with a connection that net/http had.
func (w *worker) takeBack(fd int, peer netip.AddrPort, need int32) {
	a := w.lane
	if w.draining {
		_ = unix.Close(fd)
		a.conns.Add(-1)
		return
	}
	a.returned.Add(1)
	c := &conn{worker: w, home: w, fd: fd, peer: peer, served: true, returned: true, need: need}
	w.adopt(c)
	c.await(a.options.times.idle)
}
