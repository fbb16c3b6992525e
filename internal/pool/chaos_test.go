package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/pool"
)

func codeOf(err error) (string, bool) {
	var e *pool.Error
	if errors.As(err, &e) {
		return string(e.Code), true
	}
	return "", false
}

// chaos is several pools on one server and one budget, to which everything happens that can.
type chaos struct {
	*testing.T
	*server
	random  *rand.Rand
	budget  *pool.Budget
	pools   []*pool.Pool[*conn]
	configs []pool.Config
	users   sync.WaitGroup

	mu     sync.Mutex // protects the following
	leases map[*pool.Lease[*conn]]bool
	worst  error
	served int
}

const (
	chaosTimeout = 5 * time.Second
	chaosHold    = 8 * time.Second
)

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{
		T: t, server: newServer(), random: rand.New(rand.NewPCG(seed, 2)),
		budget: pool.NewBudget("all", 8, 2), leases: map[*pool.Lease[*conn]]bool{},
	}
	c.limit = 10
	t.Cleanup(func() { // of what a failed test leaves
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for _, p := range c.pools {
			_ = p.Stop(ctx)
		}
		c.users.Wait()
	})
	for i := range 3 {
		cfg := c.config(i)
		c.configs = append(c.configs, cfg)
		p, err := pool.New(cfg, c.open, c.budget)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.pools = append(c.pools, p)
	}
	return c
}

func (c *chaos) config(i int) pool.Config {
	cfg := pool.Defaults(fmt.Sprint(i))
	cfg.MinSize, cfg.MaxSize, cfg.Reserved = c.random.IntN(3), 3+c.random.IntN(4), c.random.IntN(2)
	cfg.MaxPerOwner, cfg.MaxWaiting = c.random.IntN(4), c.random.IntN(2)*20
	cfg.GrowAtOnce = 1 + c.random.IntN(3)
	cfg.Timeout, cfg.HoldPaused = chaosTimeout, chaosHold
	cfg.HoldDown = time.Duration(c.random.IntN(2)) * 6 * time.Second
	cfg.MaxLifetime, cfg.LifetimeJitter = 20*time.Second, 5*time.Second
	cfg.MaxIdle, cfg.CheckAfter = 7*time.Second, 2*time.Second
	cfg.OpenTimeout, cfg.CheckTimeout, cfg.ResetTimeout = 3*time.Second, time.Second, time.Second
	return cfg
}

// use makes a request and keeps what it gets, or gives it back after a while.
func (c *chaos) use(p *pool.Pool[*conn], req pool.Request, patience, keep time.Duration, end int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	var l *pool.Lease[*conn]
	var err error
	if end%2 == 0 {
		l, err = p.Acquire(ctx, req)
	} else {
		got := <-(&rig{T: c.T, pool: p}).askByTicket(ctx, req)
		l, err = got.lease, got.err
	}
	took := time.Since(began)
	c.mu.Lock()
	switch _, known := codeOf(err); {
	case took > chaosTimeout+chaosHold:
		c.worst = fmt.Errorf("a request took %v: %w", took, err)
	case err != nil && !known && !errors.Is(err, context.DeadlineExceeded):
		c.worst = err
	case err == nil && !l.Conn.lent.CompareAndSwap(false, true):
		c.worst = fmt.Errorf("session %d was lent twice", l.Conn.id)
	case err == nil && l.Conn.dirty.Load():
		c.worst = fmt.Errorf("session %d was lent dirty", l.Conn.id)
	}
	if err == nil {
		c.served++
	}
	c.mu.Unlock()
	if err != nil {
		return
	}
	<-time.After(keep)
	l.Conn.lent.Store(false)
	switch end {
	case 0:
		l.Discard()
	case 1:
		l.Conn.dirty.Store(true)
		l.ReleaseDirty(ctx)
	default:
		l.Release()
	}
}

func (c *chaos) step() {
	p := c.pools[c.random.IntN(len(c.pools))]
	switch n := c.random.IntN(100); {
	case n < 60:
		req := pool.Request{Owner: string(rune('a' + c.random.IntN(4))), Admin: c.random.IntN(12) == 0}
		patience, keep, end := c.some(20), c.some(4), c.random.IntN(6)
		if c.random.IntN(3) > 0 {
			patience = time.Hour
		}
		c.users.Go(func() { c.use(p, req, patience, keep, end) })
	case n < 85:
		<-time.After(c.some(1))
	default:
		c.trouble(p, n-85)
	}
}

// some is a random time of up to so many seconds.
func (c *chaos) some(seconds int) time.Duration {
	return time.Duration(c.random.IntN(seconds*1000)) * time.Millisecond
}

// trouble lets something happen to the server or a pool.
func (c *chaos) trouble(p *pool.Pool[*conn], what int) {
	switch what {
	case 0, 1:
		c.set(func(s *server) {
			s.refuse = nil
			if c.random.IntN(2) == 0 {
				s.refuse = refusal{"no", c.random.IntN(3) == 0}
			}
		})
	case 2, 3, 4:
		c.set(func(s *server) { s.delay = c.some(1 + c.random.IntN(4)) })
	case 5:
		c.restart()
	case 6, 7:
		c.set(func(s *server) {
			for k := range s.live {
				k.mute.Store(c.random.IntN(2) == 0)
				k.failed.Store(c.random.IntN(2) == 0)
			}
		})
	case 8:
		ctx, cancel := context.WithTimeout(context.Background(), c.some(3))
		_ = p.Pause(ctx)
		cancel()
	case 9, 10:
		p.Resume()
	case 11:
		p.Reconnect()
	case 12:
		p.Disable()
		p.Enable()
		p.Retry()
	case 13:
		c.configure()
	default:
		c.budget.Resize(4+c.random.IntN(4), 1+c.random.IntN(2))
	}
}

// configure changes settings, but the limits that Verify looks at.
func (c *chaos) configure() {
	i := c.random.IntN(len(c.pools))
	cfg, was := c.config(i), c.configs[i]
	cfg.MaxSize, cfg.Reserved, cfg.MaxPerOwner, cfg.GrowAtOnce = was.MaxSize, was.Reserved, was.MaxPerOwner, was.GrowAtOnce
	if err := c.pools[i].Configure(cfg); err != nil {
		c.Error(err)
	}
}

func (c *chaos) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pools {
		if err := p.Verify(); err != nil {
			return fmt.Errorf("pool %s: %w", p.Name(), err)
		}
	}
	if c.broken != nil {
		return c.broken
	}
	return c.worst
}

// finish lets everything be well again: everybody must be served, and nothing be left.
func (c *chaos) finish() error {
	c.budget.Resize(8, 2) // more than all minimums
	c.set(func(s *server) { s.refuse, s.delay = nil, 0 })
	for _, p := range c.pools {
		p.Resume()
		p.Retry()
	}
	c.users.Wait()
	<-time.After(10 * time.Second)
	synctest.Wait()
	if err := c.budget.Verify(); err != nil {
		return err
	}
	for _, p := range c.pools {
		l, err := p.Acquire(context.Background(), pool.Request{})
		if err != nil {
			return fmt.Errorf("after all was well again: %w", err)
		}
		l.Release()
		if err := p.Stop(context.Background()); err != nil {
			return err
		}
	}
	if n, used := c.sessions(), c.budget.Stats().Used; n != 0 || used != 0 {
		return fmt.Errorf("%d sessions are left, %d of the budget are used", n, used)
	}
	return c.check()
}

// S0-12, traps 17, 19, 20: whatever happens, no promise is broken, nobody waits for ever, and nothing is lost.
func TestNoPromiseIsBrokenByChaos(t *testing.T) {
	t.Parallel()
	served := 0
	for seed := range uint64(rounds(60)) {
		synctest.Test(t, func(t *testing.T) {
			c := newChaos(t, seed)
			for step := range 400 {
				c.step()
				if err := c.check(); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
			}
			if err := c.finish(); err != nil {
				t.Fatalf("seed %d, at the end: %v", seed, err)
			}
			served += c.served
		})
	}
	if served < 60*50 {
		t.Errorf("only %d requests were served: the test proves little", served)
	}
}
