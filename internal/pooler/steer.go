package pooler

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/console"
	"holdfast/internal/fault"
)

// source is the pooler as the console sees it. What it shows stands in the files tables*.go, what it does in steer*.go.
type source struct{ *Pooler }

var _ console.Source = source{}

// Pause implements console.Flow. A PAUSE that is cancelled is taken back, as PgBouncer does.
func (s source) Pause(ctx context.Context, database string) error {
	before := s.isPaused(database)
	_, err := s.Pooler.Pause(ctx, database)
	if errors.Is(err, context.Canceled) && !before {
		_, undone := s.Pooler.Resume(database)
		return errors.Join(err, undone)
	}
	return err
}

// Resume implements console.Flow.
func (s source) Resume(_ context.Context, database string) error {
	all, err := s.known(database)
	if err != nil {
		return err
	}
	suspended := database == "" && s.suspended.Load()
	if !suspended && !s.anyPaused(database, all) {
		return fault.New(fault.Conflict, "not_paused", "nothing is paused")
	}
	if suspended {
		s.wakeClients()
	}
	_, err = s.Pooler.Resume(database)
	return err
}

// anyPaused reports whether RESUME has something to end.
func (p *Pooler) anyPaused(database string, all []*group) bool {
	if p.isPaused(database) {
		return true
	}
	for _, g := range all {
		if g.pool.Stats().Paused {
			return true
		}
	}
	return false
}

// Disable implements console.Flow.
func (s source) Disable(_ context.Context, database string) error { return s.setClosed(database, true) }

// Enable implements console.Flow.
func (s source) Enable(_ context.Context, database string) error { return s.setClosed(database, false) }

func (p *Pooler) setClosed(database string, closed bool) error {
	if _, err := p.known(database); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed == nil {
		p.closed = map[string]bool{}
	}
	p.closed[database] = closed
	return nil
}

// isDisabled reports whether a database takes no new clients.
func (p *Pooler) isDisabled(database string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed[database]
}

// suspendTime is how long clients and servers have to take what is on its way to them. PgBouncer's suspend_timeout has the
// same default.
const suspendTime = 10 * time.Second

// Suspend implements console.Flow.
func (s source) Suspend(ctx context.Context) error {
	s.suspended.Store(true)
	s.onSessions(func(one *session) { one.hold() })
	ctx, stop := context.WithTimeout(ctx, suspendTime)
	defer stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		left := s.inFlight()
		if left == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				s.wakeClients()
				return ctx.Err()
			}
			return fault.New(fault.Unavailable, "suspend_held", "%d clients or servers do not take what is on its way to them", left).
				WithHint("all are suspended all the same; RESUME ends that")
		}
	}
}

// wakeClients ends Suspend.
func (p *Pooler) wakeClients() {
	p.suspended.Store(false)
	p.onSessions(func(s *session) {
		s.held = false
		s.resume()
	})
}

// hold stops reading the client.
func (s *session) hold() {
	if s.closed {
		return
	}
	s.held = true
	s.stall()
}

// onSessions runs f for each session on its worker, soon.
func (p *Pooler) onSessions(f func(*session)) {
	for _, s := range p.clients.all() {
		s.worker.loop.Post(func() { f(s) })
	}
}

// inFlight returns how many sessions have bytes on their way.
func (p *Pooler) inFlight() int {
	counts, complete := fold(p.sessions(), func(n *int, s *session) {
		if !s.closed && (s.full() || s.server != nil && s.server.full()) {
			*n++
		}
	})
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if !complete {
		sum++ // nobody knows
	}
	return sum
}
