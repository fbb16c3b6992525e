package content

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"holdfast/internal/web"
)

// front stands between the content socket and net/http, and answers the calls that every render makes: ensure, release,
// renew, revision. net/http wakes two goroutines for each request and keeps maps of headers, which on this path costs more than
// the work itself; here one goroutine reads a request, does it, and writes the answer. Every other request is handed over with
// its connection, which does not come back. The peer cannot tell the two apart.
//
// It is the net.Listener of the http.Server, and its Stop is called with the server's.
type front struct {
	socket  net.Listener
	routes  map[string]frontCall
	leases  *leases
	journal web.Journal

	handed chan net.Conn
	failed chan error
	life   context.Context // ends when Stop has waited enough
	cut    context.CancelFunc
	work   sync.WaitGroup // the acceptor, and one for each connection

	mu      sync.Mutex // protects the following
	closing chan struct{}
	closed  bool
	conns   map[*frontConn]bool // whether it is between two requests
}

// frontCall does the work of a route: from the request's JSON to what is answered as JSON.
type frontCall func(ctx context.Context, body []byte) (any, error)

// frontHeadTime is how long a request may take to arrive, from the connection or its first byte on.
const frontHeadTime = 10 * time.Second

func newFront(l net.Listener, routes map[string]frontCall, leases *leases, journal web.Journal) *front {
	f := &front{
		socket: l, routes: routes, leases: leases, journal: journal, handed: make(chan net.Conn), failed: make(chan error),
		closing: make(chan struct{}), conns: map[*frontConn]bool{},
	}
	f.life, f.cut = context.WithCancel(context.Background())
	f.work.Go(f.accept)
	return f
}

// Addr is that of net.Listener.
func (f *front) Addr() net.Addr { return f.socket.Addr() }

// Accept is that of net.Listener: it returns the connections that are handed over.
func (f *front) Accept() (net.Conn, error) {
	select {
	case c := <-f.handed:
		return c, nil
	case err := <-f.failed:
		return nil, err
	case <-f.closing:
		return nil, net.ErrClosed
	}
}

// Close is that of net.Listener: nothing is accepted any more, connections without a request are closed, and those that have
// one end with its answer.
func (f *front) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	close(f.closing)
	for c, idle := range f.conns {
		if idle {
			c.wake()
		}
	}
	return f.socket.Close()
}

// Stop waits for the answers until ctx ends, then cuts them off.
func (f *front) Stop(ctx context.Context) error {
	err := f.Close()
	done := make(chan struct{})
	go func() { f.work.Wait(); close(done) }() // waited for below
	select {
	case <-done:
		f.cut()
		return err
	case <-ctx.Done():
	}
	f.cut()
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close() // what is written to it fails
	}
	f.mu.Unlock()
	<-done
	return errors.Join(err, context.Cause(ctx))
}

// accept takes connections in. What goes wrong with that is told to who calls Accept, which pauses when it can pass.
func (f *front) accept() {
	for {
		c, err := f.socket.Accept()
		if err == nil {
			f.admit(c)
			continue
		}
		select {
		case f.failed <- err:
		case <-f.closing:
			return
		}
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			return
		}
	}
}

// admit begins to serve a connection.
func (f *front) admit(c net.Conn) {
	conn := &frontConn{Conn: c, front: f, connection: &connection{peer: peerOf(c), leases: f.leases}}
	conn.connection.watch = conn.watch
	if !f.idle(conn, false) {
		_ = c.Close()
		return
	}
	f.leases.enter(conn, conn.connection)
	f.work.Go(conn.serve)
}

// idle notes whether a connection waits for a request. It reports false when it must end instead.
func (f *front) idle(c *frontConn, idle bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.conns[c] = idle
	return true
}

// forget lets go of a connection, and of what hangs on it.
func (f *front) forget(c *frontConn) {
	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()
}

// handOver gives a connection to net/http, with what was read of it. It is a net.Conn whose leases are those it had.
func (f *front) handOver(c *frontConn, read []byte) {
	f.forget(c)
	c.unread = append([]byte(nil), read...)
	select {
	case f.handed <- c:
	case <-f.closing:
		c.end()
	}
}

// Read is that of net.Conn after a connection was handed over.
func (c *frontConn) Read(p []byte) (int, error) {
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
