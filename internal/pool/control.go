package pool

import (
	"context"
	"fmt"

	"holdfast/internal/fault"
)

// Configure changes the settings while the pool runs. Name, StartPaused, OnWait and Log stay as they were.
// Connections beyond a lesser MaxSize are closed when they come back.
func (p *Pool[C]) Configure(cfg Config) error {
	if err := cfg.Validate().Err(); err != nil {
		return fmt.Errorf("configure pool %q: %w", p.name, err)
	}
	p.mu.Lock()
	defer p.unlock()
	p.cfg = cfg
	now := p.now()
	for e := p.idle.oldest; e != nil && p.staying() > p.limit(); {
		newer := e.newer
		if !e.peeked {
			p.idle.remove(e)
			p.retire(e, Unused, now)
		}
		e = newer
	}
	for _, o := range p.owners {
		p.place(o)
	}
	p.recount(now)
	p.pump(now)
	return nil
}

// Pause lends nothing any more and closes every connection, those that are lent when they come back; it returns when
// none is left. Requests wait for up to HoldPaused. When ctx ends first, the pool stays paused: only Resume ends that.
func (p *Pool[C]) Pause(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	if !p.paused {
		p.paused, p.changed = true, now
		p.recount(now)
	}
	p.empty(Renewed, now)
	p.unlock()
	resumed := false
	err := p.watch(ctx, func() bool {
		resumed = !p.paused
		return resumed || len(p.all) == 0
	})
	switch {
	case err != nil:
		return p.explain("pause", err)
	case resumed:
		return p.explain("pause", fault.New(fault.Conflict, "pool_resumed", "resumed meanwhile"))
	}
	return nil
}

// Resume ends Pause: MinSize connections are opened anew, and those who waited get a full Timeout.
func (p *Pool[C]) Resume() {
	p.mu.Lock()
	defer p.unlock()
	if !p.paused {
		return
	}
	now := p.now()
	p.paused, p.changed = false, now
	p.recount(now)
	p.notify()
	p.forgive(now)
}

// Disable refuses new requests; those that wait are served. Enable ends it.
func (p *Pool[C]) Disable() { p.setDisabled(true) }

// Enable ends Disable.
func (p *Pool[C]) Enable() { p.setDisabled(false) }

func (p *Pool[C]) setDisabled(disabled bool) {
	p.mu.Lock()
	defer p.unlock()
	p.disabled = disabled
}

// Reconnect replaces all connections, idle ones at once, lent ones when they come back, and drops openings that are
// under way: the server moved, or is to be met with other settings. MinSize is kept by opening new ones.
func (p *Pool[C]) Reconnect() {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	p.gen++
	p.empty(Renewed, now)
	p.forgive(now)
}

// WaitClose waits until all connections that the last Reconnect was to replace are gone.
func (p *Pool[C]) WaitClose(ctx context.Context) error {
	err := p.watch(ctx, func() bool {
		for _, e := range p.all {
			if e.gen != p.gen {
				return false
			}
		}
		return true
	})
	if err != nil {
		return p.explain("wait for the old connections of", err)
	}
	return nil
}

// Retry tries at once to open a connection, if the last try failed: there is reason to believe that it succeeds.
func (p *Pool[C]) Retry() {
	p.mu.Lock()
	defer p.unlock()
	p.forgive(p.now())
}

// forgive lets the next opening begin at once, and its failure count as the first. Callers hold mu.
func (p *Pool[C]) forgive(now instant) {
	if p.outage.err != nil {
		p.outage.wanted = true
		p.outage.failures, p.outage.retryAt = 0, 0
	}
	p.pump(now)
}
