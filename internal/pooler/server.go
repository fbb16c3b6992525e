package pooler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/backend"
	"holdfast/internal/epoll"
	"holdfast/internal/pgwire"
	"holdfast/internal/relay"
)

// server is one session on PostgreSQL, on a loop. It is what pools lend.
type server struct {
	id      uint32
	pooler  *Pooler
	backend *backend.Conn // for its identity and for cancel requests; its socket is ours
	host    string
	// timeline is the highest that was known before it was opened: that of the server is not lower if it is the primary.
	timeline uint32
	dead     atomic.Bool
	closing  sync.Once

	// The worker that it is on; it changes hands on the worker itself.
	worker atomic.Pointer[worker]

	// The following belongs to the worker.
	pipe
	relay   *relay.Server
	in      []byte // of an answer that is not there whole
	session *session
	answer  func(error) // waits for the end of a query of ours
	cancels int         // cancel requests on their way to it
	freed   func()      // what to do when the last one has arrived
	err     error       // why it is dead
}

// openServer logs in and puts the session on a worker.
func openServer(ctx context.Context, w *worker, t backend.Target, l backend.Login, rc relay.ServerConfig, id uint32) (*server, error) {
	var sw *epoll.Switch
	t.Under = func(c net.Conn) net.Conn { sw = epoll.NewSwitch(c); return sw }
	conn, err := backend.Dial(ctx, t, l)
	if err != nil {
		return nil, err
	}
	s := &server{id: id, backend: conn, host: t.Address}
	s.worker.Store(w)
	params := append([]pgwire.Param(nil), conn.Params()...)
	if s.stream, err = streamOf(conn.NetConn(), sw); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.relay = relay.NewServer(rc, params)
	opened := make(chan error, 1)
	if !w.loop.Post(func() { opened <- s.open(w, s) }) {
		_ = s.stream.Close() // the pooler stops
		return nil, epoll.ErrStopped
	}
	if err := <-opened; err != nil {
		_ = s.stream.Close()
		return nil, fmt.Errorf("watch server: %w", err)
	}
	return s, nil
}

// streamOf takes a connection from Go's poller.
func streamOf(c net.Conn, sw *epoll.Switch) (epoll.Stream, error) {
	if session, ok := c.(*tls.Conn); ok {
		return sw.Secure(session)
	}
	return epoll.Take(c)
}

// Dead implements pool.Conn.
func (s *server) Dead() bool { return s.dead.Load() }

// Check implements pool.Conn: an empty query, there and back.
func (s *server) Check(ctx context.Context) error { return s.run(ctx, "") }

// Reset implements pool.Conn.
func (s *server) Reset(ctx context.Context) error { return s.run(ctx, "DISCARD ALL") }

// run runs statements of ours and waits for their end.
func (s *server) run(ctx context.Context, sql string) error {
	done := make(chan error, 1)
	if !s.post(func() { s.ask(sql, func(err error) { done <- err }) }) {
		return epoll.ErrStopped
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		s.dead.Store(true)
		return context.Cause(ctx)
	}
}

// post runs f on the server's worker.
func (s *server) post(f func()) bool { return s.worker.Load().loop.Post(f) }

// Close implements pool.Conn. Whoever uses the server is told.
func (s *server) Close() error {
	s.dead.Store(true)
	s.closing.Do(func() {
		if !s.post(func() { s.end(errServerClosed) }) {
			_ = s.stream.Close() // its loop does not run any more
		}
	})
	return nil
}

var errServerClosed = errors.New("the pooler closed the server connection")

// end closes the connection, politely if it is idle.
func (s *server) end(err error) {
	if s.watch == nil {
		return
	}
	s.dead.Store(true)
	if s.err == nil {
		s.err = err
	}
	if s.relay.Settled() && len(s.out) == 0 {
		_ = s.send(pgwire.AppendTerminate(nil)) // a good-bye; the connection is closed next
	}
	s.relay.Close()
	s.close()
	if answer := s.answer; answer != nil {
		s.answer = nil
		answer(s.err)
	}
	if s.session != nil {
		s.session.serverGone(s.err)
	}
	s.arrived(0)
}

// ask runs statements whose answers nobody sees; done is told how they ended. The server must be settled.
func (s *server) ask(sql string, done func(error)) { s.askBy(s.relay.Ask, sql, done) }

// askBy is ask, with the messages that a function makes of the text.
func (s *server) askBy(messages func(dst []byte, sql string) []byte, sql string, done func(error)) {
	switch {
	case s.watch == nil:
		done(s.err)
		return
	case !s.relay.Settled() || s.answer != nil:
		err := fmt.Errorf("%w: it is asked while it owes answers", relay.ErrOutOfStep)
		s.end(err)
		done(err)
		return
	}
	s.answer = done
	if err := s.send(messages(nil, sql)); err != nil {
		s.end(err)
	}
}

// Ready implements epoll.Handler.
func (s *server) Ready(e epoll.Events) {
	if e&epoll.Out != 0 {
		empty, err := s.flush()
		if err != nil {
			s.end(err)
			return
		}
		if empty && s.session != nil {
			s.session.resume()
		}
	}
	if e&(epoll.In|epoll.Failed) != 0 && s.watch != nil {
		s.read()
	}
}

// read takes what the server says.
func (s *server) read() {
	for {
		w := s.worker.Load()
		buf := w.loop.Scratch()
		head := copy(buf, s.in)
		if head == len(buf) || len(s.in) > head {
			buf = append(make([]byte, 0, 2*len(s.in)), s.in...)[:2*len(s.in)]
			head = len(s.in)
		}
		n, err := s.stream.Read(buf[head:])
		if n > 0 {
			s.take(w, buf[:head+n])
		}
		switch {
		case s.watch == nil:
			return
		case isWouldBlock(err):
			return
		case err != nil:
			if errors.Is(err, io.EOF) {
				err = errServerGone
			}
			s.end(err)
			return
		case !s.stream.Buffered() || s.events&epoll.In == 0:
			return
		}
	}
}

var (
	errServerGone = errors.New("the server closed the connection")
	errServerSaid = errors.New("the server ended the session") // the client has read why
)

// unpause goes on reading after a pause.
func (s *server) unpause() error {
	if s.watch == nil || s.events&epoll.In != 0 {
		return nil
	}
	if s.stream.Buffered() {
		s.worker.Load().loop.Defer(s.readOn)
	}
	return s.pause(false)
}

// readOn reads if that is still wanted.
func (s *server) readOn() {
	if s.watch != nil && s.events&epoll.In != 0 {
		s.read()
	}
}

// take handles bytes of the server.
func (s *server) take(w *worker, b []byte) {
	if s.session != nil && s.answer == nil {
		s.session.answered(w, s, b)
		return
	}
	n, err := s.relay.Absorb(b, &w.toClient)
	s.keep(b[n:])
	if heard := w.toClient.Bytes(); len(heard) > 0 && s.session != nil && err == nil { // notifications
		if failed := s.session.tell(heard); failed != nil {
			s.session.end(failed)
			return
		}
	}
	switch {
	case err != nil:
		s.end(err)
	case s.relay.Broken():
		s.end(errServerGone)
	case s.answer != nil && s.relay.Settled():
		answer := s.answer
		s.answer = nil
		answer(s.failure())
	}
}

// failure returns how the last query of ours failed, if it did.
func (s *server) failure() error {
	if code, _ := s.relay.Failed(); code == "" {
		return nil
	}
	return &refusal{s.relay.Failure()}
}

// keep stores the beginning of a message that is not there whole.
func (s *server) keep(rest []byte) {
	if len(rest) == 0 {
		s.in = nil
		return
	}
	s.in = append([]byte(nil), rest...)
}

// cancel sends a cancel request. Until it has arrived the server is not given to anybody else.
func (s *server) cancel(limit time.Duration, done func()) {
	s.cancels++
	sent := s.pooler.base.Go(func(life context.Context) {
		ctx, stop := context.WithTimeout(context.WithoutCancel(life), limit) // a stop that is in a hurry cancels, too
		defer stop()
		if s.backend.Cancel(ctx) != nil {
			s.pooler.meters.cancelled("lost") // the statement runs on, as with PostgreSQL itself
		}
		if !s.post(func() { s.arrived(1); done() }) {
			done()
		}
	})
	if !sent { // the service has ended: whatever the server does ends with its connection
		s.arrived(1)
		done()
	}
}

// arrived notes that cancel requests have arrived.
func (s *server) arrived(n int) {
	s.cancels -= n
	if s.cancels <= 0 && s.freed != nil {
		freed := s.freed
		s.freed = nil
		freed()
	}
}

// release calls f when no cancel request is on its way to the server any more.
func (s *server) release(f func()) {
	if s.cancels > 0 && s.watch != nil {
		s.freed = f
		return
	}
	f()
}

// move puts an idle server on another worker; then is called there.
func (s *server) move(to *worker, then func(error)) {
	if s.worker.Load() == to {
		then(nil)
		return
	}
	if !s.post(func() { s.leave(to, then) }) {
		then(epoll.ErrStopped)
	}
}

func (s *server) leave(to *worker, then func(error)) {
	if s.watch == nil {
		to.loop.Post(func() { then(s.err) })
		return
	}
	_ = s.watch.Remove()
	s.watch = nil
	s.worker.Store(to)
	to.loop.Post(func() {
		err := s.open(to, s)
		if err != nil {
			s.dead.Store(true)
		}
		then(err)
	})
}
