package pooler

import (
	"context"

	"holdfast/internal/pgwire"
)

// cancelRequest acts on a cancel request. What it names it may not know; nobody is told.
func (p *Pooler) cancelRequest(ctx context.Context, r pgwire.Startup) {
	if p.forward(ctx, r) {
		p.meters.cancelled("peer")
		return
	}
	r.PID &^= forwarded
	s := p.clients.find(r.PID, r.Key)
	if s == nil {
		met := "unknown"
		if v := p.consoles.find(r.PID, r.Key); v != nil {
			v.session.Cancel()
			met = "console"
		} else if p.askElsewhere(ctx, r) {
			met = "predecessor"
		}
		p.meters.cancelled(met)
		return
	}
	p.cancelSession(s)
}

// askElsewhere passes a cancel request on to processes that this one has taken over from. Anybody who can connect can send one, so only a
// few do it at once; others are dropped, as those to peers.
func (p *Pooler) askElsewhere(ctx context.Context, r pgwire.Startup) bool {
	if p.opts.Elsewhere == nil {
		return false
	}
	select {
	case p.forwards <- struct{}{}:
		defer func() { <-p.forwards }()
		return p.opts.Elsewhere(ctx, r.PID, r.Key)
	default:
		return false
	}
}

// Cancel acts on a cancel request that came by way of another process, and reports whether it names a client of this one.
func (p *Pooler) Cancel(pid uint32, key []byte) bool {
	s := p.clients.find(pid, key)
	if s != nil {
		p.cancelSession(s)
	}
	return s != nil
}

func (p *Pooler) cancelSession(s *session) {
	done := make(chan struct{})
	if s.worker.loop.Post(func() { s.cancel(func() { close(done) }) }) {
		<-done // bounded by cancelTime; only then the client's connection is closed, as PostgreSQL does
	}
}

// cancel ends what the session waits for or runs.
func (s *session) cancel(done func()) {
	switch {
	case s.closed:
		done()
	case s.ticket != nil || s.stopSeeking():
		if s.ticket != nil {
			s.ticket.Cancel()
		}
		s.ticket, s.state = nil, resting
		kept := s.in
		s.in = nil
		s.pooler.meters.cancelled("waiting")
		s.refuse(kept, &refusal{pgwire.Notice{Code: "57014", Message: "canceling statement due to user request"}})
		done()
	case s.server != nil && s.server.relay.Owes() > 0:
		s.pooler.meters.cancelled("running")
		s.server.cancel(cancelTime, done)
	default:
		s.pooler.meters.cancelled("idle")
		done()
	}
}
