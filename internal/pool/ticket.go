package pool

import "time"

// Ticket is a request that waits without a goroutine. Its methods are for one goroutine at a time.
type Ticket[C Conn] struct {
	pool *Pool[C]
	w    *waiter[C] // nil after the end
}

// Ask is Acquire for who cannot wait. It returns a lease, or the reason why there is none, or a ticket: then wake is
// called when Take has something to say, once for each time that Take said nothing. That may be before Ask returned, and
// is from any goroutine, often one that ends a lease: it should only pass the word on. Whoever holds a ticket ends it by
// a Take that says something, or by Cancel; both do nothing afterwards.
func (p *Pool[C]) Ask(r Request, wake func()) (*Lease[C], *Ticket[C], error) {
	l, o, now := p.grab(r)
	if l != nil {
		return l, nil, nil
	}
	defer p.unlock()
	if err := p.refusal(o, r, now); err != nil {
		return nil, nil, err.fault()
	}
	w := p.callers.Get().(*waiter[C]) //nolint:forcetypeassert // there is nothing else in it
	w.wake = wake
	p.join(w, o, r, now)
	return nil, &Ticket[C]{p, w}, nil
}

// newCaller returns a waiter that is told by a call. When it is used again, its timer may still fire for the time
// before, which does no harm: expire looks at the clock.
func (p *Pool[C]) newCaller() any {
	w := &waiter[C]{}
	w.timer = time.AfterFunc(time.Hour, func() { p.expire(w) })
	w.timer.Stop()
	return w
}

// Take returns what the wait led to. Both results are nil while it goes on, which may be after a wake, too, when the
// connection that came had died.
func (t *Ticket[C]) Take() (*Lease[C], error) {
	if t.w == nil || t.waits() {
		return nil, nil
	}
	l, err := t.w.lease, t.w.err
	if err == nil && l.Conn.Dead() {
		t.pool.again(t.w)
		return nil, nil
	}
	t.end()
	return l, err
}

func (t *Ticket[C]) waits() bool {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	return t.w.in != nil
}

// Cancel ends the wait. A connection that came meanwhile goes to the next.
func (t *Ticket[C]) Cancel() {
	if t.w == nil {
		return
	}
	if !t.pool.quit(t.w) {
		t.pool.decline(t.w)
	}
	t.end()
}

func (t *Ticket[C]) end() {
	w := t.w
	t.w = nil
	t.pool.leave(w)
	w.wake = nil
	t.pool.callers.Put(w)
}
