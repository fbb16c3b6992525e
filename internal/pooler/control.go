package pooler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"holdfast/internal/fault"
)

// Pause lends no servers of a database any more, "" for all databases, and closes those that come back; it returns when
// none is left. Requests wait meanwhile, for as long as they wait for a primary (hold). When ctx ends first the database
// stays paused, and the error says who still holds servers. It returns the names of the pools that were paused.
func (p *Pooler) Pause(ctx context.Context, database string) ([]string, error) {
	all, err := p.known(database)
	if err != nil {
		return nil, err
	}
	p.setPaused(database, true)
	names := make([]string, len(all))
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, g := range all {
		names[i] = g.key.String()
		wait.Go(func() { errs[i] = g.pool.Pause(ctx) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return names, stillHeld(all, err)
	}
	return names, nil
}

// stillHeld says what keeps a pause from being complete.
func stillHeld(all []*group, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var held []string
	for _, g := range all {
		if n := g.pool.Stats().Active; n > 0 {
			held = append(held, fmt.Sprintf("%d of %s", n, g.key))
		}
	}
	return fault.New(fault.Unavailable, "pool_held", "clients still hold servers: %s", strings.Join(held, ", ")).
		WithHint("it stays paused and they are let go when the clients leave or end their transactions; resume it, or pause again to go on waiting")
}

// Resume ends Pause, and returns the names of the pools.
func (p *Pooler) Resume(database string) ([]string, error) {
	all, err := p.known(database)
	if err != nil {
		return nil, err
	}
	p.setPaused(database, false)
	return each(all, func(g *group) { g.pool.Resume() }), nil
}

// Reconnect replaces the servers of a database, "" for all: idle ones at once, others when they come back. It returns the
// names of the pools.
func (p *Pooler) Reconnect(database string) ([]string, error) {
	all, err := p.known(database)
	if err != nil {
		return nil, err
	}
	return each(all, func(g *group) { g.pool.Reconnect() }), nil
}

func each(all []*group, do func(*group)) []string {
	names := make([]string, len(all))
	for i, g := range all {
		do(g)
		names[i] = g.key.String()
	}
	return names
}

// known returns the pools of a database that has some, that the configuration names, or that is paused or closed by its own name.
func (p *Pooler) known(database string) ([]*group, error) {
	all := p.pools(database)
	if len(all) > 0 || database == "" || p.isSteered(database) {
		return all, nil
	}
	names := p.databases()
	if slices.Contains(names, database) {
		return all, nil
	}
	return nil, fault.New(fault.NotFound, "pool_unknown", "no database %q is known", database).
		WithHint("one that the configuration does not name is known when somebody has logged in to it; there are: %s", strings.Join(names, ", "))
}

// databases returns the names that are known: that of the configuration, those of its routes, and those that somebody has used.
func (p *Pooler) databases() []string {
	names := map[string]bool{p.opts.Database.Name: true}
	for _, r := range p.routes() {
		if !strings.HasSuffix(r.pattern, "*") {
			names[r.pattern] = true
		}
	}
	for _, g := range p.pools("") {
		names[g.key.database] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// isSteered reports whether somebody paused a database, or closed it, by its name: that can be taken back.
func (p *Pooler) isSteered(database string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused[database] || p.closed[database]
}

// setPaused notes which databases are paused, so that a pool that is made meanwhile is paused, too.
func (p *Pooler) setPaused(database string, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if database == "" {
		p.paused = map[string]bool{}
	}
	if p.paused == nil {
		p.paused = map[string]bool{}
	}
	p.paused[database] = paused
}

func (p *Pooler) isPaused(database string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.startsPaused(database)
}

// startsPaused reports whether a database is paused. Callers hold mu.
func (p *Pooler) startsPaused(database string) bool {
	if paused, ok := p.paused[database]; ok {
		return paused
	}
	return p.paused[""]
}
