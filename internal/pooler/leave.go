package pooler

import (
	"errors"
	"fmt"

	"holdfast/internal/epoll"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
)

// goodbye is what a client reads when the pooler stops, in PostgreSQL's words.
func goodbye() *refusal {
	return fatal("57P01", "terminating connection due to administrator command", "Holdfast stops or restarts: connect again")
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
	s.last(pgwire.AppendError(nil, goodbye().Notice))
	s.end(errStopping)
}

// cut ends the session now, whatever it does; the client reads why.
func (s *session) cut(why *refusal) {
	if !s.closed {
		s.last(pgwire.AppendError(nil, why.Notice))
		s.end(why)
	}
}

// errKilled ends who was chosen by an administrator.
func errKilled() *refusal {
	return fatal("57P01", "terminating connection due to administrator command",
		"an administrator of the pooler ended this session (KILL or KILL_CLIENT in the console); nothing keeps you from connecting again")
}

// errEvicted ends those whose credential is not any more what they logged in with.
func errEvicted(user, reason string) *refusal {
	hints := map[string]string{
		pgauth.PasswordChanged: "the password was changed: connect again with the new one",
		pgauth.LoginRevoked:    "the role may not log in any more: ask an administrator",
		pgauth.PasswordExpired: "the password has expired: ask an administrator for a new one",
		pgauth.GroupsChanged:   "who the directory says the user is, or its groups, changed: connect again",
		pgauth.UserRemoved:     "the user is not known any more: ask an administrator",
	}
	return fatal("57P01", fmt.Sprintf("terminating connection because the credential of user %q has changed", user), hints[reason])
}

// Evict ends the sessions of a user whose credential has changed, at the console too, and the server sessions that were logged in with it.
func (p *Pooler) Evict(c pgauth.Change) {
	why := errEvicted(c.User, c.Reason)
	for _, s := range p.clients.all() {
		if s.who.isHit(c) {
			s.worker.loop.Post(func() { s.cut(why) })
		}
	}
	for _, v := range p.consoles.all() {
		if v.who.isHit(c) {
			v.stop(why.ending())
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
