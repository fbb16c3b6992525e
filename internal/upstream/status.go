package upstream

import (
	"context"
	"time"

	"holdfast/internal/fault"
)

// Status is how a server is.
type Status struct {
	Server    string    `json:"server"`
	State     string    `json:"state"` // "up", "slow_start", "down", "draining", "drained"
	Since     time.Time `json:"since"` // of the latest change between up and down
	Busy      int       `json:"busy"`  // requests under way
	Requests  int64     `json:"requests"`
	Failures  int64     `json:"failures"`
	LastError string    `json:"last_error,omitempty"`
}

// Status returns how the servers are, in the order of the configuration.
func (p *Pool) Status() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Status, 0, len(p.nodes))
	for _, n := range p.nodes {
		out = append(out, Status{n.ID, n.state(time.Now()), n.since, n.busy, n.requests, n.failures, n.lastError})
	}
	return out
}

func (n *node) state(now time.Time) string {
	switch {
	case n.drained && n.busy > 0:
		return "draining"
	case n.drained:
		return "drained"
	case n.down:
		return "down"
	case n.warm.After(now):
		return "slow_start"
	}
	return "up"
}

// Waiting returns how many requests wait for a server.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiters)
}

// Drain gives a server no new requests, and waits until those under way are over. When ctx ends first the server stays
// drained, and the error says how many are left.
func (p *Pool) Drain(ctx context.Context, server string) error {
	n, err := p.set(server, true)
	if err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		p.mu.Lock()
		left := n.busy
		p.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "upstream_busy", "%s: %d requests are still under way", n.ID, left).
				WithHint("it gets no new ones; wait with: holdfast edge upstream drain %s", n.ID)
		case <-tick.C:
		}
	}
}

// Undrain gives a server requests again, few at first.
func (p *Pool) Undrain(server string) error {
	_, err := p.set(server, false)
	return err
}

func (p *Pool) set(server string, drained bool) (*node, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		if n.ID != server {
			continue
		}
		if n.drained && !drained && p.othersUp(n) {
			n.warm = time.Now().Add(p.options().Config.SlowStart.D())
		}
		n.drained = drained
		p.dispatch()
		return n, nil
	}
	return nil, fault.New(fault.NotFound, "no_such_upstream", "no server %q in edge.upstreams", server).
		WithHint("see: holdfast edge upstream list")
}
