package pool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/pool"
)

// sharing makes pools of up to most connections each on one server, with a budget of limit.
func sharing(t *testing.T, pools, most, limit, reserved int, change func(int, *pool.Config)) (*server, *pool.Budget, []*rig) {
	t.Helper()
	s, b := newServer(), pool.NewBudget("server", limit, reserved)
	s.limit = limit + reserved
	rigs := make([]*rig, pools)
	for i := range rigs {
		rigs[i] = startOn(t, s, func(c *pool.Config) {
			c.MaxSize = most
			if change != nil {
				change(i, c)
			}
		}, b)
	}
	t.Cleanup(func() {
		if s.broken != nil {
			t.Error(s.broken)
		}
	})
	return s, b, rigs
}

func TestAPoolGetsRoomFromTheConnectionThatLayIdleForLongestElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b, rigs := sharing(t, 3, 5, 4, 0, nil)
		oldest := rigs[0].get("a")
		oldest.Release()
		time.Sleep(time.Second)
		x, y, z := rigs[1].get("a"), rigs[1].get("a"), rigs[1].get("a")
		x.Release()
		y.Release()
		got := <-rigs[2].ask(pool.Request{})
		if rigs[2].must(got); got.after != 0 || s.live[oldest.Conn] || s.sessions() != 4 {
			t.Errorf("after %v, %d sessions; want the oldest idle one closed at once", got.after, s.sessions())
		}
		z.Release()
		rigs[2].get("a")
		rigs[2].get("a")
		rigs[2].get("a")
		if st := b.Stats(); st.Used != 4 || st.Max != 4 || st.Pools != 3 || st.Waiting != 0 || b.Name() != "server" {
			t.Errorf("%+v", st)
		}
		rigs[1].sizesOf(0)
		rigs[2].sizesOf(4)
	})
}

// sizesOf checks the size of one of several pools on a server.
func (r *rig) sizesOf(want int) {
	r.Helper()
	if s := r.pool.Stats(); s.Size != want {
		r.Errorf("%d connections; want %d", s.Size, want)
	}
	r.verify()
}

func TestNoPoolGoesBelowItsMinimumForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, _, rigs := sharing(t, 2, 5, 4, 0, func(i int, c *pool.Config) { c.MinSize = 3 * (1 - i) })
		rigs[1].get("a")
		e := rigs[1].refused(<-rigs[1].ask(pool.Request{}), pool.CodeTimeout, 5*time.Second)
		if e.Budget != "server" {
			t.Errorf("the error names the budget %q", e.Budget)
		}
		rigs[0].sizesOf(3)
		synctest.Wait()
		rigs[1].sizesOf(1) // nobody waits any more: the opening is dropped
	})
}

func TestWhatComesBackToAPoolAtItsMinimumStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, _, rigs := sharing(t, 2, 5, 4, 0, func(i int, c *pool.Config) { c.MinSize = 3 * (1 - i) })
		held := []*pool.Lease[*conn]{rigs[0].get("a"), rigs[0].get("a"), rigs[0].get("a")}
		rigs[1].get("a")
		waits := rigs[1].ask(pool.Request{})
		synctest.Wait()
		for _, l := range held {
			l.Release()
		}
		rigs[1].refused(<-waits, pool.CodeTimeout, 5*time.Second)
		if n := rigs[0].pool.Stats().Closed[pool.Evicted]; n != 0 {
			t.Errorf("%d evicted", n)
		}
	})
}

func TestNoMoreIsClosedForOthersThanTheyWant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, rigs := sharing(t, 2, 5, 5, 0, nil)
		var held []*pool.Lease[*conn]
		for range 5 {
			held = append(held, rigs[0].get("a"))
		}
		s.set(func(s *server) { s.linger = time.Second })
		waits := rigs[1].ask(pool.Request{})
		synctest.Wait()
		for _, l := range held {
			l.Release()
		}
		if got := <-waits; rigs[1].must(got) == nil || got.after != time.Second {
			t.Errorf("after %v", got.after)
		}
		if n := rigs[0].pool.Stats().Closed[pool.Evicted]; n != 1 {
			t.Errorf("%d evicted; want 1", n)
		}
	})
}

func TestAdministratorsGetTheRoomOfABudgetFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, rigs := sharing(t, 3, 5, 2, 0, nil)
		held := rigs[0].get("a")
		rigs[0].get("a")
		rigs[1].ask(pool.Request{})
		synctest.Wait()
		admin := rigs[2].ask(pool.Request{Admin: true})
		time.Sleep(time.Second)
		held.Discard()
		if got := <-admin; rigs[2].must(got) == nil || got.after != time.Second || s.opened != 3 {
			t.Errorf("after %v and %d openings; want 1s, 3", got.after, s.opened)
		}
	})
}

func TestAnOpeningThatNobodyWantsAnyMoreLeavesTheQueueOfTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b, rigs := sharing(t, 2, 5, 1, 0, nil)
		rigs[0].get("a")
		ctx, cancel := context.WithCancel(t.Context())
		waits := rigs[1].askWithin(ctx, pool.Request{})
		synctest.Wait()
		if b.Stats().Waiting != 1 {
			t.Errorf("%d wait for the budget; want 1", b.Stats().Waiting)
		}
		cancel()
		<-waits
		synctest.Wait()
		if b.Stats().Waiting != 0 || rigs[1].pool.Stats().Size != 0 {
			t.Errorf("%d wait for the budget; want 0", b.Stats().Waiting)
		}
	})
}

func TestAConnectionThatComesBackGoesToAPoolThatHasFewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, rigs := sharing(t, 2, 10, 10, 0, nil)
		var big []*pool.Lease[*conn]
		for range 10 {
			big = append(big, rigs[0].get("a"))
		}
		var hungry []<-chan result
		for range 10 {
			rigs[0].ask(pool.Request{Timeout: time.Hour}) // they want it, too
			hungry = append(hungry, rigs[1].ask(pool.Request{Timeout: time.Hour}))
		}
		synctest.Wait()
		for _, l := range big {
			l.Release()
			synctest.Wait()
		}
		if a, b := rigs[0].pool.Stats().Active, rigs[1].pool.Stats().Active; a != 5 || b != 5 {
			t.Errorf("%d and %d; want half each", a, b)
		}
		if s.opened != 15 {
			t.Errorf("%d opened: connections go to and fro", s.opened)
		}
		for range 5 {
			for _, h := range hungry {
				select {
				case got := <-h:
					got.lease.Release()
				default:
				}
			}
			synctest.Wait()
		}
		rigs[0].verify()
		rigs[1].verify()
	})
}

// S2-30, over several pools
func TestAdministratorsHaveAReserveInABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b, rigs := sharing(t, 2, 4, 4, 1, func(_ int, c *pool.Config) { c.Reserved = 1 })
		for range 4 {
			rigs[0].get("a")
		}
		waits := rigs[1].ask(pool.Request{Timeout: time.Hour})
		synctest.Wait()
		admin := <-rigs[1].ask(pool.Request{Admin: true})
		if rigs[1].must(admin); admin.after != 0 || s.sessions() != 5 {
			t.Errorf("after %v, %d sessions", admin.after, s.sessions())
		}
		admin.lease.Release()
		time.Sleep(time.Second)
		select {
		case <-waits:
			t.Error("the reserve went to somebody else")
		default:
		}
		if b.Stats().Used != 4 {
			t.Errorf("%d used; want the reserve free again", b.Stats().Used)
		}
	})
}

func TestABudgetCanBeResized(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b, rigs := sharing(t, 2, 4, 4, 0, nil)
		held := []*pool.Lease[*conn]{rigs[0].get("a"), rigs[0].get("a")}
		rigs[1].get("a").Release()
		b.Resize(1, 0)
		synctest.Wait()
		if s.sessions() != 2 {
			t.Errorf("%d sessions; want the idle one closed", s.sessions())
		}
		held[0].Release()
		synctest.Wait()
		if b.Stats().Used != 1 {
			t.Errorf("%d used; want 1", b.Stats().Used)
		}
		waits := rigs[1].ask(pool.Request{})
		synctest.Wait()
		b.Resize(2, 0)
		rigs[1].must(<-waits)
	})
}

// The narrow budget is that of one database, the wide one that of the server.
func TestAPoolMayObeySeveralBudgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.limit = 6
		wide := pool.NewBudget("server", 6, 0)
		var rigs []*rig
		for i := range 4 {
			narrow := pool.NewBudget([]string{"a", "b", "c", "d"}[i], 2, 0)
			rigs = append(rigs, startOn(t, s, func(c *pool.Config) { c.MaxSize = 5 }, narrow, nil, wide))
		}
		for _, r := range rigs[:3] {
			r.get("x").Release()
			r.get("x")
			r.get("x")
			if e := r.refused(<-r.ask(pool.Request{}), pool.CodeTimeout, 5*time.Second); len(e.Budget) != 1 {
				t.Errorf("blamed %q; want the narrow one", e.Budget)
			}
		}
		if e := rigs[3].refused(<-rigs[3].ask(pool.Request{}), pool.CodeTimeout, 5*time.Second); e.Budget != "server" {
			t.Errorf("blamed %q; want the wide one", e.Budget)
		}
		synctest.Wait()
		if wide.Stats().Used != 6 || s.broken != nil {
			t.Errorf("%d used, %v", wide.Stats().Used, s.broken)
		}
	})
}

func TestAStoppedPoolGivesItsRoomBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b, rigs := sharing(t, 2, 3, 3, 0, func(i int, c *pool.Config) { c.MinSize = 3 * (1 - i) })
		waits := rigs[1].ask(pool.Request{})
		time.Sleep(time.Second)
		if err := rigs[0].pool.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-waits; rigs[1].must(got) == nil || got.after != time.Second {
			t.Errorf("after %v", got.after)
		}
		if st := b.Stats(); st.Pools != 1 || st.Used != 1 {
			t.Errorf("%+v", st)
		}
	})
}
