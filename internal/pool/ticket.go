package pool

import (
	"context"
	"time"
)

// Ticket is a request that waits without a goroutine. Its methods are for one goroutine at a time.
type Ticket[C Conn] struct {
	pool *Pool[C]
	w    *waiter[C]
}

// Ask is Acquire for who cannot wait. It returns a lease, or the reason why there is none, or a ticket: then wake is called
// when Take has something to say, once for each time that Take said nothing. It is called from any goroutine, with the
// pool's lock held, and must only pass the word on. Whoever holds a ticket ends it by Take or by Cancel.
func (p *Pool[C]) Ask(r Request, wake func()) (*Lease[C], *Ticket[C], error) {
	p.mu.Lock()
	for {
		now := p.now()
		o := p.owner(r.Owner)
		e := p.pick(o, r.Admin, now)
		if e == nil {
			w, err := p.queueUp(o, r, now, func() *waiter[C] { return p.newCaller(wake) })
			p.mu.Unlock()
			if err != nil {
				return nil, nil, err
			}
			return nil, &Ticket[C]{p, w}, nil
		}
		l := p.lend(e, o, r.Admin, now)
		p.mu.Unlock()
		if !e.conn.Dead() {
			return l, nil, nil
		}
		p.mu.Lock()
		p.bury(l)
	}
}

// newCaller returns a waiter that is told by a call.
func (p *Pool[C]) newCaller(wake func()) *waiter[C] {
	w := &waiter[C]{wake: wake}
	w.timer = time.AfterFunc(time.Hour, func() { p.expire(w) })
	w.timer.Stop()
	return w
}

// expire ends the wait of w, unless the rules changed meanwhile and it may go on.
func (p *Pool[C]) expire(w *waiter[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.in == nil {
		return
	}
	now := p.now()
	if left := p.deadline(w) - now; left > 0 {
		w.timer.Reset(left)
		return
	}
	p.refuse(w, p.late(w.owner, w.admin), now)
	p.pump(now)
}

// Take returns what the wait led to. Both results are nil when it goes on, because the connection that came had died.
func (t *Ticket[C]) Take() (*Lease[C], error) {
	w := t.w
	t.pool.mu.Lock()
	waits := w.in != nil
	t.pool.mu.Unlock()
	switch {
	case waits:
		return nil, nil
	case w.err == nil && w.lease.Conn.Dead():
		t.pool.again(w)
		return nil, nil
	}
	t.finish()
	return w.lease, w.err
}

// Cancel ends the wait. A connection that came meanwhile goes to the next.
func (t *Ticket[C]) Cancel() {
	p, w := t.pool, t.w
	p.mu.Lock()
	now := p.now()
	if w.in != nil {
		p.dequeue(w)
	} else if w.lease != nil {
		if e := w.lease.take(); e != nil {
			p.unlend(e)
			p.offer(e, now)
		}
	}
	p.counters.Cancelled++
	p.pump(now)
	p.mu.Unlock()
	t.finish()
}

// finish counts the wait.
func (t *Ticket[C]) finish() {
	t.w.timer.Stop()
	t.pool.countWait(t.pool.now() - t.w.began)
}

func (p *Pool[C]) countWait(waited time.Duration) {
	p.waits.number.Add(1)
	p.waits.total.Add(int64(waited))
	if p.onWait != nil {
		p.onWait(waited)
	}
}

// queueUp puts a request among those who wait, or returns why it may not. Callers hold mu.
func (p *Pool[C]) queueUp(o *owner[C], r Request, now instant, waiterOf func() *waiter[C]) (*waiter[C], error) {
	if err := p.refusal(o, r, now); err != nil {
		p.counters.Rejected++
		return nil, err.fault()
	}
	timeout, began := r.Timeout, now
	if timeout == 0 {
		timeout = p.cfg.Timeout
	}
	if !r.Since.IsZero() {
		began = min(began, r.Since.Sub(p.epoch))
	}
	w := waiterOf()
	p.seq++
	w.owner, w.admin, w.seq, w.began, w.timeout = o, r.Admin, p.seq, began, timeout
	w.lease, w.err = nil, nil
	w.trial = p.outage.down && !p.holding(now)
	p.enqueue(w)
	w.timer.Reset(max(p.deadline(w)-now, 0))
	p.pump(now)
	return w, nil
}

// spareWaiter returns a waiter with a channel.
func (p *Pool[C]) spareWaiter() *waiter[C] {
	return p.spare.Get().(*waiter[C]) //nolint:forcetypeassert // there is nothing else in it
}

// await waits for a connection that is not there yet. Callers hold mu, and do not any more when it returns.
func (p *Pool[C]) await(ctx context.Context, o *owner[C], r Request, now instant) (*Lease[C], error) {
	w, err := p.queueUp(o, r, now, p.spareWaiter)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	l, err := p.wait(ctx, w)
	w.timer.Stop()
	p.countWait(p.now() - w.began)
	w.owner, w.lease, w.err = nil, nil, nil
	p.spare.Put(w)
	return l, err
}
