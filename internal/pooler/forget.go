package pooler

import (
	"context"
	"errors"

	"holdfast/internal/backend"
)

// forget ends the pool of a database or role that the server does not know, so that who may name any leaves nothing behind.
func (p *Pooler) forget(ctx context.Context, g *group, err error) {
	e := (*backend.Error)(nil)
	if g.reached() || !errors.As(err, &e) || !e.Permanent() {
		return
	}
	p.mu.Lock()
	known := p.groups[g.key] == g
	if known {
		delete(p.groups, g.key)
	}
	p.mu.Unlock()
	if !known {
		return
	}
	if err := g.pool.Stop(ctx); err != nil {
		p.log.Warn("end pool", "pool", g.key.String(), "error", err)
	}
}

// reached reports whether the group ever had a server.
func (g *group) reached() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.params != nil
}
