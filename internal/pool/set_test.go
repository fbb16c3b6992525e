package pool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pool"
)

func newSet(t *testing.T, s *server, change func(*pool.SetConfig[*conn])) *pool.Set[*conn] {
	t.Helper()
	budget := pool.NewBudget("server", 10, 0)
	cfg := pool.SetConfig[*conn]{
		Pool: func(k pool.Key) (pool.Config, []*pool.Budget) {
			c := pool.Defaults(k.String())
			c.MaxSize, c.MaxIdle = 2, time.Minute
			return c, []*pool.Budget{budget}
		},
		Open: func(ctx context.Context, _ pool.Key) (*conn, error) { return s.open(ctx) },
		Keep: 5 * time.Minute,
	}
	if change != nil {
		change(&cfg)
	}
	set := pool.NewSet(cfg)
	if err := set.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = set.Stop(ctx)
		if n := s.sessions(); n != 0 {
			t.Errorf("%d sessions are left after Stop", n)
		}
	})
	return set
}

func pools(s *pool.Set[*conn]) (n int) {
	s.Each(func(pool.Key, *pool.Pool[*conn]) { n++ })
	return n
}

func TestASetMakesAPoolPerKeyAndRemovesThoseThatNobodyUses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		set := newSet(t, s, nil)
		ada, bob := pool.Key{Database: "journal", User: "ada"}, pool.Key{Database: "journal", User: "bob"}
		p, leave, err := set.Join(ada)
		if err != nil || p.Name() != "/journal/ada/" {
			t.Fatalf("Join: %v, %v", p, err)
		}
		l, err := set.Acquire(t.Context(), bob, pool.Request{})
		if err != nil || pools(set) != 2 {
			t.Fatalf("%d pools, %v", pools(set), err)
		}
		time.Sleep(time.Hour)
		if pools(set) != 2 {
			t.Errorf("%d pools; want 2: one is joined, from the other something is lent", pools(set))
		}
		l.Release()
		time.Sleep(30 * time.Second)
		if again, _, _ := set.Join(ada); again != p {
			t.Error("the same key got another pool")
		}
		time.Sleep(3 * time.Minute)
		if pools(set) != 2 {
			t.Error("removed before its time")
		}
		time.Sleep(6 * time.Minute)
		if pools(set) != 1 || s.sessions() != 0 {
			t.Errorf("%d pools, %d sessions; want that of ada, 0", pools(set), s.sessions())
		}
		leave()
		leave()
		time.Sleep(time.Hour)
		if pools(set) != 1 {
			t.Error("leaving twice counted for the other who joined")
		}
	})
}

func TestAPoolStaysWhileSomethingIsLentAndGoesWithItsMinimum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		set := newSet(t, s, func(c *pool.SetConfig[*conn]) {
			made := c.Pool
			c.Pool = func(k pool.Key) (pool.Config, []*pool.Budget) {
				cfg, budgets := made(k)
				cfg.MinSize = 1
				return cfg, budgets
			}
		})
		l, err := set.Acquire(t.Context(), pool.Key{}, pool.Request{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if pools(set) != 1 || !s.live[l.Conn] {
			t.Error("the pool was removed under its client")
		}
		l.Release()
		time.Sleep(time.Hour)
		if pools(set) != 0 || s.sessions() != 0 {
			t.Errorf("%d pools, %d sessions; want none", pools(set), s.sessions())
		}
	})
}

// S2-14: the read-only endpoint has its own pool and limits.
func TestExhaustionOfOnePoolLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, newServer(), nil)
		reads := pool.Key{Endpoint: "ro", Database: "journal", User: "app", Target: "replica"}
		writes := pool.Key{Endpoint: "rw", Database: "journal", User: "app", Target: "primary"}
		for range 2 {
			if _, err := set.Acquire(t.Context(), reads, pool.Request{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := set.Acquire(t.Context(), reads, pool.Request{}); fault.CodeOf(err) != string(pool.CodeTimeout) {
			t.Errorf("the read pool is full: %v", err)
		}
		if _, err := set.Acquire(t.Context(), writes, pool.Request{Timeout: time.Millisecond}); err != nil {
			t.Errorf("the write pool is not: %v", err)
		}
	})
}

func TestASetIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, newServer(), func(c *pool.SetConfig[*conn]) { c.MaxPools = 1 })
		if _, _, err := set.Join(pool.Key{User: "a"}); err != nil {
			t.Fatal(err)
		}
		_, err := set.Acquire(t.Context(), pool.Key{User: "b"}, pool.Request{})
		if fault.CodeOf(err) != "pool_too_many" || fault.KindOf(err) != fault.Full {
			t.Errorf("got %v", err)
		}
	})
}

func TestNewSettingsReachAllPoolsOfASet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var size atomic.Int32
		size.Store(1)
		set := newSet(t, newServer(), func(c *pool.SetConfig[*conn]) {
			c.Pool = func(pool.Key) (pool.Config, []*pool.Budget) {
				cfg := pool.Defaults("x")
				cfg.MaxSize = int(size.Load())
				return cfg, nil
			}
		})
		p, _, err := set.Join(pool.Key{})
		if err != nil {
			t.Fatal(err)
		}
		size.Store(7)
		if err := set.Configure(); err != nil || p.Stats().MaxSize != 7 {
			t.Errorf("Configure: %v, size %d", err, p.Stats().MaxSize)
		}
		size.Store(0)
		if err := set.Configure(); fault.CodeOf(err) != "config_invalid" {
			t.Errorf("Configure: %v", err)
		}
		if _, _, err := set.Join(pool.Key{User: "new"}); fault.CodeOf(err) != "config_invalid" {
			t.Errorf("Join: %v", err)
		}
	})
}

func TestAStoppedSetMakesNoPools(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		set := newSet(t, s, nil)
		l, err := set.Acquire(t.Context(), pool.Key{}, pool.Request{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := set.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || s.sessions() != 0 {
			t.Errorf("Stop: %v, %d sessions", err, s.sessions())
		}
		l.Release()
		if _, _, err := set.Join(pool.Key{}); fault.CodeOf(err) != string(pool.CodeStopped) {
			t.Errorf("Join: %v", err)
		}
	})
}

func TestPoolsAndSetsKeepTheContractOfServices(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		cfg := pool.Defaults("x")
		cfg.MinSize = 2
		p, err := pool.New(cfg, newServer().open)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, context.Canceled)
	lifecycletest.Stress(t, func() lifecycle.Service { return pool.NewSet(pool.SetConfig[*conn]{Keep: time.Second}) })
}
