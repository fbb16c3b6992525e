package pool

import (
	"context"
	"time"
)

// sweepEvery is how often the keeper looks at all idle connections.
const sweepEvery = time.Second

// keep is the keeper: it closes what died, is too old or idle for too long, opens what lacks, and tells the log.
func (p *Pool[C]) keep(life context.Context) {
	alarm := time.NewTimer(sweepEvery)
	defer alarm.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-alarm.C:
		case <-p.wake:
		}
		p.bringOut(life)
		p.report(life)
		alarm.Reset(p.tidy())
	}
}

// tidy closes what is too old, and opens what lacks; it returns after how long to look again.
func (p *Pool[C]) tidy() time.Duration {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	for e := p.idle.oldest; e != nil; {
		newer := e.newer
		why, leaves := p.outdated(e, now)
		if !leaves && p.cfg.MaxIdle > 0 && now-e.since >= p.cfg.MaxIdle && p.staying() > p.cfg.MinSize {
			why, leaves = Unused, true
		}
		if leaves {
			p.idle.remove(e)
			p.retire(e, why, now)
		}
		e = newer
	}
	for name, o := range p.owners {
		if !o.isKnown() {
			delete(p.owners, name)
			p.latest = nil
		}
	}
	p.pump(now)
	if p.outage.err != nil && now < p.outage.retryAt {
		return min(sweepEvery, p.outage.retryAt-now)
	}
	return sweepEvery
}

// bringOut closes the idle connections that died. Each is asked without the lock; whoever wants it meanwhile waits
// that microsecond.
func (p *Pool[C]) bringOut(life context.Context) {
	p.mu.Lock()
	defer p.unlock()
	for e := p.idle.oldest; e != nil && life.Err() == nil; {
		e.peeked = true
		p.unlock()
		dead := e.conn.Dead()
		p.mu.Lock()
		e.peeked = false
		now := p.now()
		newer := e.newer
		why, leaves := p.outdated(e, now)
		if dead {
			why, leaves = Died, true
		}
		if leaves {
			p.idle.remove(e)
			p.retire(e, why, now)
		}
		if p.next() != nil {
			p.pump(now)
		}
		e = newer
	}
}

// report tells the log when the server went away or came back.
func (p *Pool[C]) report(ctx context.Context) {
	p.mu.Lock()
	o := p.outage
	p.outage.told = o.down
	p.unlock()
	switch {
	case o.down && !o.told:
		p.log.WarnContext(ctx, "no connection to the server: requests are refused until there is one", "pool", p.name, "error", o.err)
	case o.told && !o.down:
		p.log.InfoContext(ctx, "the server is back", "pool", p.name)
	}
}
