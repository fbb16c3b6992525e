package pooler

import (
	"errors"

	"holdfast/internal/audit"
	"holdfast/internal/pgauth"
)

// greeted counts and records a log-in.
func (p *Pooler) greeted(s *session) {
	p.meters.loggedIn(string(s.who.decision.Method))
	s.group.totals.logins.Add(1)
	p.log.Debug("client logged in", "user", s.who.user, "person", s.who.person, "database", s.who.database, "client", s.who.address,
		"endpoint", s.front.name, "method", string(s.who.decision.Method))
	if a := p.opts.Auditor; a != nil {
		r := s.record(audit.Login)
		a.Write(&r)
	}
}

// denied records a log-in that was refused.
func (p *Pooler) denied(l *login, err error) {
	a := p.opts.Auditor
	if a == nil {
		return
	}
	r := audit.Record{Event: audit.Denied, Client: l.peer, Database: l.database, User: l.user, Method: l.method, Reason: err.Error(), Rows: -1}
	if e := (*pgauth.Denied)(nil); errors.As(err, &e) {
		r.SQLSTATE, r.Reason = e.SQLSTATE, e.Reason.Error()
	}
	a.Write(&r)
}

// left records the end of a session.
func (p *Pooler) left(s *session, err error) {
	p.drop(s.group) // before it is unknown: who stops the pooler waits for it
	p.clients.remove(s)
	s.group.clients.Add(-1)
	s.who.decision.Close()
	if err != nil {
		p.log.Debug("client left", "user", s.who.user, "person", s.who.person, "client", s.who.address, "error", err)
	}
	if a := p.opts.Auditor; a != nil {
		r := s.record(audit.Logout)
		a.Write(&r)
	}
}
