package pooler

import (
	"context"
	"slices"
	"strings"

	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
)

// A replication connection has a server session of its own, logged in with exactly what its client asked for, in a pool that
// is made for it and ends with it. All those of one role and database together count against one limit, that of an ordinary pool.

// replicationMode returns what a start-up message asks for, "" for an ordinary session (PostgreSQL manual, "Streaming
// Replication Protocol"): it is a boolean, or the word database.
func replicationMode(value string) string {
	switch strings.ToLower(value) {
	case "", "0", "f", "false", "n", "no", "of", "off":
		return ""
	}
	return value
}

// walsenders returns the limit on the replication connections of a group's role. Callers hold mu.
func (p *Pooler) walsenders(g *group) *pool.Budget {
	key := g.key
	key.replication, key.serial, key.host = "", 0, ""
	b := p.senders[key]
	if b == nil {
		b = pool.NewBudget("replication of "+key.String(), p.walsendersOf(key), 0)
		p.senders[key] = b
	}
	return b
}

// walsendersOf is how many replication connections there may be of a role: as many as an ordinary pool may have.
func (p *Pooler) walsendersOf(key groupKey) int {
	t, most := p.tuned.Load(), 0
	if r := p.routeFor(key.database); r != nil {
		most = t.routes[r.pattern].MaxSize
	}
	return max(firstOf(most, t.doors[key.endpoint].MaxSize, t.pool.MaxSize), 1)
}

// dedicate logs in a replication connection's server session with the parameters that its client asks for, and returns what it
// reports. The client will take it; after an error there is nothing of it left.
func (g *group) dedicate(ctx context.Context, r pool.Request, params []pgwire.Param) ([]pgwire.Param, error) {
	g.mu.Lock()
	g.wanted = params
	g.mu.Unlock()
	lease, err := g.pool.Acquire(ctx, r)
	if err != nil {
		g.front.pooler.drop(g)
		return nil, err
	}
	g.mu.Lock()
	g.own = lease
	g.mu.Unlock()
	return slices.Clone(lease.Conn.backend.Params()), nil
}

// takeOwn returns the server session of a replication connection, once; nil for all others.
func (g *group) takeOwn() *pool.Lease[*server] {
	if g.key.replication == "" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	own := g.own
	g.own = nil
	return own
}

// drop ends the pool of a replication connection that has ended.
func (p *Pooler) drop(g *group) {
	if g == nil || g.key.replication == "" {
		return
	}
	p.mu.Lock()
	if p.groups[g.key] == g {
		delete(p.groups, g.key)
		p.departed[g.key.database] = p.departed[g.key.database].Add(g.counters())
	}
	p.mu.Unlock()
	if own := g.takeOwn(); own != nil {
		own.Discard()
	}
	p.dropping.Go(func() { // closeAll waits for it
		ctx, stop := context.WithTimeout(context.Background(), cancelTime)
		defer stop()
		if err := g.pool.Stop(ctx); err != nil {
			p.log.Warn("end of a replication connection", "error", err)
		}
	})
}
