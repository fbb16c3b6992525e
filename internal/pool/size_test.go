package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/pool"
)

// S0-17
func TestStartOpensTheMinimumBeforeItReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.delay = 100 * time.Millisecond
		began := time.Now()
		r := startOn(t, s, func(c *pool.Config) { c.MinSize, c.MaxSize = 50, 150 })
		r.sizes(50)
		if s.herd != 2 || time.Since(began) != 50/2*s.delay {
			t.Errorf("%d dials at once, %v in all; want 2, 2.5s", s.herd, time.Since(began))
		}
	})
}

func TestALazyPoolStartsAtOnceAndFillsItselfInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.delay = time.Second
		began := time.Now()
		r := startOn(t, s, func(c *pool.Config) { c.MinSize, c.Lazy = 2, true })
		if time.Since(began) != 0 {
			t.Errorf("Start took %v", time.Since(began))
		}
		time.Sleep(s.delay)
		synctest.Wait()
		r.sizes(2)
	})
}

// S0-18, trap 20: 50 → 150 → 50, no error, and never more dials at once than GrowAtOnce.
func TestTrap20ABurstGrowsThePoolStepByStepAndIdlenessShrinksItToTheMinimum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) {
			c.MinSize, c.MaxSize, c.GrowAtOnce, c.MaxIdle = 50, 150, 3, time.Minute
		})
		r.set(func(s *server) { s.delay, s.limit = 10*time.Millisecond, 150 })
		var asked []<-chan result
		for range 150 {
			asked = append(asked, r.ask(pool.Request{}))
		}
		var leases []*pool.Lease[*conn]
		for _, a := range asked {
			leases = append(leases, r.must(<-a))
		}
		r.sizes(150)
		for _, l := range leases {
			l.Release()
		}
		time.Sleep(59 * time.Second)
		r.sizes(150)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		r.sizes(50)
		if r.herd > 3 || r.peak != 150 || r.broken != nil {
			t.Errorf("%d dials at once, %d sessions at most; want 3, 150 (%v)", r.herd, r.peak, r.broken)
		}
		if n := r.pool.Stats().Closed[pool.Unused]; n != 100 {
			t.Errorf("%d closed as unused; want 100", n)
		}
	})
}

func TestThePoolGrowsOnlyAsFarAsRequestsNeedIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 10 })
		for range 100 {
			r.get("a").Release()
		}
		r.sizes(1)
	})
}

func TestTheConnectionUsedLastIsLentFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		a, b := r.get("x"), r.get("x")
		a.Release()
		b.Release()
		if got := r.get("x"); got.Conn != b.Conn {
			t.Errorf("got session %d; want %d", got.Conn.id, b.Conn.id)
		}
	})
}

// S1-08, pool_recycle: 300
func TestAConnectionIsReplacedAtTheEndOfItsLifeButNeverWhileItIsLent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) {
			c.MinSize, c.MaxLifetime, c.LifetimeJitter, c.MaxIdle = 2, 300*time.Second, 0, 0
		})
		held := r.get("x")
		time.Sleep(302 * time.Second)
		synctest.Wait()
		if r.sessions() != 2 || r.opened != 3 || held.Conn.server.live[held.Conn] == false {
			t.Errorf("%d sessions, %d opened; want 2, 3, and the lent one alive", r.sessions(), r.opened)
		}
		if !held.Outdated() {
			t.Error("the holder cannot see that the connection is too old")
		}
		held.Release()
		synctest.Wait()
		if r.live[held.Conn] {
			t.Error("it came back and lives on")
		}
		r.sizes(2)
	})
}

// S1-08: ten minutes of load with a life of 5 seconds: connections turn over, no request fails.
func TestShortLivesUnderLoadFailNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) {
			c.MinSize, c.MaxSize, c.MaxLifetime, c.LifetimeJitter = 4, 8, 5*time.Second, 500*time.Millisecond
		})
		r.set(func(s *server) { s.delay = 5 * time.Millisecond })
		end := time.Now().Add(10 * time.Minute)
		done := make(chan error, 16)
		for range cap(done) {
			go func() { // ends at the end of the ten minutes
				for time.Now().Before(end) {
					l, err := r.pool.Acquire(t.Context(), pool.Request{})
					if err != nil {
						done <- err
						return
					}
					time.Sleep(50 * time.Millisecond)
					l.Release()
				}
				done <- nil
			}()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if s := r.pool.Stats(); s.Closed[pool.Expired] < 8*100 || r.peak > 8 {
			t.Errorf("%d replaced, %d sessions at most; want about 960, 8", s.Closed[pool.Expired], r.peak)
		}
	})
}

func TestLivesThatBeganTogetherDoNotEndTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) {
			c.MinSize, c.MaxSize, c.GrowAtOnce, c.MaxLifetime, c.LifetimeJitter = 100, 100, 100, time.Hour, 10*time.Minute
		})
		ends := map[time.Time]int{}
		r.pool.Each(func(c pool.ConnInfo[*conn]) {
			ends[c.Expires.Truncate(time.Minute)]++
			if life := c.Expires.Sub(c.Opened); life > time.Hour || life < 50*time.Minute {
				t.Errorf("a life of %v; want 50 to 60 minutes", life)
			}
		})
		if len(ends) < 8 {
			t.Errorf("100 lives end in %d of the 10 minutes", len(ends))
		}
	})
}

func TestALesserMaxSizeHoldsAsSoonAsConnectionsComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := pool.Defaults("journal")
		cfg.MaxSize = 4
		r := start(t, func(c *pool.Config) { *c = cfg })
		a, b, c, d := r.get("x"), r.get("x"), r.get("x"), r.get("x")
		d.Release()
		cfg.MaxSize = 2
		if err := r.pool.Configure(cfg); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r.sessions() != 3 {
			t.Errorf("%d sessions; want the idle one closed", r.sessions())
		}
		a.Release()
		b.Release()
		c.Release()
		synctest.Wait()
		r.sizes(2)
		cfg.MaxSize = 0
		if err := r.pool.Configure(cfg); err == nil {
			t.Error("a pool of no connections was accepted")
		}
	})
}
