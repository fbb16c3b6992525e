package pooler

import (
	"context"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// Refuse stops the accepting of clients, for good. Connections that wait in the backlog of a listener that was handed over are its
// next owner's.
func (p *Pooler) Refuse() {
	for _, e := range p.endpoints {
		e.refuse()
	}
}

// Linger serves those who are in, and waits until they have left or ctx ends. Nobody is asked to leave: Stop does that. No
// connection to a server is kept for those who might come: the next process needs the room.
func (p *Pooler) Linger(ctx context.Context) {
	p.consoles.end()
	spare := func(t *tuning) error {
		t.lingering, t.pool.MaxIdle = true, unit.Duration(spareFor)
		return nil
	}
	if err := p.retune(spare); err != nil {
		p.log.WarnContext(ctx, "pools keep their least connections", "error", err)
	}
	for _, e := range p.endpoints {
		select {
		case <-e.over:
		case <-ctx.Done():
			return
		}
	}
	select {
	case <-p.clients.gone():
	case <-ctx.Done():
	}
}

// gone returns a channel that is closed when nobody is left. Nobody may enter any more.
func (c *clients) gone() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.empty == nil {
		c.empty = make(chan struct{})
	}
	empty := c.empty
	c.tellEmpty()
	return empty
}

// spareFor is how long a connection to a server stays unused.
const spareFor = time.Second

// longestLinger bounds takeover_linger.
const longestLinger = 7 * 24 * time.Hour

func (c Config) lingerProblems() (p fault.Problems) {
	if n := c.TakeoverLinger.D(); n < 0 || n > longestLinger {
		p.Add("takeover_linger", "write a time from 0 to "+longestLinger.String(), "clients cannot stay for %s", c.TakeoverLinger)
	}
	return p
}
