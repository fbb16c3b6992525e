package pooler

import (
	"context"
	"time"

	"holdfast/internal/console"
	"holdfast/internal/fault"
)

// Reconnect implements console.Cut.
func (s source) Reconnect(_ context.Context, database string) error {
	_, err := s.Pooler.Reconnect(database)
	return err
}

// WaitClose implements console.Cut.
func (s source) WaitClose(ctx context.Context, database string) error {
	all, err := s.known(database)
	if err != nil {
		return err
	}
	for _, g := range all {
		if err := g.pool.WaitClose(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Kill implements console.Cut. Clients that come meanwhile, or were logging in, wait as in any paused database.
func (s source) Kill(ctx context.Context, database string) error {
	if _, err := s.known(database); err != nil {
		return err
	}
	s.setPaused(database, true)
	if err := s.killAll(ctx, errKilled(), func(one *session) bool { return database == "" || one.who.database == database }); err != nil {
		return err
	}
	_, err := s.Pooler.Pause(ctx, database)
	return err
}

// killAll ends sessions, and returns when they have ended.
func (p *Pooler) killAll(ctx context.Context, why *refusal, chosen func(*session) bool) error {
	var ended []chan struct{}
	for _, s := range p.clients.all() {
		if !chosen(s) {
			continue
		}
		done := make(chan struct{})
		if s.worker.loop.Post(func() { s.cut(why); close(done) }) {
			ended = append(ended, done)
		}
	}
	for _, done := range ended {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// KillClient implements console.Cut.
func (s source) KillClient(ctx context.Context, id int32) error {
	for _, one := range s.clients.all() {
		if idOf(one.who.id) == id {
			return s.killAll(ctx, errKilled(), func(other *session) bool { return other == one })
		}
	}
	for _, v := range s.consoles.all() {
		if idOf(v.who.id) == id {
			v.stop(errKilled().ending())
			return nil
		}
	}
	return fault.New(fault.NotFound, "no_client", "there is no client %d", id).WithHint("SHOW CLIENTS has their ids")
}

// Reload implements console.Life.
func (s source) Reload(ctx context.Context) error {
	if s.opts.Reload == nil {
		return fault.New(fault.Conflict, "no_reload", "this process cannot read its configuration again").
			WithHint("restart it; certificates, lists of users and rules in files of their own are read again by themselves")
	}
	return s.opts.Reload(ctx)
}

// Shutdown implements console.Life. The process itself drains when it ends: clients leave between two transactions, for as
// long as it gives them.
func (s source) Shutdown(ctx context.Context, mode console.Shutdown) error {
	if s.opts.Shutdown == nil {
		return fault.New(fault.Conflict, "no_shutdown", "this process cannot be ended from here").WithHint("end it where it was started")
	}
	if mode == console.ShutdownNow {
		s.opts.Shutdown()
		return s.killAll(ctx, goodbye(), func(*session) bool { return true })
	}
	for _, e := range s.endpoints {
		e.refuse()
	}
	begun := s.base.Go(func(ctx context.Context) {
		if mode == console.ShutdownWaitForServers {
			s.clients.drain(ctx)
		}
		s.clients.waitEmpty(ctx)
		if ctx.Err() == nil {
			s.opts.Shutdown()
		}
	})
	if !begun {
		return fault.New(fault.Conflict, "stopping", "it is ending already")
	}
	return nil
}

// waitEmpty returns when there are no clients any more, or ctx ends.
func (c *clients) waitEmpty(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for c.taken() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// taken returns how many places are taken.
func (c *clients) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.places
}
