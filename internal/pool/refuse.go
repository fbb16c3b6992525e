package pool

import "time"

// refusal returns why a request that finds no connection may not even wait, or nil. Callers hold mu.
func (p *Pool[C]) refusal(o *owner[C], r Request, now instant) *Error {
	e := p.objection(o, r, now)
	if e != nil {
		p.counters.Rejected++
	}
	return e
}

func (p *Pool[C]) objection(o *owner[C], r Request, now instant) *Error {
	switch {
	case !p.running:
		return p.fail(CodeStopped, o, 0)
	case p.disabled:
		return p.fail(CodeDisabled, o, 0)
	case p.paused && p.cfg.HoldPaused <= 0:
		return p.fail(CodePaused, o, 0)
	case p.hopeless(now):
		p.outage.wanted = true // the keeper tries when it is time
		return p.fail(CodeDown, o, 0)
	case !r.Admin && p.cfg.MaxWaiting > 0 && p.waiting >= p.cfg.MaxWaiting:
		e := p.fail(CodeQueueFull, o, 0)
		e.Limit = p.cfg.MaxWaiting
		return e
	case r.Timeout < 0:
		return p.fail(p.late(o, r.Admin), o, 0)
	}
	return nil
}

// late is why somebody gets nothing who has waited for as long as one may. Callers hold mu.
func (p *Pool[C]) late(o *owner[C], admin bool) Code {
	switch {
	case p.paused:
		return CodePaused
	case p.outage.down:
		return CodeDown
	case !admin && p.capped(o):
		return CodeOwnerLimit
	}
	return CodeTimeout
}

// fail describes why o gets nothing. Callers hold mu.
func (p *Pool[C]) fail(code Code, o *owner[C], waited time.Duration) *Error {
	now := p.now()
	e := &Error{
		Code: code, Pool: p.name, Owner: o.name,
		Size: p.size(), MaxSize: p.cfg.MaxSize, Queue: p.waiting + p.admins.n,
		Waited: waited, Longest: max(waited, p.longest(now)),
		Err: p.outage.err,
	}
	switch {
	case code == CodeOwnerLimit:
		e.Limit = p.cfg.MaxPerOwner
	case p.outage.down:
		e.DownFor = now - p.outage.since
	case p.blocked > 0:
		e.Budget = p.blocker()
	}
	return e
}

// longest is the wait of who has waited for longest. Callers hold mu.
func (p *Pool[C]) longest(now instant) time.Duration {
	began := now
	if w := p.admins.first; w != nil {
		began = min(began, w.began)
	}
	for _, o := range p.owners {
		if w := o.queue.first; w != nil {
			began = min(began, w.began)
		}
	}
	return now - began
}
