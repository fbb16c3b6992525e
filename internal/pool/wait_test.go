package pool_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pool"
)

// S0-26: hold 150, ask for the 151st.
func TestAnExhaustedPoolAnswersAfterTheTimeoutWithAllThatPeopleNeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize = 50, 150 })
		for range 150 {
			r.get("app")
		}
		other := r.ask(pool.Request{Owner: "other"})
		time.Sleep(time.Second)
		e := r.refused(<-r.ask(pool.Request{Owner: "app", Timeout: 2 * time.Second}), pool.CodeTimeout, 2*time.Second)
		if e.SQLSTATE() != "53300" || e.Size != 150 || e.MaxSize != 150 || e.Queue != 1 || e.Longest != 3*time.Second {
			t.Errorf("got %s, %+v", e.SQLSTATE(), e)
		}
		want := `Pool "journal" has 150 of 150 connections open; 1 request waits, the longest for 3s; this one waited 2s.`
		if e.Detail() != want {
			t.Errorf("detail %q; want %q", e.Detail(), want)
		}
		if !strings.Contains(e.Error(), "within 2s") {
			t.Errorf("text %q", e)
		}
		got := <-other
		r.refused(got, pool.CodeTimeout, 5*time.Second)
		if fault.KindOf(got.err) != fault.Full || fault.HintOf(got.err) == "" {
			t.Errorf("kind %v, hint %q", fault.KindOf(got.err), fault.HintOf(got.err))
		}
		r.verify()
	})
}

// S0-16: max_waiting
func TestBeyondMaxWaitingRequestsAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize, c.MaxWaiting = 1, 2 })
		held := r.get("a")
		first := r.ask(pool.Request{})
		synctest.Wait()
		second := r.ask(pool.Request{})
		synctest.Wait()
		e := r.refused(<-r.ask(pool.Request{}), pool.CodeQueueFull, 0)
		if e.SQLSTATE() != "53300" || e.Limit != 2 || e.Queue != 2 {
			t.Errorf("got %s, %+v", e.SQLSTATE(), e)
		}
		admin := r.ask(pool.Request{Admin: true})
		synctest.Wait()
		held.Release()
		r.must(<-admin).Release()
		r.must(<-first).Release()
		r.must(<-second).Release()
		r.verify()
		if s := r.pool.Stats(); s.Rejected != 1 || s.Waited != 4 || s.Lent != 4 {
			t.Errorf("%d rejected, %d waited, %d lent; want 1, 4 (the first for its dial), 4", s.Rejected, s.Waited, s.Lent)
		}
	})
}

func TestARequestMayTakeOnlyWhatLiesReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize = 1 })
		l := r.must(<-r.ask(pool.Request{Timeout: -1}))
		r.refused(<-r.ask(pool.Request{Timeout: -1}), pool.CodeTimeout, 0)
		l.Release()
		r.must(<-r.ask(pool.Request{Timeout: -1}))
	})
}

// Trap 21: the clock runs since the client began to wait.
func TestTrap21TheWaitIsCountedFromWhenTheClientBeganToWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var waited time.Duration
		r := start(t, func(c *pool.Config) {
			c.MaxSize = 1
			c.OnWait = func(d time.Duration) { waited = d }
		})
		r.get("a")
		time.Sleep(time.Minute)
		e := r.refused(<-r.ask(pool.Request{Since: time.Now().Add(-3 * time.Second)}), pool.CodeTimeout, 2*time.Second)
		if e.Waited != 5*time.Second || waited != 5*time.Second {
			t.Errorf("waited %v, told %v; want 5s, 3 of them before the call", e.Waited, waited)
		}
	})
}

func TestTheEndOfTheContextEndsTheWaitAndLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := r.askWithin(ctx, pool.Request{Owner: "a"})
		stays := r.ask(pool.Request{Owner: "a"})
		synctest.Wait()
		left := errors.New("the client left")
		cancel(left)
		if got := <-gone; !errors.Is(got.err, left) {
			t.Errorf("got %v; want the cause", got.err)
		}
		if _, err := r.pool.Acquire(ctx, pool.Request{}); !errors.Is(err, left) {
			t.Errorf("with an ended context: %v", err)
		}
		held.Release()
		r.must(<-stays).Release()
		if s := r.pool.Stats(); s.Cancelled != 1 || s.Waiting != 0 {
			t.Errorf("%d cancelled, %d wait", s.Cancelled, s.Waiting)
		}
		r.sizes(1)
	})
}

// Both happen before the waiter runs: whichever it sees first, the connection must not be lost.
func TestAConnectionHandedToSomebodyWhoLeavesGoesToTheNext(t *testing.T) {
	t.Parallel()
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
			held := r.get("a")
			ctx, cancel := context.WithCancel(t.Context())
			leaves := r.askWithin(ctx, pool.Request{})
			synctest.Wait()
			stays := r.ask(pool.Request{})
			synctest.Wait()
			held.Release()
			cancel()
			if got := <-leaves; got.err == nil {
				got.lease.Release()
			}
			r.must(<-stays).Release()
			r.sizes(1)
		})
	}
}

func TestWithinAnOwnerWhoCameFirstIsServedFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		var asked []<-chan result
		for range 5 {
			asked = append(asked, r.ask(pool.Request{Owner: "a"}))
			synctest.Wait()
		}
		for i, a := range asked {
			held.Release()
			synctest.Wait()
			select {
			case got := <-a:
				held = r.must(got)
			default:
				t.Fatalf("request %d waits although it is its turn", i)
			}
		}
	})
}

// S2-34: who holds least goes first.
func TestBetweenOwnersWhoHoldsLeastIsServedFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 6 })
		var greedy []*pool.Lease[*conn]
		for range 5 {
			greedy = append(greedy, r.get("greedy"))
		}
		modest := r.get("modest")
		for range 20 {
			r.ask(pool.Request{Owner: "greedy"})
		}
		synctest.Wait()
		var fair []<-chan result
		for _, owner := range []string{"modest", "modest", "late", "late", "late"} {
			fair = append(fair, r.ask(pool.Request{Owner: owner}))
			synctest.Wait()
		}
		for _, l := range greedy[:3] {
			l.Release()
			synctest.Wait()
			r.verify()
		}
		held := map[string]int{}
		r.pool.Owners(func(o pool.OwnerInfo) { held[o.Owner] = o.Held })
		if held["greedy"] != 2 || held["modest"] != 2 || held["late"] != 2 {
			t.Errorf("held: %v; want two each", held)
		}
		if got := r.must(<-fair[2]); got.Conn != greedy[0].Conn {
			t.Error("the first that came free must go to who held nothing")
		}
		modest.Release()
	})
}

// S2-34: one person takes 20 of 100, the next still gets in.
func TestAnOwnerAtTheCapLeavesTheRestToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize, c.MaxPerOwner = 100, 20 })
		var leases []*pool.Lease[*conn]
		for range 20 {
			leases = append(leases, r.get("mine"))
		}
		more := r.ask(pool.Request{Owner: "mine"})
		synctest.Wait()
		r.get("yours")
		r.sizes(21)
		e := r.refused(<-more, pool.CodeOwnerLimit, 5*time.Second)
		if e.SQLSTATE() != "53300" || e.Limit != 20 || e.Owner != "mine" {
			t.Errorf("got %s, %+v", e.SQLSTATE(), e)
		}
		r.must(<-r.ask(pool.Request{Owner: "mine", Admin: true})).Release()
		again := r.ask(pool.Request{Owner: "mine"})
		synctest.Wait()
		leases[0].Discard()
		r.must(<-again)
		r.verify()
	})
}

// S2-30: exhaust the pool; an administrator still gets in.
func TestAdministratorsGetInWhenThePoolIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize, c.Reserved = 3, 2 })
		r.set(func(s *server) { s.limit = 5 })
		leases := []*pool.Lease[*conn]{r.get("a"), r.get("a"), r.get("a")}
		waits := r.ask(pool.Request{Owner: "a"})
		synctest.Wait()
		first := r.must(<-r.ask(pool.Request{Admin: true}))
		second := r.must(<-r.ask(pool.Request{Admin: true}))
		r.sizes(5)
		r.refused(<-r.ask(pool.Request{Admin: true, Timeout: time.Second}), pool.CodeTimeout, time.Second)

		third := r.ask(pool.Request{Admin: true})
		synctest.Wait()
		leases[0].Release()
		r.must(<-third).Release() // before those who came earlier
		r.must(<-waits)
		first.Release()
		second.Release()
		synctest.Wait()
		r.sizes(3)
		if r.broken != nil {
			t.Error(r.broken)
		}
	})
}

// An administrator on an ordinary connection takes nothing from the others, as long as there are reserved ones.
func TestWhatAdministratorsHoldDoesNotCountUntilTheReserveIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize, c.Reserved, c.MinSize = 2, 1, 1 })
		admin := r.must(<-r.ask(pool.Request{Admin: true}))
		r.get("a")
		r.get("a")
		r.sizes(3)
		admin.Release()
		synctest.Wait()
		r.sizes(2)
	})
}

func TestAdministratorsDoNotWaitBehindSlowDialsOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		r := startOn(t, s, func(c *pool.Config) { c.MaxSize, c.Reserved, c.GrowAtOnce = 4, 1, 1 })
		s.set(func(s *server) { s.delay = 3 * time.Second })
		slow := r.ask(pool.Request{})
		synctest.Wait()
		s.set(func(s *server) { s.delay = time.Second })
		admin := <-r.ask(pool.Request{Admin: true})
		if r.must(admin); admin.after != time.Second {
			t.Errorf("the administrator waited %v", admin.after)
		}
		r.must(<-slow)
	})
}

// An administrator's wait must not make the pool forget whom it lends to.
func TestWhatAnAdministratorHoldsCountsForItsOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize, c.MaxPerOwner = 2, 1 })
		held := r.get("a")
		r.get("b")
		admin := r.ask(pool.Request{Owner: "c", Admin: true})
		time.Sleep(2500 * time.Millisecond) // the keeper comes by
		held.Release()
		r.must(<-admin)
		r.refused(<-r.ask(pool.Request{Owner: "c"}), pool.CodeOwnerLimit, 5*time.Second)
	})
}

func TestAReturnedConnectionThatDiedIsReplacedForWhoGotIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		first := r.ask(pool.Request{Owner: "a"})
		synctest.Wait()
		second := r.ask(pool.Request{Owner: "a"})
		synctest.Wait()
		held.Conn.dead.Store(true)
		held.Release()
		l := r.must(<-first)
		if l.Conn == held.Conn {
			t.Error("got the dead one")
		}
		l.Release()
		r.must(<-second)
		r.sizes(1)
	})
}
