package pooler

import (
	"errors"

	"holdfast/internal/epoll"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
)

// goodbye is what a client reads when the pooler stops, in PostgreSQL's words.
func goodbye() []byte {
	return pgwire.AppendError(nil, pgwire.Notice{
		Severity: "FATAL", Code: "57P01", Message: "terminating connection due to administrator command",
		Hint: "Holdfast stops or restarts: connect again",
	})
}

// leaveSoon ends the session when its transaction is over.
func (s *session) leaveSoon() {
	if s.closed {
		return
	}
	s.leaving = true
	if s.server == nil && s.state == resting || s.server != nil && s.state == linked && s.server.relay.Settled() {
		s.leaveNow()
	}
}

// leaveNow ends the session.
func (s *session) leaveNow() {
	if s.closed {
		return
	}
	if s.reader != nil && s.reader.moved {
		s.last(pgwire.AppendError(nil, movedNotice("the server is not a replica any more")))
		s.end(errDemoted)
		return
	}
	s.last(goodbye())
	s.end(errStopping)
}

// kill ends the session by an administrator's wish.
func (s *session) kill() {
	if !s.closed {
		s.last(goodbye())
		s.end(errKilled)
	}
}

// Evict ends the sessions of a user whose credential has changed, and the server sessions that were logged in with it.
func (p *Pooler) Evict(c pgauth.Change) {
	for _, s := range p.clients.all() {
		if s.who.user == c.User && s.who.decision.Generation < c.Generation {
			s.worker.loop.Post(s.kill)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, g := range p.groups {
		if key.user == c.User {
			g.pool.Reconnect()
		}
	}
	p.log.Info("sessions ended: the credential has changed", "user", c.User, "reason", c.Reason)
}

// depart ends the session of a client that says nothing more, when it has got all that it asked for.
func (s *session) depart() {
	if s.ended && len(s.in) == 0 && !s.full() {
		s.end(nil)
	}
}

// hangUp handles a client that says nothing more. It may still wait for an answer.
func (s *session) hangUp() {
	if s.ended {
		return
	}
	s.ended = true
	s.stall()
	if s.closed {
		return
	}
	if s.state == resting || s.state == linked && (s.server.relay.Owes() == 0 || s.server.relay.TakesCopy()) {
		s.in = nil // nothing follows that would make it whole
		s.depart()
	}
	if s.closed {
		return
	}
	s.wait(s.told)
}

// hungUpUnread handles a client that closed its side while it is not read. It may still want the answer to its last query
// and gets a while for it; after that it leaves the queue, and what it asked is not done.
func (s *session) hungUpUnread() {
	if err := s.want(s.events &^ epoll.Hangup); err != nil {
		s.end(err)
		return
	}
	s.worker.loop.After(farewell, func() {
		if s.state == waiting {
			s.end(errClientGone)
		}
	})
}

// wait ends the session when the client has not been sent anything for a while.
func (s *session) wait(told uint64) {
	s.timer = s.worker.loop.After(farewell, func() {
		switch {
		case s.closed:
		case s.told != told:
			s.wait(s.told)
		default:
			s.end(errors.New("the client left while its query ran"))
		}
	})
}
