package pooler

import (
	"context"
	"errors"
	"slices"
	"time"

	"holdfast/internal/pool"
)

// When the route of a database changes, its pools are replaced: by pools of the same name whose servers are where the new route leads.
// Whoever has a server keeps it, in transaction mode until the transaction is over, in session mode and while pinned until it leaves, as
// with PgBouncer's RELOAD; whoever has none, or waits for one, goes on with the new pool. The old one ends with its last server.

// startTime is how long the hosts of a new route may take to say what they are.
const startTime = 10 * time.Second

// reroute puts the routes of a reload into force.
func (p *Pooler) reroute(all []*route) error {
	before := p.routes()
	p.mu.Lock()
	life := p.life
	p.mu.Unlock()
	if life != nil {
		if err := startRoutes(life, without(all, before)); err != nil {
			return err
		}
	}
	replaced := p.replaceGroups(all)
	if len(replaced) > 0 {
		p.onSessions((*session).moveOn)
	}
	for _, g := range replaced {
		p.log.Info("route changed: the pool is replaced", "pool", g.key.String())
		p.retire(g)
	}
	for _, r := range without(before, all) {
		p.base.Go(func(life context.Context) {
			ctx, stop := context.WithTimeout(life, startTime)
			defer stop()
			if err := r.stop(ctx); err != nil {
				p.log.Warn("end of a route", "route", r.pattern, "error", err)
			}
		})
	}
	return nil
}

// without returns the routes of one list that another lacks.
func without(routes, others []*route) []*route {
	return slices.DeleteFunc(slices.Clone(routes), func(r *route) bool { return slices.Contains(others, r) })
}

// startRoutes lets routes find their servers; after an error none runs. A host that does not answer is no error.
func startRoutes(ctx context.Context, routes []*route) error {
	ctx, stop := context.WithTimeout(ctx, startTime)
	defer stop()
	for i, r := range routes {
		if err := r.start(ctx); err != nil {
			for _, begun := range routes[:i] {
				err = errors.Join(err, begun.stop(ctx))
			}
			return err
		}
	}
	return nil
}

// replaceGroups puts new pools in the place of those whose databases now lead elsewhere, and returns the old ones.
func (p *Pooler) replaceGroups(all []*route) (replaced []*group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.routing.Store(&all)
	for key, g := range p.groups {
		if key.replication == "" && p.routeFor(key.database) != g.route { // a replication connection ends with its client
			delete(p.groups, key)
			p.retired[g] = struct{}{}
			replaced = append(replaced, g)
		}
	}
	for _, g := range replaced {
		next, err := p.successor(g)
		if err != nil {
			p.log.Warn("replace pool", "pool", g.key.String(), "error", err)
			continue // its clients are told that it has ended
		}
		g.next.Store(next)
	}
	return replaced
}

// successor returns the pool that takes the place of another: that of the primary, from which readers go on to replicas. Callers hold mu.
func (p *Pooler) successor(g *group) (*group, error) {
	key := g.key
	key.host = ""
	if next := p.groups[key]; next != nil {
		return next, nil
	}
	next, err := p.newGroup(key, g.front, g.limits(), true)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	next.credential = g.credential
	g.mu.Unlock()
	p.groups[key] = next
	if p.life == nil {
		return next, nil
	}
	return next, next.pool.Start(p.life) // which waits for nothing: it is late
}

// retire ends a pool that was replaced, when nobody has a server of it any more.
func (p *Pooler) retire(g *group) {
	p.dropping.Add(1) // closeAll waits for it
	begun := p.base.Go(func(life context.Context) {
		defer p.dropping.Done()
		if err := g.pool.Stop(life); err != nil && life.Err() == nil {
			p.log.Warn("end pool", "pool", g.key.String(), "error", err)
		}
		p.onSessions((*session).moveOn)
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, listed := p.retired[g]; listed {
			delete(p.retired, g)
			p.departed[g.key.database] = p.departed[g.key.database].Add(g.counters())
		}
	})
	if !begun {
		p.dropping.Done()
	}
}

// errRerouted means that the session's pool was replaced while one for a host of its route was sought.
var errRerouted = errors.New("the route of the database has changed")

// isReplaced reports whether an error is the end of a pool whose place another one took.
func (g *group) isReplaced(err error) bool {
	var e *pool.Error
	return errors.As(err, &e) && e.Code == pool.CodeStopped && g.next.Load() != nil
}

// moveOn takes a session that has no server, and waits for none, to the pool that took the place of its own.
func (s *session) moveOn() {
	next := s.group.next.Load()
	if next == nil || s.closed || s.lease != nil || s.ticket != nil || s.group.key.replication != "" || s.reader != nil && s.reader.search != nil {
		return
	}
	for again := next.next.Load(); again != nil; again = next.next.Load() {
		next = again
	}
	s.use("")
	s.account()
	s.group.clients.Add(-1)
	next.clients.Add(1)
	s.group = next
}
