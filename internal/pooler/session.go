package pooler

import (
	"errors"
	"io"
	"time"

	"holdfast/internal/epoll"
	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
	"holdfast/internal/relay"
)

const (
	// farewell is how long a client that closed its side is given the answer to its last query, before the query is cancelled.
	farewell = 5 * time.Second
	// cancelTime bounds one cancel request.
	cancelTime = 10 * time.Second
	// maxKept is how many bytes of a client are kept while they cannot go on; then it is not read any more.
	maxKept = 64 << 10
)

// session is one client that has logged in, on a worker. It is driven by events: of its own socket, of its server's, and of
// the pool.
type session struct {
	who    identity
	front  *endpoint
	pooler *Pooler
	worker *worker
	group  *group // the pool that it draws from

	pipe
	relay *relay.Client
	in    []byte // of the client, not taken yet

	reader     *reader // of a session on a replica endpoint
	server     *server
	lease      *pool.Lease[*server]
	ticket     *pool.Ticket[*server]
	wake       func() // calls granted on the worker; made when it is first needed
	state      state
	ended      bool // the client says nothing more
	closed     bool
	leaving    bool // it ends when its transaction does
	timer      *epoll.Timer
	unadmitted time.Time // since when the record of who did what has no room for its statements
	tries      int       // servers in a row that were gone before they were used

	began    time.Time // of the connection
	asked    time.Time // when the request for a server came, and then when the transaction under way began
	queried  time.Time // when the query under way began; zero: none is
	pinned   time.Time // since when the client keeps its server beyond a transaction; zero: it does not
	held     bool      // the client is not read: SUSPEND
	counted  relay.Counters
	received uint64
	sent     uint64
	told     uint64 // sent in the whole life of the connection
}

// state is what a session does.
type state uint8

const (
	resting  state = iota // the client has no server and wants none
	waiting               // it wants one
	settling              // it has one that is being made its own
	linked                // it has one
)

var stateNames = [...]string{"idle", "waiting", "waiting", "active"} //nolint:gochecknoglobals // a table

// begin puts the session on its worker. Rest is what the client said after its log-in.
func (s *session) begin(rest []byte) {
	s.group.clients.Add(1)
	if err := s.open(s.worker, s); err != nil {
		s.end(err)
		return
	}
	s.pooler.clients.add(s)
	s.held = s.pooler.suspended.Load()
	if lease := s.group.takeOwn(); lease != nil && !s.take(lease, rest) {
		return // it goes on when the server is its own
	}
	switch {
	case len(rest) == 0 || s.closed:
	case s.held:
		s.keep(rest)
	default:
		s.advance(rest)
	}
	if !s.closed && s.stream.Buffered() {
		s.worker.loop.Defer(s.read)
	}
}

// Ready implements epoll.Handler.
func (s *session) Ready(e epoll.Events) {
	if e&epoll.Out != 0 {
		empty, err := s.flush()
		if err != nil {
			s.end(err)
			return
		}
		if empty && !s.drained() {
			return
		}
	}
	switch {
	case s.closed:
	case e&epoll.In != 0:
		s.read()
	case e&epoll.Failed != 0:
		s.end(errClientGone)
	case e&epoll.Hangup != 0:
		s.hungUpUnread()
	}
}

// drained goes on when the client has taken all that it was sent, and reports whether the session does.
func (s *session) drained() bool {
	if s.server != nil {
		if err := s.server.unpause(); err != nil {
			s.end(err)
			return false
		}
	}
	if s.state == resting {
		s.depart()
	} else {
		s.rest()
	}
	return !s.closed
}

// read takes what the client says.
func (s *session) read() {
	for !s.closed {
		if s.held || s.state == waiting || s.state == settling || len(s.in) >= maxKept && !s.partial() {
			s.stall()
			return
		}
		buf := s.worker.loop.Scratch()
		head := copy(buf, s.in)
		if head >= len(buf)/2 {
			buf = append(make([]byte, 0, 2*len(s.in)), s.in...)[:2*len(s.in)]
			head = len(s.in)
		}
		n, err := s.stream.Read(buf[head:])
		if n > 0 {
			s.received += uint64(n)
			s.in = s.in[:0]
			s.advance(buf[:head+n])
		}
		switch {
		case s.closed || isWouldBlock(err):
			return
		case errors.Is(err, io.EOF):
			s.hangUp()
			return
		case err != nil:
			s.end(err)
			return
		case !s.stream.Buffered():
			return
		}
	}
}

var errClientGone = errors.New("the client's connection broke")

// partial reports whether what is kept may be the beginning of a message that has to be read whole.
func (s *session) partial() bool { return len(s.in) < maxKept+relay.MaxWhole && !s.relay.Held() }

// stall stops reading: the client has said more than can be taken now, or waits for a server and has left.
func (s *session) stall() {
	err := s.pause(true)
	if err == nil && s.state == waiting {
		err = s.want(s.events | epoll.Hangup)
	}
	if err != nil {
		s.end(err)
	}
}

// resume goes on with what is kept, and with reading.
func (s *session) resume() {
	if s.closed {
		return
	}
	if len(s.in) > 0 {
		kept := s.in
		s.in = nil
		s.advance(kept)
	}
	if s.closed || s.state == waiting || s.state == settling || s.server != nil && s.server.full() || len(s.in) >= maxKept && !s.partial() {
		return
	}
	if s.ended || s.held {
		return
	}
	if err := s.pause(false); err != nil {
		s.end(err)
		return
	}
	if s.stream.Buffered() {
		s.worker.loop.Defer(s.read)
	}
}

// advance hands bytes of the client on, as far as that is possible now, and keeps the rest.
func (s *session) advance(b []byte) {
	for {
		if s.state == waiting || s.state == settling || s.server != nil && s.server.full() {
			s.keep(b)
			if s.server != nil && s.server.full() {
				s.stall()
			}
			return
		}
		if !s.admitted() {
			s.keep(b)
			return
		}
		quiet := s.quiet()
		n, err := s.relay.Forward(b, &s.worker.toServer)
		s.asks(quiet)
		b = b[n:]
		if s.server != nil {
			if err := s.server.send(s.worker.toServer.Bytes()); err != nil {
				s.server.end(err)
				return
			}
			s.worker.toServer.Shrink(outLimit)
		}
		if !s.reply() {
			return
		}
		switch {
		case errors.Is(err, relay.ErrNeedServer):
			if !s.acquire(b) {
				return
			}
		case errors.Is(err, relay.ErrTerminated):
			s.in = nil
			s.hangUp()
			return
		case err != nil:
			s.fail(err)
			return
		case len(b) == 0:
			s.keep(b)
			s.rest()
			return
		case n == 0: // the beginning of a message keeps the server: the rest of it is on its way
			s.keep(b)
			return
		}
	}
}

// keep stores bytes that cannot go on yet.
func (s *session) keep(b []byte) {
	if len(b) == 0 {
		s.in = nil
		return
	}
	s.in = append(s.in[:0:0], b...)
}

// reply sends the client what the relay has to say itself, and reports whether the session goes on.
func (s *session) reply() bool {
	local := s.relay.Local()
	if len(local) == 0 {
		return true
	}
	if err := s.tell(local); err != nil {
		s.end(err)
		return false
	}
	return true
}

// tell writes to the client.
func (s *session) tell(b []byte) error {
	s.sent += uint64(len(b))
	s.told += uint64(len(b))
	return s.send(b)
}

// answered handles bytes of the session's server.
func (s *session) answered(w *worker, from *server, b []byte) {
	n, err := s.relay.Backward(b, &w.toClient)
	s.answers(from)
	s.noteWrites()
	from.keep(b[n:])
	sendErr := s.tell(w.toClient.Bytes())
	w.toClient.Shrink(outLimit)
	over := s.relay.Over()
	switch {
	case err != nil:
		s.pooler.outOfStep(s, from, err)
		from.end(err)
		return
	case sendErr != nil:
		s.end(sendErr)
		return
	}
	if len(over) > 0 {
		if err := from.send(over); err != nil {
			from.end(err)
			return
		}
	}
	if from.relay.Broken() {
		from.end(errServerSaid)
		return
	}
	if s.full() {
		if err := from.pause(true); err != nil {
			from.end(err)
			return
		}
	}
	s.rest()
	if !s.closed && (len(s.in) > 0 || s.events&epoll.In == 0) && (s.server == nil || !s.server.full()) {
		s.resume()
	}
}

// rest gives the server back if nothing keeps it, and makes it the client's own again if the client's own statement changed that.
func (s *session) rest() {
	if s.server == nil || s.closed || s.state != linked {
		return
	}
	if s.relay.Free() {
		s.giveBack()
		if s.leaving && !s.closed {
			s.leaveNow()
		}
		return
	}
	if s.server.relay.Settled() {
		s.account()
		s.notePin()
		if s.leaving {
			s.leaveNow()
			return
		}
		if s.inquires() {
			return
		}
		if s.relay.Unsettled() {
			s.resettle()
			return
		}
		s.depart()
	}
}

// fail tells the client an error of its own doing, and ends the session.
func (s *session) fail(err error) {
	s.last(pgwire.AppendError(nil, noticeOf(err, "FATAL")))
	s.end(err)
}

// last tells the client why its connection is closed next, unless it is in the middle of a message, of which it would be
// taken for a part.
func (s *session) last(b []byte) {
	if s.server == nil || !s.server.relay.Midway() {
		_ = s.tell(b) // the connection is closed, whatever comes of it
	}
}

// end closes the client's connection. A server in the middle of something is closed, too, and what it does is cancelled.
func (s *session) end(err error) {
	if s.closed {
		return
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.ticket != nil {
		s.ticket.Cancel()
		s.ticket = nil
	}
	s.stopSeeking()
	s.account()
	s.dropServer()
	s.use("")
	s.relay.Close()
	s.close()
	s.pooler.left(s, err)
}
