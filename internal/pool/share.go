package pool

import (
	"context"
	"time"
)

// takePlaces takes the places of a new connection in the pool's budgets, and waits for them until ctx ends.
func (p *Pool[C]) takePlaces(ctx context.Context, e *entry[C]) error {
	for i := range p.shares {
		s := &p.shares[i]
		if !s.try(e.admin) {
			p.setBlocked(e, s.budget)
			err := s.acquire(ctx, e.admin)
			p.setBlocked(e, nil)
			if err != nil {
				return err
			}
		}
		e.places++
	}
	return nil
}

// setBlocked notes what an opening waits for.
func (p *Pool[C]) setBlocked(e *entry[C], b *Budget) {
	p.mu.Lock()
	defer p.unlock()
	if b != nil {
		p.blocked++
	} else {
		p.blocked--
	}
	e.blocked = b
	p.trim(p.now())
}

// vacate gives back the places of a connection.
func (p *Pool[C]) vacate(e *entry[C]) {
	for ; e.places > 0; e.places-- {
		s := &p.shares[e.places-1]
		s.release(e.claim == s)
	}
}

// trim ends openings that wait for a budget and that nobody wants any more. Callers hold mu.
func (p *Pool[C]) trim(now instant) {
	if p.blocked == 0 {
		return
	}
	stop := !p.running || p.paused
	excess, excessA := -p.lacking(now), p.openingA-p.admins.n
	for _, e := range p.all {
		switch {
		case e.state != Opening || e.blocked == nil || e.dropped:
		case stop, e.admin && excessA > 0, !e.admin && excess > 0:
			if e.admin {
				excessA--
			} else {
				excess--
			}
			e.dropped = true
			e.cancel()
		}
	}
}

// blocker returns the name of a budget that openings wait for. Callers hold mu.
func (p *Pool[C]) blocker() string {
	for _, e := range p.all {
		if e.blocked != nil {
			return e.blocked.name
		}
	}
	return ""
}

// tellBudgets tells that administrators hold more connections, or less. Callers hold mu.
func (p *Pool[C]) tellBudgets(delta int) {
	for i := range p.shares {
		p.shares[i].lent(delta)
	}
}

// wantedElsewhere returns the share of the budget that wants a connection which comes free, or nil. It is claimed then.
// Callers hold mu.
func (p *Pool[C]) wantedElsewhere(contested bool) *share {
	for i := range p.shares {
		s := &p.shares[i]
		if s.budget.tight.Load() && p.staying() > p.cfg.MinSize && s.claim(contested) {
			return s
		}
	}
	return nil
}

// spareIdle returns the connection that lies idle for longest, if the pool can part with it. Callers hold mu.
func (p *Pool[C]) spareIdle() *entry[C] {
	if p.staying() <= p.cfg.MinSize {
		return nil
	}
	e := p.idle.oldest
	for e != nil && e.peeked {
		e = e.newer
	}
	return e
}

// longestIdle is lender.
func (p *Pool[C]) longestIdle() (since time.Time, ok bool) {
	p.mu.Lock()
	defer p.unlock()
	e := p.spareIdle()
	if e == nil {
		return time.Time{}, false
	}
	return p.epoch.Add(e.since), true
}

// part is lender.
func (p *Pool[C]) part(s *share) bool {
	p.mu.Lock()
	defer p.unlock()
	e := p.spareIdle()
	if e == nil {
		return true // gone meanwhile: look elsewhere
	}
	if !s.claim(false) {
		return false
	}
	e.claim = s
	p.idle.remove(e)
	p.retire(e, Evicted, p.now())
	return true
}
