package pool

import "fmt"

// Verify returns what is wrong with the pool's books. It may be called at any time.
func (p *Pool[C]) Verify() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var count [states]int
	held := map[*owner[C]]int{}
	admins := 0
	for i, e := range p.all {
		count[e.state]++
		if e.index != i {
			return fmt.Errorf("connection %d is at %d, not at %d", e.id, i, e.index)
		}
		if e.state == Active {
			held[e.owner]++
			if e.admin {
				admins++
			}
		}
	}
	idle := 0
	for e := p.idle.oldest; e != nil; e = e.newer {
		idle++
		if e.state != Idle || e.newer != nil && e.newer.since < e.since {
			return fmt.Errorf("connection %d lies wrong among the idle ones", e.id)
		}
	}
	switch {
	case count != p.count:
		return fmt.Errorf("counted %v, noted %v", count, p.count)
	case idle != p.count[Idle]:
		return fmt.Errorf("%d idle, %d on the stack", p.count[Idle], idle)
	case admins != p.activeA:
		return fmt.Errorf("administrators hold %d, noted %d", admins, p.activeA)
	case len(p.all) > p.cfg.MaxSize+p.cfg.Reserved:
		return fmt.Errorf("%d connections exist", len(p.all))
	case p.count[Active]-admins > p.cfg.MaxSize:
		return fmt.Errorf("%d connections are lent to others than administrators", p.count[Active]-admins)
	case p.opening+p.openingA != p.count[Opening] || p.opening > p.cfg.GrowAtOnce:
		return fmt.Errorf("%d openings for all and %d for administrators, %d together", p.opening, p.openingA, p.count[Opening])
	}
	return p.verifyOwners(held)
}

// verifyOwners looks at who waits, and for what.
func (p *Pool[C]) verifyOwners(held map[*owner[C]]int) error {
	waiting := 0
	for name, o := range p.owners {
		n := 0
		for w := o.queue.first; w != nil; w = w.next {
			n++
			if w.in != &o.queue || w.lease != nil || w.err != nil || w.next != nil && w.next.seq < w.seq {
				return fmt.Errorf("a request of %q waits wrongly", name)
			}
		}
		waiting += n
		eligible := n > 0 && !p.capped(o)
		switch {
		case n != o.queue.n || held[o] != o.held:
			return fmt.Errorf("%q holds %d and waits %d times, noted %d and %d", name, held[o], n, o.held, o.queue.n)
		case p.cfg.MaxPerOwner > 0 && o.held > p.cfg.MaxPerOwner && p.activeA == 0:
			return fmt.Errorf("%q holds %d", name, o.held)
		case eligible != (o.index >= 0) || eligible && p.turns[o.index] != o:
			return fmt.Errorf("%q: eligible %v, index %d", name, eligible, o.index)
		case eligible && p.fresh(p.now()) != nil && p.running && !p.paused:
			return fmt.Errorf("%q waits although a connection is idle", name)
		}
	}
	if waiting != p.waiting {
		return fmt.Errorf("%d wait, noted %d", waiting, p.waiting)
	}
	return nil
}

// Verify returns what is wrong with the budget's books.
func (b *Budget) Verify() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	held, leaving := 0, 0
	for s := range b.pools {
		held, leaving = held+s.held, leaving+s.leaving
	}
	switch {
	case held != b.used || leaving != b.leaving:
		return fmt.Errorf("%d used and %d leaving, noted %d and %d", held, leaving, b.used, b.leaving)
	case b.used > b.max+b.reserved:
		return fmt.Errorf("%d of %d and %d are used", b.used, b.max, b.reserved)
	case len(b.queue) > 0 && b.hasRoom(false):
		return fmt.Errorf("%d wait although there is room", len(b.queue))
	}
	return nil
}
