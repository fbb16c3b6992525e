package pool

// enqueue puts w among those who wait. Callers hold mu.
func (p *Pool[C]) enqueue(w *waiter[C], now instant) {
	w.trial = p.outage.down && !p.holding(now)
	w.timer.Reset(max(p.deadline(w)-now, 0))
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
	p.tell(w)
}

// refuse ends the wait of w. Callers hold mu.
func (p *Pool[C]) refuse(w *waiter[C], code Code, now instant) {
	e := p.fail(code, w.owner, now-w.began)
	p.dequeue(w)
	e.Queue = p.waiting + p.admins.n
	p.counters.TimedOut++
	w.err = e.fault()
	p.tell(w)
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

// tell says to w, once mu is free, that its wait is over. Callers hold mu.
func (p *Pool[C]) tell(w *waiter[C]) {
	if p.told == nil {
		p.told = w.wake
	} else {
		p.toldMore = append(p.toldMore, w.wake)
	}
}

// unlock releases mu, and wakes those whose wait is over.
func (p *Pool[C]) unlock() {
	if p.told == nil {
		p.mu.Unlock()
		return
	}
	first, more := p.told, p.toldMore
	p.told, p.toldMore = nil, nil
	p.mu.Unlock()
	first()
	for _, wake := range more {
		wake()
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
