package pooler

import (
	"context"
	"errors"

	"holdfast/internal/epoll"
	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
)

// acquire gets a server for the message at the beginning of b, and reports whether it has one now. If not, b is kept.
func (s *session) acquire(b []byte) bool {
	s.asked = s.worker.loop.Now()
	if s.wake == nil {
		granted := func() { s.granted() }
		s.wake = func() { s.worker.loop.Post(granted) }
	}
	if s.group.next.Load() != nil {
		s.moveOn()
	}
	switch err := s.pick(b); {
	case errors.Is(err, errSeeking):
		s.state = waiting
		s.keep(b)
		return false
	case errors.Is(err, errRerouted):
		return s.acquire(b)
	case err != nil:
		s.refuse(b, err)
		return false
	}
	return s.demand(b)
}

// demand asks the session's pool for a server.
func (s *session) demand(b []byte) bool {
	lease, ticket, err := s.group.pool.Ask(s.request(), s.wake)
	switch {
	case err != nil && s.elsewhere(err):
		return s.acquire(b)
	case err != nil:
		s.refuse(b, err)
		return false
	case ticket != nil:
		s.ticket, s.state = ticket, waiting
		s.keep(b)
		return false
	}
	return s.take(lease, b)
}

func (s *session) request() pool.Request {
	return pool.Request{Owner: s.who.person, Admin: s.who.admin}
}

// granted is called when the pool has decided.
func (s *session) granted() {
	if s.ticket == nil || s.closed {
		return
	}
	lease, err := s.ticket.Take()
	if lease == nil && err == nil {
		return
	}
	s.ticket, s.state = nil, resting
	kept := s.in
	s.in = nil
	switch {
	case err != nil && s.elsewhere(err):
		if !s.acquire(kept) {
			return
		}
	case err != nil:
		s.refuse(kept, err)
		return
	case !s.take(lease, kept):
		return
	}
	s.advance(kept)
	s.reread()
}

// reread goes on reading after a wait.
func (s *session) reread() {
	if !s.closed && !s.ended && s.events&epoll.In == 0 {
		s.resume()
	}
}

// refuse answers the message at the beginning of b with an error. The session goes on with the rest.
func (s *session) refuse(b []byte, err error) {
	s.pooler.meters.refused(err)
	s.use("")
	s.forgive()
	n, failed := s.relay.Refuse(b, noticeOf(err, "ERROR"))
	if failed != nil {
		s.fail(failed)
		return
	}
	s.keep(b[n:])
	if s.reply() {
		s.worker.loop.Defer(s.resume)
	}
}

// take makes the leased server the session's, and reports whether it is already. If not, b is kept.
func (s *session) take(lease *pool.Lease[*server], b []byte) bool {
	s.lease = lease
	srv := lease.Conn
	if srv.worker.Load() == s.worker && srv.watch != nil {
		if sql := s.relay.Settle(srv.relay); sql == "" {
			s.link(srv)
			return true
		}
	}
	s.state = settling
	s.keep(b)
	srv.move(s.worker, func(err error) { s.moved(srv, err) })
	return false
}

// moved makes a server that is on the session's worker now the client's own.
func (s *session) moved(srv *server, err error) {
	switch {
	case s.closed:
		s.lease.Release()
	case err != nil || srv.watch == nil:
		s.lost(err)
	default:
		s.settle(srv)
	}
}

// settle runs on a server what makes its session the client's.
func (s *session) settle(srv *server) {
	sql := s.relay.Settle(srv.relay)
	if sql == "" {
		s.settled(srv)
		return
	}
	srv.ask(sql, func(err error) {
		switch {
		case s.closed:
			s.lease.Discard()
		case err != nil:
			s.lost(err)
		default:
			s.settled(srv)
		}
	})
}

// settled goes on with what the client said meanwhile.
func (s *session) settled(srv *server) {
	if srv.dead.Load() {
		s.lost(errServerGone)
		return
	}
	s.link(srv)
	kept := s.in
	s.in = nil
	if s.reply() {
		s.advance(kept)
		s.reread()
	}
}

func (s *session) link(srv *server) {
	s.relay.Attach(srv.relay)
	srv.session, s.server, s.state, s.tries = s, srv, linked, 0
	s.forgive()
	s.group.linked.Add(1)
}

// lost handles a server that could not be made the client's.
func (s *session) lost(err error) {
	said := (*refusal)(nil)
	if errors.As(err, &said) {
		s.lease.Release() // the server did nothing of it
	} else {
		s.lease.Discard()
	}
	s.lease, s.state = nil, resting
	kept := s.in
	s.in = nil
	if said == nil && s.tries < maxTries { // nothing was asked of it yet
		s.tries++
		if s.acquire(kept) {
			s.advance(kept)
			s.reread()
		}
		return
	}
	if err == nil {
		err = errServerGone
	}
	s.refuse(kept, err)
}

// maxTries is how many servers in a row may turn out to be gone before the client is told.
const maxTries = 5

// resettle makes the server the client's own again.
func (s *session) resettle() {
	srv := s.server
	sql := s.relay.Settle(srv.relay)
	if sql == "" {
		return
	}
	s.state = settling
	srv.askBy(s.relay.AskOwn, sql, func(err error) {
		if s.closed {
			return
		}
		if err != nil {
			s.fail(err)
			return
		}
		s.relay.Resettled()
		s.state = linked
		s.resume()
	})
}

// inquires asks the server, if the client may have let go of what pins it, whether anything of that remains. The client waits for
// the answer, which it does not see. A question that fails leaves it pinned.
func (s *session) inquires() bool {
	if s.ended {
		return false
	}
	sql := s.relay.Question()
	if sql == "" {
		return false
	}
	s.state = settling
	s.server.ask(sql, func(err error) {
		if s.closed {
			return
		}
		s.state = linked
		if said := (*refusal)(nil); err != nil && !errors.As(err, &said) {
			return // the server is gone, and the session is told next
		}
		s.relay.Answered()
		s.rest()
		s.resume()
	})
	return true
}

// giveBack returns the server to the pool.
func (s *session) giveBack() {
	s.account()
	srv, lease := s.unlink()
	switch {
	case srv.relay.Dirty():
		srv.release(func() { lease.ReleaseDirty(context.Background()) })
	case srv.cancels > 0:
		srv.release(lease.Release)
	default: // the way of nearly every transaction, without a closure
		lease.Release()
	}
	s.depart()
}

func (s *session) unlink() (*server, *pool.Lease[*server]) {
	srv, lease := s.server, s.lease
	s.relay.Abandon(connectionFailure)
	s.relay.Detach()
	s.unpin()
	if err := srv.unpause(); err != nil {
		srv.dead.Store(true)
	}
	srv.session, s.server, s.lease, s.state = nil, nil, nil, resting
	s.group.linked.Add(-1)
	s.use("")
	return srv, lease
}

// dropServer lets go of the server when the client leaves.
func (s *session) dropServer() {
	if s.server == nil {
		return // a server that is being settled is let go of when that ends
	}
	srv, lease := s.unlink()
	if srv.watch == nil {
		lease.Discard()
		return
	}
	if s.group.key.replication != "" {
		lease.Discard() // it was logged in for this client
		return
	}
	if srv.relay.Settled() && srv.answer == nil && len(srv.out) == 0 {
		srv.release(func() { lease.ReleaseDirty(context.Background()) })
		return
	}
	if srv.relay.Owes() > 0 {
		srv.cancel(cancelTime, lease.Discard)
		return
	}
	lease.Discard()
}

// serverGone handles the end of the session's server.
func (s *session) serverGone(err error) {
	if s.closed || s.server == nil {
		return
	}
	srv, lease := s.unlink()
	lease.Discard()
	s.pooler.meters.serverLost()
	s.group.route.failed(srv.host)
	if errors.Is(err, errServerSaid) || srv.relay.Midway() {
		s.end(err)
		return
	}
	n := pgwire.Notice{Severity: "FATAL", Code: "08006", Message: "the connection to the server was lost", Hint: "try again: what the server had not confirmed did not happen"}
	switch {
	case errors.Is(err, errServerClosed):
		n.Code, n.Message = "57P01", "the connection to the server was closed by an administrator"
	case errors.Is(err, errDemoted):
		n = movedNotice("the primary is another server now")
	}
	_ = s.tell(pgwire.AppendError(nil, n)) // the connection is closed next
	s.end(err)
}
