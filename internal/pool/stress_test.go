package pool_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/pool"
)

// In real time, with all processors, for the race detector: clients of a set come and go while everything else happens.
func TestASetSurvivesAStormOfClients(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.limit = 6
	budget := pool.NewBudget("server", 5, 1)
	set := pool.NewSet(pool.SetConfig[*conn]{
		Pool: func(k pool.Key) (pool.Config, []*pool.Budget) {
			c := pool.Defaults(k.String())
			c.MinSize, c.MaxSize, c.Reserved, c.MaxPerOwner = 1, 4, 1, 2
			c.Timeout, c.CheckAfter, c.MaxIdle = 100*time.Millisecond, time.Millisecond, 10*time.Millisecond
			c.MaxLifetime, c.LifetimeJitter = 20*time.Millisecond, 10*time.Millisecond
			return c, []*pool.Budget{budget}
		},
		Open: func(ctx context.Context, _ pool.Key) (*conn, error) { return s.open(ctx) },
	})
	if err := set.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rounds(1))*300*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	var served atomic.Int64
	for i := range 50 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 3))
			for ctx.Err() == nil {
				served.Add(storm(ctx, t, set, random))
			}
		})
	}
	all.Go(func() { disturb(ctx, s, set) })
	all.Wait()
	if err := set.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if n, used := s.sessions(), budget.Stats().Used; n != 0 || used != 0 || s.broken != nil {
		t.Errorf("%d sessions are left, %d of the budget are used (%v)", n, used, s.broken)
	}
	if served.Load() < 50 {
		t.Errorf("only %d requests were served", served.Load())
	}
}

// storm is one client's short life; it returns how many requests were served.
func storm(ctx context.Context, t *testing.T, set *pool.Set[*conn], random *rand.Rand) (served int64) {
	p, leave, err := set.Join(pool.Key{User: string(rune('a' + random.IntN(3)))})
	if err != nil {
		t.Errorf("join: %v", err)
		return 0
	}
	defer leave()
	for range 10 {
		patience, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(50))*time.Millisecond)
		l, err := p.Acquire(patience, pool.Request{
			Owner: string(rune('a' + random.IntN(4))), Admin: random.IntN(20) == 0, Timeout: time.Duration(random.IntN(30)-1) * time.Millisecond,
		})
		if err == nil {
			served++
			if !l.Conn.lent.CompareAndSwap(false, true) {
				t.Errorf("session %d was lent twice", l.Conn.id)
			}
			l.Conn.lent.Store(false)
			switch random.IntN(6) {
			case 0:
				l.Discard()
			case 1:
				l.ReleaseDirty(patience)
			default:
				l.Release()
			}
		}
		cancel()
	}
	return served
}

// disturb does to server and pools what people and networks do.
func disturb(ctx context.Context, s *server, set *pool.Set[*conn]) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		set.Each(func(_ pool.Key, p *pool.Pool[*conn]) {
			switch n % 9 {
			case 0:
				p.Reconnect()
			case 1:
				_ = p.Pause(ctx)
				p.Resume()
			case 2:
				s.restart()
			case 3:
				s.set(func(s *server) { s.refuse = refusal{text: "no"} })
			case 4:
				s.set(func(s *server) { s.refuse = nil })
				p.Retry()
			case 5:
				p.Each(func(pool.ConnInfo[*conn]) {})
				p.Owners(func(pool.OwnerInfo) {})
				_ = p.Stats()
			}
		})
	}
}
