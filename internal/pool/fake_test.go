package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pool"
)

// server is a database that answers as told.
type server struct {
	mu      sync.Mutex // protects the following
	live    map[*conn]bool
	next    int
	opened  int // so far
	peak    int // most that were open at once
	dialing int
	herd    int           // most that were dialled at once
	tries   int           // dials, failed ones included
	delay   time.Duration // each dial takes so long
	linger  time.Duration // each Close takes so long
	refuse  error
	limit   int // more than this at once is a broken promise; 0: do not look
	broken  error
}

// conn is a session of it.
type conn struct {
	server *server
	id     int
	dead   atomic.Bool // the server closed it, which can be seen
	mute   atomic.Bool // it does not answer any more, which cannot be seen
	dirty  atomic.Bool // needs Reset
	failed atomic.Bool // Reset and Check return an error
	lent   atomic.Bool // a test holds it
	checks atomic.Int32
	resets atomic.Int32
}

func newServer() *server { return &server{live: map[*conn]bool{}} }

func (s *server) open(ctx context.Context) (*conn, error) {
	s.mu.Lock()
	delay := s.delay
	s.tries++
	s.dialing++
	s.herd = max(s.herd, s.dialing)
	s.mu.Unlock()
	err := pause(ctx, delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialing--
	if err == nil {
		err = s.refuse
	}
	if err != nil {
		return nil, err
	}
	s.next++
	s.opened++
	c := &conn{server: s, id: s.next}
	s.live[c] = true
	s.peak = max(s.peak, len(s.live))
	if s.limit > 0 && len(s.live) > s.limit {
		s.broken = fmt.Errorf("%d sessions, more than %d", len(s.live), s.limit)
	}
	return c, nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Check is pool.Conn.
func (c *conn) Check(ctx context.Context) error {
	c.checks.Add(1)
	return c.ask(ctx)
}

// Reset is pool.Conn.
func (c *conn) Reset(ctx context.Context) error {
	c.resets.Add(1)
	if err := c.ask(ctx); err != nil {
		return err
	}
	c.dirty.Store(false)
	return nil
}

func (c *conn) ask(ctx context.Context) error {
	switch {
	case c.mute.Load():
		<-ctx.Done()
		return ctx.Err()
	case c.dead.Load() || c.failed.Load():
		return errors.New("the session is broken")
	}
	c.server.mu.Lock()
	delay := c.server.delay
	c.server.mu.Unlock()
	return pause(ctx, delay)
}

// Dead is pool.Conn.
func (c *conn) Dead() bool { return c.dead.Load() }

// Close is pool.Conn.
func (c *conn) Close() error {
	c.server.mu.Lock()
	linger := c.server.linger
	c.server.mu.Unlock()
	_ = pause(context.Background(), linger)
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	delete(c.server.live, c)
	return nil
}

// set changes the server.
func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// restart ends all sessions.
func (s *server) restart() {
	s.set(func(s *server) {
		for c := range s.live {
			c.dead.Store(true)
		}
	})
}

func (s *server) sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// rig is a running pool and what stands behind it.
type rig struct {
	*testing.T
	*server
	pool *pool.Pool[*conn]
}

// start makes a rig; change, which may be nil, alters the defaults. The pool is stopped by the test's end.
func start(t *testing.T, change func(*pool.Config), budgets ...*pool.Budget) *rig {
	t.Helper()
	return startOn(t, newServer(), change, budgets...)
}

func startOn(t *testing.T, s *server, change func(*pool.Config), budgets ...*pool.Budget) *rig {
	t.Helper()
	r := &rig{T: t, server: s}
	cfg := pool.Defaults("journal")
	cfg.MaxSize = 2
	if change != nil {
		change(&cfg)
	}
	p, err := pool.New(cfg, r.server.open, budgets...)
	if err != nil {
		t.Fatal(err)
	}
	r.pool = p
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what tests forgot is cut off
		_ = p.Stop(ctx)
		if n := s.sessions(); n != 0 && s == r.server && len(budgets) == 0 {
			t.Errorf("%d sessions are left after Stop", n)
		}
	})
	return r
}

// result is how a request ended.
type result struct {
	lease *pool.Lease[*conn]
	err   error
	after time.Duration
}

// ask makes a request in the background.
func (r *rig) ask(req pool.Request) <-chan result { return r.askWithin(context.Background(), req) }

func (r *rig) askWithin(ctx context.Context, req pool.Request) <-chan result {
	done := make(chan result, 1)
	began := time.Now()
	go func() { // ends with the request, which has a limit; each test reads done or ends the pool
		l, err := r.pool.Acquire(ctx, req)
		done <- result{l, err, time.Since(began)}
	}()
	return done
}

// get makes a request that must succeed.
func (r *rig) get(owner string) *pool.Lease[*conn] {
	r.Helper()
	return r.must(<-r.ask(pool.Request{Owner: owner}))
}

func (r *rig) must(got result) *pool.Lease[*conn] {
	r.Helper()
	if got.err != nil {
		r.Fatalf("no connection: %v", got.err)
	}
	return got.lease
}

// refused checks that a request failed with a code after a time, exactly.
func (r *rig) refused(got result, code pool.Code, after time.Duration) *pool.Error {
	r.Helper()
	var e *pool.Error
	switch {
	case got.err == nil:
		r.Fatalf("got a connection; want %s", code)
	case !errors.As(got.err, &e):
		r.Fatalf("got %v, which is no *pool.Error", got.err)
	case e.Code != code || fault.CodeOf(got.err) != string(code):
		r.Fatalf("got %s: %v; want %s", e.Code, got.err, code)
	case got.after != after:
		r.Fatalf("%s after %v; want %v", code, got.after, after)
	}
	return e
}

func (r *rig) sizes(want int) {
	r.Helper()
	if s := r.pool.Stats(); s.Size != want || r.sessions() != want {
		r.Errorf("%d connections, %d sessions; want %d", s.Size, r.sessions(), want)
	}
	r.verify()
}

func (r *rig) verify() {
	r.Helper()
	if err := r.pool.Verify(); err != nil {
		r.Errorf("the books are wrong: %v", err)
	}
}
