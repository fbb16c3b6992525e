package pool

import (
	"context"
	"sync/atomic"
	"time"
)

// waitCounters are counted by those who waited, after the pool's lock.
type waitCounters struct {
	number atomic.Uint64
	total  atomic.Int64 // nanoseconds
}

func newWaiter[C Conn]() *waiter[C] {
	w := &waiter[C]{ready: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	w.timer.Stop()
	return w
}

// refusal returns why a request that finds no connection may not even wait, or nil. Callers hold mu.
func (p *Pool[C]) refusal(o *owner[C], r Request, now instant) *Error {
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

// enqueue puts w among those who wait. Callers hold mu.
func (p *Pool[C]) enqueue(w *waiter[C]) {
	if w.admin {
		p.admins.add(w)
		w.owner.aside++
		return
	}
	p.waiting++
	w.owner.queue.add(w)
	p.place(w.owner)
}

// dequeue takes w from those who wait. Callers hold mu.
func (p *Pool[C]) dequeue(w *waiter[C]) {
	w.in.remove(w)
	if w.admin {
		w.owner.aside--
		return
	}
	p.waiting--
	p.place(w.owner)
}

// next returns who gets the next connection, or nil. Callers hold mu.
func (p *Pool[C]) next() *waiter[C] {
	switch {
	case p.admins.n > 0:
		return p.admins.first
	case len(p.turns) > 0:
		return p.turns[0].queue.first
	}
	return nil
}

// hand gives e, which is in no list, to w. Callers hold mu.
func (p *Pool[C]) hand(w *waiter[C], e *entry[C], now instant) {
	p.dequeue(w)
	w.lease = p.lend(e, w.owner, w.admin, now)
	w.tell()
}

// refuse ends the wait of w. Callers hold mu.
func (p *Pool[C]) refuse(w *waiter[C], code Code, now instant) {
	e := p.fail(code, w.owner, now-w.began)
	p.dequeue(w)
	e.Queue = p.waiting + p.admins.n
	p.counters.TimedOut++
	w.err = e.fault()
	w.tell()
}

// tell says that the wait is over. Callers hold mu.
func (w *waiter[C]) tell() {
	if w.wake != nil {
		w.wake()
		return
	}
	w.ready <- struct{}{} // has room: it is sent to once for each time in a queue
}

// refuseAll ends all waits. Callers hold mu.
func (p *Pool[C]) refuseAll(code Code, now instant) {
	p.eachWaiter(func(w *waiter[C]) { p.refuse(w, code, now) })
}

// eachWaiter calls f, which may end the wait, with everybody who waits. Callers hold mu.
func (p *Pool[C]) eachWaiter(f func(*waiter[C])) {
	each := func(q *queue[C]) {
		for w := q.first; w != nil; {
			following := w.next
			f(w)
			w = following
		}
	}
	each(&p.admins)
	for _, o := range p.owners {
		each(&o.queue)
	}
}

// wait returns what becomes of w.
func (p *Pool[C]) wait(ctx context.Context, w *waiter[C]) (*Lease[C], error) {
	for {
		select {
		case <-w.ready:
		case <-w.timer.C:
			if p.isEarly(w) {
				continue
			}
		case <-ctx.Done():
			if err := p.abandon(ctx, w); err != nil {
				return nil, err
			}
		}
		if w.err != nil {
			return nil, w.err
		}
		if !w.lease.Conn.Dead() {
			return w.lease, nil
		}
		p.again(w)
	}
}

// isEarly says whether w, whose timer fired, must go on to wait, because the rules changed meanwhile. Otherwise its
// wait is over, and it has its connection or its error.
func (p *Pool[C]) isEarly(w *waiter[C]) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.in != nil {
		now := p.now()
		if left := p.deadline(w) - now; left > 0 {
			w.timer.Reset(left)
			return true
		}
		p.refuse(w, p.late(w.owner, w.admin), now)
		p.pump(now)
	}
	<-w.ready
	return false
}

// abandon ends the wait of w, whose context ended. A connection that it just got goes to the next.
func (p *Pool[C]) abandon(ctx context.Context, w *waiter[C]) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if w.in != nil {
		p.dequeue(w)
	} else {
		<-w.ready
		if w.err != nil {
			return nil // refused at the same moment: that says more
		}
		if e := w.lease.take(); e != nil {
			p.unlend(e)
			p.offer(e, now)
		}
	}
	p.counters.Cancelled++
	p.pump(now)
	return p.explain("acquire from", context.Cause(ctx))
}

// again lets w wait once more, in its old turn, because the connection that it got was dead.
func (p *Pool[C]) again(w *waiter[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bury(w.lease)
	w.lease = nil
	now := p.now()
	w.trial = p.outage.down && !p.holding(now)
	p.enqueue(w)
	w.timer.Reset(max(p.deadline(w)-now, 0))
	switch {
	case !p.running:
		p.refuse(w, CodeStopped, now)
	case p.hopeless(now):
		p.refuse(w, CodeDown, now)
	default:
		p.pump(now)
	}
}

// deadline is when w has waited for long enough, as things are. Callers hold mu.
func (p *Pool[C]) deadline(w *waiter[C]) instant {
	since := w.began
	if p.changed > since {
		since = p.changed
	}
	end := since + w.timeout
	switch {
	case p.paused:
		end = since + p.cfg.HoldPaused
	case p.outage.down && !w.trial:
		end = p.outage.since + p.cfg.HoldDown
	}
	last := w.began + w.timeout + max(p.cfg.HoldDown, p.cfg.HoldPaused) // however often things change
	return min(end, last)
}

// recount tells everybody who waits that the rules have changed. Callers hold mu.
func (p *Pool[C]) recount(now instant) {
	p.eachWaiter(func(w *waiter[C]) { w.timer.Reset(max(p.deadline(w)-now, 0)) })
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
