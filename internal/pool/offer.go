package pool

import (
	"context"
	"time"
)

// offer decides what becomes of a connection that nobody holds and that is in no list: somebody gets it, it is closed, or
// it becomes idle. Callers hold mu.
func (p *Pool[C]) offer(e *entry[C], now instant) {
	if why, leaves := p.outdated(e, now); leaves {
		p.retire(e, why, now)
		return
	}
	if w := p.admins.first; w != nil {
		p.hand(w, e, now)
		return
	}
	if p.staying() > p.limit() { // an administrator had it opened beyond MaxSize, or MaxSize is less now
		p.retire(e, Unused, now)
		return
	}
	w := p.next()
	if s := p.wantedElsewhere(w != nil); s != nil {
		e.claim = s
		p.retire(e, Evicted, now)
		return
	}
	if w != nil {
		p.hand(w, e, now)
		return
	}
	p.become(e, Idle, now)
	p.idle.push(e)
}

// outdated says whether e must not be lent again, and why. Callers hold mu.
func (p *Pool[C]) outdated(e *entry[C], now instant) (why Reason, leaves bool) {
	switch {
	case !p.running:
		return Shutdown, true
	case p.paused || e.gen != p.gen:
		return Renewed, true
	case e.expires > 0 && now >= e.expires:
		return Expired, true
	}
	return 0, false
}

// size is how many connections exist. Callers hold mu.
func (p *Pool[C]) size() int { return len(p.all) }

// staying is how many connections exist or will, and are not being closed. Callers hold mu.
func (p *Pool[C]) staying() int { return len(p.all) - p.count[Closing] }

// limit is how many connections may exist for requests that are not administrators'. Callers hold mu.
func (p *Pool[C]) limit() int { return p.cfg.MaxSize + min(p.activeA, p.cfg.Reserved) }

// retire closes e, which is in no list and which nobody holds. Its place is free when that is done. Callers hold mu.
func (p *Pool[C]) retire(e *entry[C], why Reason, now instant) {
	p.become(e, Closing, now)
	p.counters.Closed[why]++
	p.work.Go(func() {
		_ = e.conn.Close() // nobody can act on it: what counts is that it is gone
		p.vacate(e)
		p.mu.Lock()
		defer p.unlock()
		now := p.now()
		p.remove(e)
		p.judge(now)
		p.pump(now)
	})
}

// remove forgets e, which is Opening or Closing. Callers hold mu.
func (p *Pool[C]) remove(e *entry[C]) {
	p.count[e.state]--
	last := len(p.all) - 1
	p.all[e.index] = p.all[last]
	p.all[e.index].index = e.index
	p.all[last] = nil
	p.all = p.all[:last]
	p.notify()
}

// empty closes idle connections, ends openings, and leaves the rest to those who hold it. Callers hold mu.
func (p *Pool[C]) empty(why Reason, now instant) {
	for e := p.idle.newest; e != nil; {
		older := e.older
		if !e.peeked { // the keeper has it, and asks whether it is outdated
			p.idle.remove(e)
			p.retire(e, why, now)
		}
		e = older
	}
	for _, e := range p.all {
		if e.state == Opening {
			e.dropped = true
			e.cancel()
		}
	}
}

// examine lets f look at e in the background; e is offered when f says that it is well, and else closed. Callers hold mu.
func (p *Pool[C]) examine(values context.Context, e *entry[C], limit time.Duration,
	f func(C, context.Context) error, otherwise Reason,
) {
	ctx, cancel := context.WithTimeout(values, limit)
	release := context.AfterFunc(p.life, cancel)
	p.work.Go(func() {
		err := f(e.conn, ctx)
		release()
		cancel()
		p.mu.Lock()
		defer p.unlock()
		now := p.now()
		switch {
		case err == nil:
			p.offer(e, now)
		case otherwise == CheckFailed:
			p.condemn(now)
			fallthrough
		default:
			p.retire(e, otherwise, now)
		}
		p.pump(now)
	})
}

// condemn closes what is idle and unchecked for as long as a connection that failed its check: to ask each in turn
// would cost whoever waits a timeout each. Callers hold mu.
func (p *Pool[C]) condemn(now instant) {
	for e := p.idle.oldest; e != nil && p.stale(e, now); {
		newer := e.newer
		if !e.peeked {
			p.idle.remove(e)
			p.retire(e, CheckFailed, now)
		}
		e = newer
	}
}
