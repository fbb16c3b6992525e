package upstream

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Errors of acquire.
var (
	errBusy = errors.New("all servers are busy")
	errNone = errors.New("no server is up")
	errLast = errors.New("every server was tried")
)

// waiter is a request that waits for a server.
type waiter struct {
	tried  []*node
	sticky string
	got    chan *node // has room for one
}

// acquire returns a server that was not tried yet, with its count raised: release it. It waits until the time is over.
func (p *Pool) acquire(x *exchange, tried []*node, until time.Time) (*node, error) {
	sticky := p.stickyOf(x)
	p.mu.Lock()
	n := p.choose(sticky, tried)
	if n != nil {
		p.mu.Unlock()
		return n, nil
	}
	if err := p.mayWait(tried); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	w := &waiter{tried, sticky, make(chan *node, 1)}
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	ctx, cancel := x.whole()
	defer cancel()
	select {
	case n := <-w.got:
		return n, nil
	case <-ctx.Done():
		p.leave(w)
		return nil, context.Cause(ctx)
	case <-timer.C:
		p.leave(w)
		return nil, p.whyNone()
	}
}

// mayWait says why there is no use in waiting. Callers must hold mu.
func (p *Pool) mayWait(tried []*node) error {
	wait := p.options().Config.Timeouts.Wait.D()
	hope, left := false, false
	for _, n := range p.nodes {
		if n.drained || slices.Contains(tried, n) {
			continue
		}
		left = true
		hope = hope || !n.down || time.Since(n.since) < wait
	}
	switch {
	case !left && len(tried) > 0:
		return errLast
	case !hope:
		return errNone
	case len(p.waiters) >= p.options().Config.MaxWaiting:
		return errBusy
	}
	return nil
}

func (p *Pool) whyNone() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.nodes, func(n *node) bool { return !n.down && !n.drained }) {
		return errBusy
	}
	return errNone
}

// leave takes a request out of the queue. A server that it got meanwhile goes to the next.
func (p *Pool) leave(w *waiter) {
	p.mu.Lock()
	p.waiters = slices.DeleteFunc(p.waiters, func(x *waiter) bool { return x == w })
	p.mu.Unlock()
	select {
	case n := <-w.got:
		p.release(n)
	default:
	}
}

// release gives a server's place back.
func (p *Pool) release(n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.busy--
	p.dispatch()
}

// dispatch hands servers to those who wait, the first come first. Callers must hold mu.
func (p *Pool) dispatch() {
	for i := 0; i < len(p.waiters); {
		w := p.waiters[i]
		n := p.choose(w.sticky, w.tried)
		switch {
		case n != nil:
			w.got <- n
			p.waiters = slices.Delete(p.waiters, i, i+1)
		case len(w.tried) == 0:
			return // nor will those behind it get one
		default:
			i++
		}
	}
}

// choose takes the server that has least to do in proportion to its share. Callers must hold mu.
func (p *Pool) choose(sticky string, tried []*node) *node {
	c, now := p.options().Config, time.Now()
	var best *node
	bestShare := 1
	for _, n := range p.nodes {
		if n.down || !n.takes(c.MaxConnections) || slices.Contains(tried, n) {
			continue
		}
		if sticky != "" && n.cookie == sticky {
			best = n
			break
		}
		share := n.share(now, c.SlowStart.D())
		if best != nil {
			mine, its := (n.busy+1)*bestShare, (best.busy+1)*share
			if mine > its || mine == its && n.used > best.used {
				continue
			}
		}
		best, bestShare = n, share
	}
	if best == nil {
		return nil
	}
	p.turn++
	best.used = p.turn
	best.busy++
	best.requests++
	return best
}
