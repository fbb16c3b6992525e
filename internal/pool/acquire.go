package pool

import (
	"context"
	"fmt"
	"time"
)

// Request is a wish for a connection.
type Request struct {
	// Owner is on whose behalf: connections are shared fairly between owners.
	Owner string
	// Admin requests are served first, may use the reserved connections, and know neither MaxPerOwner nor MaxWaiting.
	Admin bool
	// Timeout is used instead of the pool's when it is not 0. Less than 0: do not wait, take what lies ready or nothing.
	Timeout time.Duration
	// Since is when the client began to wait, if that was before the call, log-in included: its wait counts from there.
	Since time.Time
}

// Acquire lends a connection. Its error is a *fault.Error around an [*Error], or tells that ctx ended.
func (p *Pool[C]) Acquire(ctx context.Context, r Request) (*Lease[C], error) {
	if ctx.Err() != nil {
		return nil, p.explain("acquire from", context.Cause(ctx))
	}
	l, o, now := p.grab(r)
	if l != nil {
		return l, nil
	}
	return p.await(ctx, o, r, now)
}

// grab lends what lies ready. If there is nothing, it returns who asks and when, and leaves mu locked.
func (p *Pool[C]) grab(r Request) (*Lease[C], *owner[C], instant) {
	p.mu.Lock()
	for {
		now := p.now()
		o := p.owner(r.Owner)
		e := p.pick(o, r.Admin, now)
		if e == nil {
			return nil, o, now
		}
		l := p.lend(e, o, r.Admin, now)
		p.unlock()
		if !e.conn.Dead() {
			return l, nil, 0
		}
		p.mu.Lock()
		p.bury(l)
	}
}

// pick takes the connection off the stack that a new request gets without waiting, or returns nil. Callers hold mu.
func (p *Pool[C]) pick(o *owner[C], admin bool, now instant) *entry[C] {
	if !p.running || p.paused || p.disabled {
		return nil
	}
	if !admin && (p.admins.n > 0 || len(p.turns) > 0 || p.capped(o)) {
		return nil
	}
	e := p.fresh(now)
	if e != nil {
		p.idle.remove(e)
	}
	return e
}

// fresh returns the idle connection that may be lent unchecked, or nil. Callers hold mu.
func (p *Pool[C]) fresh(now instant) *entry[C] {
	e := p.idle.newest
	for e != nil && e.peeked {
		e = e.older
	}
	if e == nil || p.stale(e, now) {
		return nil
	}
	return e
}

// stale says whether an idle connection must be checked before it is lent. Callers hold mu.
func (p *Pool[C]) stale(e *entry[C], now instant) bool {
	return p.cfg.CheckAfter >= 0 && now-e.since >= p.cfg.CheckAfter
}

// lend makes e that of o. It is in no list. Callers hold mu.
func (p *Pool[C]) lend(e *entry[C], o *owner[C], admin bool, now instant) *Lease[C] {
	p.become(e, Active, now)
	e.owner, e.admin = o, admin
	e.lends++
	o.held++
	p.place(o)
	if admin {
		p.activeA++
		p.tellBudgets(+1)
	}
	p.counters.Lent++
	l := p.newLease()
	*l = Lease[C]{Conn: e.conn, id: e.id, pool: p, entry: e}
	return l
}

// newLease returns an empty lease. They are made several at a time, which is less work; none is used twice, because its holder
// may end it twice. Callers hold mu.
func (p *Pool[C]) newLease() *Lease[C] {
	if len(p.blank) == 0 {
		p.blank = make([]Lease[C], 16)
	}
	l := &p.blank[0]
	p.blank = p.blank[1:]
	return l
}

// unlend takes e from who holds it. Callers hold mu.
func (p *Pool[C]) unlend(e *entry[C]) {
	o := e.owner
	e.owner = nil
	o.held--
	p.place(o)
	if e.admin {
		e.admin = false
		p.activeA--
		p.tellBudgets(-1)
	}
}

// bury closes a connection that was lent and turned out dead before its holder saw it. Callers hold mu, and pump.
func (p *Pool[C]) bury(l *Lease[C]) {
	now := p.now()
	if e := l.take(); e != nil {
		p.unlend(e)
		p.retire(e, Died, now)
		p.poke() // the others may be dead, too
	}
}

// owner returns the owner with the name. Callers hold mu. The keeper removes owners who neither hold nor wait.
func (p *Pool[C]) owner(name string) *owner[C] {
	if o := p.latest; o != nil && o.name == name {
		return o
	}
	o := p.owners[name]
	if o == nil {
		o = &owner[C]{name: name, index: -1}
		p.owners[name] = o
	}
	p.latest = o
	return o
}

// capped says whether o holds as many as one may. Callers hold mu.
func (p *Pool[C]) capped(o *owner[C]) bool {
	return p.cfg.MaxPerOwner > 0 && o.held >= p.cfg.MaxPerOwner
}

// place puts o where it belongs among those who wait. Callers hold mu.
func (p *Pool[C]) place(o *owner[C]) {
	if o.queue.n == 0 && o.index < 0 {
		return
	}
	p.turns.place(o, o.queue.n > 0 && !p.capped(o))
}

// become moves e into a state. Callers hold mu.
func (p *Pool[C]) become(e *entry[C], s State, now instant) {
	p.count[e.state]--
	p.count[s]++
	e.state, e.since = s, now
}

// explain says what was tried.
func (p *Pool[C]) explain(what string, err error) error {
	return fmt.Errorf("%s pool %q: %w", what, p.name, err)
}
