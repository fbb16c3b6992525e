package pool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pool"
)

// inBackground calls f, and returns where its error arrives.
func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }() // each test reads done
	return done
}

func TestPauseWaitsForWhatIsLentAndClosesEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize = 3, 5 })
		held := r.get("a")
		paused := inBackground(func() error { return r.pool.Pause(t.Context()) })
		synctest.Wait()
		r.sizes(1)
		waits := r.ask(pool.Request{})
		time.Sleep(20 * time.Second)
		select {
		case err := <-paused:
			t.Fatalf("Pause returned %v while a connection is lent", err)
		default:
		}
		held.Release()
		if err := <-paused; err != nil {
			t.Fatal(err)
		}
		r.sizes(0)
		time.Sleep(20 * time.Second)
		r.sizes(0) // the minimum does not hold while paused
		r.pool.Resume()
		if got := <-waits; r.must(got) == nil || got.after != 40*time.Second {
			t.Errorf("after %v", got.after)
		}
		synctest.Wait()
		r.sizes(3)
	})
}

// Trap 19: a pause that nobody ends.
func TestNobodyWaitsInAPausedPoolForLongerThanHoldPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.HoldPaused, c.MaxSize = time.Minute, 1 })
		held := r.get("a")
		before := r.ask(pool.Request{})
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := r.pool.Pause(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Pause: %v; want the end of the context", err)
		}
		held.Release()
		e := r.refused(<-r.ask(pool.Request{}), pool.CodePaused, time.Minute)
		if e.SQLSTATE() != "57P03" {
			t.Errorf("got %s", e.SQLSTATE())
		}
		r.refused(<-before, pool.CodePaused, 61*time.Second)
	})
}

func TestAfterResumeThoseWhoWaitedHaveAFullTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.StartPaused, c.MaxSize = true, 1 })
		first := r.ask(pool.Request{})
		synctest.Wait()
		second := r.ask(pool.Request{})
		time.Sleep(30 * time.Second)
		r.sizes(0)
		r.pool.Resume()
		r.must(<-first)
		r.refused(<-second, pool.CodeTimeout, 35*time.Second)
	})
}

func TestResumeEndsAPauseThatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		held := r.get("a")
		paused := inBackground(func() error { return r.pool.Pause(t.Context()) })
		synctest.Wait()
		r.pool.Resume()
		if err := <-paused; fault.CodeOf(err) != "pool_resumed" {
			t.Errorf("Pause: %v", err)
		}
		held.Release()
		if r.get("a").Conn != held.Conn {
			t.Error("the connection was closed although the pause was over")
		}
	})
}

func TestADisabledPoolServesOnlyWhoWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		waits := r.ask(pool.Request{})
		synctest.Wait()
		r.pool.Disable()
		e := r.refused(<-r.ask(pool.Request{}), pool.CodeDisabled, 0)
		if e.SQLSTATE() != "57P03" || !r.pool.Stats().Disabled {
			t.Errorf("got %s", e.SQLSTATE())
		}
		held.Release()
		r.must(<-waits).Release()
		r.refused(<-r.ask(pool.Request{}), pool.CodeDisabled, 0)
		r.pool.Enable()
		r.get("a")
	})
}

func TestReconnectReplacesIdleConnectionsNowAndLentOnesWhenTheyComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize = 3, 3 })
		held := r.get("a")
		r.pool.Reconnect()
		synctest.Wait()
		r.sizes(3)
		if r.opened != 5 || !held.Outdated() {
			t.Errorf("%d opened; want 3 and 2 anew", r.opened)
		}
		closed := inBackground(func() error { return r.pool.WaitClose(t.Context()) })
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.pool.WaitClose(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitClose while an old one is lent: %v", err)
		}
		held.Release()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		r.sizes(3)
		if s := r.pool.Stats(); s.Closed[pool.Renewed] != 3 {
			t.Errorf("%d renewed; want 3", s.Closed[pool.Renewed])
		}
	})
}

// After a failover a dial to the old host may hang: it must not keep the new one waiting.
func TestReconnectDropsDialsThatAreUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.GrowAtOnce = 1 })
		r.set(func(s *server) { s.delay = time.Hour })
		waits := r.ask(pool.Request{})
		time.Sleep(time.Second)
		r.set(func(s *server) { s.delay = 0 })
		r.pool.Reconnect()
		if got := <-waits; r.must(got) == nil || got.after != time.Second {
			t.Errorf("after %v", got.after)
		}
		if s := r.pool.Stats(); s.OpenFailed != 0 {
			t.Error("what was dropped is counted as a failure")
		}
	})
}

// Trap 19: clients wait while their database is removed.
func TestStopRefusesThoseWhoWaitAndWaitsForWhatIsLent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		waits := r.ask(pool.Request{})
		time.Sleep(time.Second)
		stopped := inBackground(func() error { return r.pool.Stop(t.Context()) })
		e := r.refused(<-waits, pool.CodeStopped, time.Second)
		if e.SQLSTATE() != "57P01" {
			t.Errorf("got %s", e.SQLSTATE())
		}
		r.refused(<-r.ask(pool.Request{}), pool.CodeStopped, 0)
		time.Sleep(time.Minute)
		r.sizes(1)
		held.Release()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		r.sizes(0)
	})
}

func TestStopCutsOffWhatIsLentWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		held := r.get("a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.pool.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop: %v", err)
		}
		r.sizes(0)
		held.Release()
		held.ReleaseDirty(t.Context())
		r.sizes(0)
		if err := r.pool.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.get("a")
		held.Discard()
		r.sizes(1)
	})
}

func TestStopEndsDialsChecksAndResets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize, c.CheckAfter = 2, 3, 0 })
		dirty := r.get("a")
		r.set(func(s *server) { s.delay = time.Hour })
		dirty.Conn.mute.Store(true)
		dirty.ReleaseDirty(t.Context())
		r.ask(pool.Request{}) // checks the idle one
		r.ask(pool.Request{}) // dials, since the reset takes so long
		time.Sleep(1100 * time.Millisecond)
		if s := r.pool.Stats(); s.Resetting != 1 || s.Checking != 1 || s.Opening != 1 {
			t.Errorf("%d are reset, %d checked, %d dialled; want one each", s.Resetting, s.Checking, s.Opening)
		}
		began := time.Now()
		if err := r.pool.Stop(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("Stop: %v after %v", err, time.Since(began))
		}
	})
}
