package pool

import (
	"context"
	"sync/atomic"
	"time"
)

// waitCounters are counted by those who waited, without the pool's lock.
type waitCounters struct {
	number atomic.Uint64
	total  atomic.Int64 // nanoseconds
}

// newWaiter returns a waiter that is told by a channel.
func newWaiter[C Conn]() *waiter[C] {
	w := &waiter[C]{ready: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	w.timer.Stop()
	w.wake = func() { w.ready <- struct{}{} } // has room: it is called once for each time in a queue
	return w
}

// await waits for a connection that is not there yet. Callers hold mu, and do not any more when it returns.
func (p *Pool[C]) await(ctx context.Context, o *owner[C], r Request, now instant) (*Lease[C], error) {
	if err := p.refusal(o, r, now); err != nil {
		p.unlock()
		return nil, err.fault()
	}
	w := p.spare.Get().(*waiter[C]) //nolint:forcetypeassert // there is nothing else in it
	p.join(w, o, r, now)
	p.unlock()
	l, err := p.wait(ctx, w)
	p.leave(w)
	p.spare.Put(w)
	return l, err
}

// join makes w wait on behalf of o. Callers hold mu.
func (p *Pool[C]) join(w *waiter[C], o *owner[C], r Request, now instant) {
	p.seq++
	w.owner, w.admin, w.seq, w.began, w.timeout = o, r.Admin, p.seq, now, r.Timeout
	if r.Timeout == 0 {
		w.timeout = p.cfg.Timeout
	}
	if !r.Since.IsZero() {
		w.began = min(now, r.Since.Sub(p.epoch))
	}
	p.enqueue(w, now)
	p.pump(now)
}

// leave counts the wait of w, which is over, and makes w ready for the next.
func (p *Pool[C]) leave(w *waiter[C]) {
	w.timer.Stop()
	waited := p.now() - w.began
	w.owner, w.lease, w.err = nil, nil, nil
	p.waits.number.Add(1)
	p.waits.total.Add(int64(waited))
	if p.onWait != nil {
		p.onWait(waited)
	}
}

// wait returns what becomes of w.
func (p *Pool[C]) wait(ctx context.Context, w *waiter[C]) (*Lease[C], error) {
	for {
		select {
		case <-w.ready:
		case <-w.timer.C:
			p.expire(w)
			continue
		case <-ctx.Done():
			if !p.quit(w) {
				<-w.ready
				p.decline(w)
			}
			if w.err == nil { // else it was refused at the same moment, which says more
				return nil, p.explain("acquire from", context.Cause(ctx))
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

// expire ends the wait of w, whose timer fired, unless the rules changed meanwhile and it may go on.
func (p *Pool[C]) expire(w *waiter[C]) {
	p.mu.Lock()
	defer p.unlock()
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

// quit ends the wait of w, and reports whether it was not over yet.
func (p *Pool[C]) quit(w *waiter[C]) bool {
	p.mu.Lock()
	defer p.unlock()
	if w.in == nil {
		return false
	}
	p.dequeue(w)
	p.counters.Cancelled++
	p.pump(p.now()) // openings may be too many now
	return true
}

// decline gives the connection that w got, if it did, to the next.
func (p *Pool[C]) decline(w *waiter[C]) {
	if w.lease == nil {
		return
	}
	w.lease.Release()
	p.mu.Lock()
	defer p.unlock()
	p.counters.Cancelled++
}

// again lets w wait once more, in its old turn, because the connection that it got was dead.
func (p *Pool[C]) again(w *waiter[C]) {
	p.mu.Lock()
	defer p.unlock()
	p.bury(w.lease)
	w.lease = nil
	now := p.now()
	p.enqueue(w, now)
	switch {
	case !p.running:
		p.refuse(w, CodeStopped, now)
	case p.hopeless(now):
		p.refuse(w, CodeDown, now)
	default:
		p.pump(now)
	}
}
