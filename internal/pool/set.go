package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
)

// Key says which pool of a [Set]: whoever differs in any of these must not share a server session.
type Key struct{ Endpoint, Database, User, Target string }

// String returns the parts with slashes in between.
func (k Key) String() string {
	return k.Endpoint + "/" + k.Database + "/" + k.User + "/" + k.Target
}

// SetConfig is how a set makes its pools.
type SetConfig[C Conn] struct {
	// Pool returns the settings of a key's pool, and its budgets. It must not block. Pools of a set are Lazy.
	Pool func(Key) (Config, []*Budget)
	// Open opens a connection for a pool.
	Open func(ctx context.Context, key Key) (C, error)
	// Keep is how long a pool stays that nobody has joined, from which nothing is lent, and that has shrunk to MinSize.
	Keep time.Duration
	// MaxPools is how many pools there may be; one more is refused. 0: no limit.
	MaxPools int
}

// Set is pools by key, made when they are first wanted. It keeps the contract of package lifecycle; it is ready at once.
type Set[C Conn] struct {
	cfg  SetConfig[C]
	base lifecycle.Base

	mu      sync.Mutex // protects the following
	running bool
	members map[Key]*member[C]
	work    sync.WaitGroup // pools that are being stopped; joined under mu
}

// member is a pool of a set.
type member[C Conn] struct {
	pool *Pool[C]
	// The following are protected by Set.mu.
	joined int
	unused time.Time // since when it is not joined and nothing is lent; zero while it is
}

// NewSet returns a set that is not started.
func NewSet[C Conn](cfg SetConfig[C]) *Set[C] {
	return &Set[C]{cfg: cfg, members: map[Key]*member[C]{}}
}

// Start lets the set make pools.
func (s *Set[C]) Start(ctx context.Context) error {
	return s.base.Start(ctx, func(context.Context) error {
		s.mu.Lock()
		s.running = true
		s.mu.Unlock()
		s.base.Go(s.keep)
		return nil
	})
}

// Stop stops all pools at the same time, each as its own Stop does.
func (s *Set[C]) Stop(ctx context.Context) error { return s.base.Stop(ctx, s.drain) }

func (s *Set[C]) drain(ctx context.Context) error {
	s.mu.Lock()
	s.running = false
	members := s.members
	s.members = map[Key]*member[C]{}
	s.mu.Unlock()
	var all sync.WaitGroup
	errs := make(chan error, len(members))
	for _, m := range members {
		all.Go(func() { errs <- m.pool.Stop(ctx) })
	}
	all.Wait()
	s.work.Wait()
	close(errs)
	var failed []error
	for err := range errs {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Join returns the pool of a key, which is made if need be, and keeps it in the set until leave is called. A client's
// session joins for as long as it lives: Acquire is cheap then. Leaving twice does no harm.
func (s *Set[C]) Join(key Key) (p *Pool[C], leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.members[key]
	if m == nil {
		if m, err = s.add(key); err != nil {
			return nil, nil, fmt.Errorf("make pool %q: %w", key, err)
		}
	}
	m.joined++
	m.unused = time.Time{}
	var once sync.Once
	return m.pool, func() { once.Do(func() { s.leave(m) }) }, nil
}

// add makes and starts a pool. Callers hold mu.
func (s *Set[C]) add(key Key) (*member[C], error) {
	if !s.running {
		return nil, (&Error{Code: CodeStopped, Pool: key.String()}).fault()
	}
	if s.cfg.MaxPools > 0 && len(s.members) >= s.cfg.MaxPools {
		return nil, fault.New(fault.Full, "pool_too_many", "there are %d pools already, which is the limit", len(s.members))
	}
	cfg, budgets := s.cfg.Pool(key)
	cfg.Lazy = true
	p, err := New(cfg, func(ctx context.Context) (C, error) { return s.cfg.Open(ctx, key) }, budgets...)
	if err != nil {
		return nil, err
	}
	if err := p.Start(context.Background()); err != nil { // lazy: returns at once
		return nil, err
	}
	m := &member[C]{pool: p}
	s.members[key] = m
	return m, nil
}

func (s *Set[C]) leave(m *member[C]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.joined--
	if m.joined == 0 {
		m.unused = time.Now()
	}
}

// Acquire lends a connection of the pool of a key, for those who come only once.
func (s *Set[C]) Acquire(ctx context.Context, key Key, r Request) (*Lease[C], error) {
	p, leave, err := s.Join(key)
	if err != nil {
		return nil, err
	}
	defer leave()
	return p.Acquire(ctx, r)
}

// Each calls f with every pool, in no order and without a lock.
func (s *Set[C]) Each(f func(Key, *Pool[C])) {
	for key, p := range s.pools() {
		f(key, p)
	}
}

func (s *Set[C]) pools() map[Key]*Pool[C] {
	s.mu.Lock()
	defer s.mu.Unlock()
	pools := make(map[Key]*Pool[C], len(s.members))
	for key, m := range s.members {
		pools[key] = m.pool
	}
	return pools
}

// Configure asks for the settings of every pool anew, and gives them to it. Budgets stay.
func (s *Set[C]) Configure() error {
	var errs []error
	for key, p := range s.pools() {
		cfg, _ := s.cfg.Pool(key)
		errs = append(errs, p.Configure(cfg))
	}
	return errors.Join(errs...)
}

// keep removes pools that are not used any more.
func (s *Set[C]) keep(ctx context.Context) {
	tick := time.NewTicker(max(min(s.cfg.Keep/2, time.Minute), sweepEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sweep(ctx)
		}
	}
}

func (s *Set[C]) sweep(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for key, m := range s.members {
		switch {
		case m.joined > 0 || !s.running:
		case !m.pool.isUnused():
			m.unused = now
		case now.Sub(m.unused) >= s.cfg.Keep:
			delete(s.members, key)
			s.work.Go(func() { _ = m.pool.Stop(ctx) }) // nothing is lent: nothing to be cut off
		}
	}
}

// isUnused says whether nothing is lent or waited for, and the pool has shrunk to MinSize.
func (p *Pool[C]) isUnused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[Active] == 0 && p.waiting+p.admins.n == 0 && p.size() <= p.cfg.MinSize
}
