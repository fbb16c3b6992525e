package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// outage is what is known about a server to which no connection could be opened.
type outage struct {
	err       error // of the last opening; nil if it succeeded
	permanent bool  // err is not worth waiting for
	failures  int
	retryAt   instant
	down      bool    // no connection exists, and err != nil
	since     instant // when it went down
	told      bool    // down, as the log knows it
	wanted    bool    // somebody was refused meanwhile, or Retry was called
}

// pump sees to it that those who wait are served and that as many connections are on their way as are wanted, as far as
// the limits allow. It is called after everything that may have changed either. Callers hold mu.
func (p *Pool[C]) pump(now instant) {
	if p.running && !p.paused {
		p.serve(now)
		p.checkIdle(now)
		p.grow(now)
	}
	p.trim(now)
}

// serve hands out what is idle to those who wait. Callers hold mu.
func (p *Pool[C]) serve(now instant) {
	for w := p.next(); w != nil; w = p.next() {
		e := p.fresh(now)
		if e == nil {
			return
		}
		p.idle.remove(e)
		p.hand(w, e, now)
	}
}

// checkIdle lets as many idle connections be checked as there are requests that could use them. Callers hold mu.
func (p *Pool[C]) checkIdle(now instant) {
	if p.count[Idle] == 0 || p.next() == nil {
		return
	}
	for e := p.idle.newest; e != nil && p.count[Checking] < p.demand(); {
		older := e.older
		if !e.peeked {
			p.idle.remove(e)
			p.become(e, Checking, now)
			p.examine(p.life, e, p.cfg.CheckTimeout, C.Check, CheckFailed)
		}
		e = older
	}
}

// demand is how many connections those who wait could use. Callers hold mu.
func (p *Pool[C]) demand() int {
	n := p.admins.n
	for _, o := range p.turns {
		wants := o.queue.n
		if p.cfg.MaxPerOwner > 0 {
			wants = min(wants, p.cfg.MaxPerOwner-o.held)
		}
		n += wants
	}
	return n
}

// grow begins openings. Callers hold mu.
func (p *Pool[C]) grow(now instant) {
	if now < p.outage.retryAt {
		return // the keeper comes back in time
	}
	for p.openingA < p.admins.n-p.count[Checking] && p.size() < p.cfg.MaxSize+p.cfg.Reserved && p.mayTry(now) {
		p.open(true, now)
	}
	if p.opening >= p.cfg.GrowAtOnce || p.size() >= p.limit() {
		return
	}
	for wanted := p.lacking(now); wanted > 0 && p.opening < p.cfg.GrowAtOnce && p.size() < p.limit() && p.mayTry(now); wanted-- {
		p.open(false, now)
	}
}

// lacking is how many more openings could be used. It may be negative. Callers hold mu.
func (p *Pool[C]) lacking(now instant) int {
	wanted := p.demand() - p.count[Checking] - p.openingA
	if wanted > 0 {
		wanted -= p.cleaned(now)
	}
	if p.outage.wanted {
		wanted = max(wanted, 1)
	}
	missing := p.cfg.MinSize - (p.staying() - p.opening)
	return max(wanted, missing) - p.opening
}

// resetPatience is for how long a reset that is under way is preferred to an opening, which usually takes longer.
const resetPatience = 200 * time.Millisecond

// cleaned is how many connections are likely to come back from their reset soon. Callers hold mu.
func (p *Pool[C]) cleaned(now instant) (n int) {
	if p.count[Resetting] == 0 {
		return 0
	}
	for _, e := range p.all {
		if e.state == Resetting && now-e.since < resetPatience {
			n++
		}
	}
	return n
}

// mayTry says whether an opening may begin: any number while they succeed, one at a time and after a pause while they
// fail. Callers hold mu.
func (p *Pool[C]) mayTry(now instant) bool {
	return p.outage.err == nil || now >= p.outage.retryAt && p.count[Opening] == 0
}

// open begins an opening. Callers hold mu.
func (p *Pool[C]) open(admin bool, now instant) {
	p.ids++
	p.outage.wanted = false
	ctx, cancel := context.WithCancel(p.life)
	e := &entry[C]{id: p.ids, state: Opening, since: now, gen: p.gen, admin: admin, index: len(p.all), cancel: cancel}
	p.all = append(p.all, e)
	p.count[Opening]++
	if admin {
		p.openingA++
	} else {
		p.opening++
	}
	timeout := p.cfg.OpenTimeout
	p.work.Go(func() {
		defer cancel()
		conn, err := p.connect(ctx, e, timeout)
		p.opened(e, conn, err)
	})
}

// connect takes the places in the budgets, and dials.
func (p *Pool[C]) connect(ctx context.Context, e *entry[C], timeout time.Duration) (conn C, err error) {
	if err := p.takePlaces(ctx, e); err != nil {
		return conn, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errOpenTimeout)
	defer cancel()
	conn, err = p.dial(ctx)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(context.Cause(ctx), err)
	}
	return conn, err
}

// errOpenTimeout is why a dial was ended.
var errOpenTimeout = errors.New("the server did not answer within the time for opening a connection")

// opened takes over what an opening brought.
func (p *Pool[C]) opened(e *entry[C], conn C, err error) {
	if err != nil {
		p.vacate(e)
	}
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	if e.admin {
		p.openingA--
	} else {
		p.opening--
	}
	e.admin = false
	if err != nil {
		p.remove(e)
		if !e.dropped && p.running {
			p.failed(err, now)
		}
		p.judge(now)
		p.pump(now)
		return
	}
	e.conn, e.opened, e.since = conn, now, now
	if p.cfg.MaxLifetime > 0 {
		e.expires = now + p.cfg.MaxLifetime
		if p.cfg.LifetimeJitter > 0 {
			e.expires -= rand.N(p.cfg.LifetimeJitter)
		}
	}
	p.counters.Opened++
	p.recovered(now)
	p.offer(e, now)
	p.pump(now)
	p.notify()
}

// failed notes a failed opening. Callers hold mu.
func (p *Pool[C]) failed(err error, now instant) {
	p.counters.OpenFailed++
	o := &p.outage
	var says interface{ Permanent() bool }
	o.err, o.permanent = err, errors.As(err, &says) && says.Permanent()
	if now >= o.retryAt { // those that began together count as one
		pause := min(p.cfg.RetryMin<<min(o.failures, 30), p.cfg.RetryMax)
		if o.permanent || pause <= 0 {
			pause = p.cfg.RetryMax
		}
		o.failures++
		o.retryAt = now + pause - rand.N(pause/5+1) // not in step with other pools
	}
	p.poke()
	p.notify()
}

// judge decides whether the pool is down. Callers hold mu.
func (p *Pool[C]) judge(now instant) {
	o := &p.outage
	if o.err == nil || p.staying() > p.count[Opening] || !p.running {
		return
	}
	if !o.down {
		o.down, o.since, p.changed = true, now, now
		p.recount(now)
		p.poke()
	}
	if !p.paused && !p.holding(now) && p.count[Opening] == 0 {
		p.refuseAll(CodeDown, now)
	}
	p.notify()
}

// recovered notes that an opening succeeded. Callers hold mu.
func (p *Pool[C]) recovered(now instant) {
	wasDown, told := p.outage.down, p.outage.told
	p.outage = outage{told: told}
	if wasDown {
		p.changed = now
		p.recount(now)
		p.poke()
	}
}

// holding says whether requests wait although the pool is down. Callers hold mu.
func (p *Pool[C]) holding(now instant) bool {
	return !p.outage.permanent && now < p.outage.since+p.cfg.HoldDown
}

// hopeless says whether a request that finds nothing should be refused because the pool is down. Callers hold mu.
func (p *Pool[C]) hopeless(now instant) bool {
	return p.outage.down && !p.paused && !p.holding(now) && !p.mayTry(now)
}
