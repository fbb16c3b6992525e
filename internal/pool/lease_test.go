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

func TestADirtyConnectionIsResetBeforeSomebodyElseGetsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		l := r.get("a")
		r.set(func(s *server) { s.delay = time.Second })
		l.Conn.dirty.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		l.ReleaseDirty(ctx)
		cancel() // the client is gone: the reset goes on
		got := <-r.ask(pool.Request{})
		if next := r.must(got); next.Conn != l.Conn || next.Conn.dirty.Load() || got.after != time.Second {
			t.Errorf("session %d, dirty %v, after %v", next.Conn.id, next.Conn.dirty.Load(), got.after)
		}
		r.verify()
	})
}

func TestAConnectionThatCannotBeResetIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize, c.ResetTimeout = 1, 3*time.Second })
		l := r.get("a")
		l.Conn.failed.Store(true)
		l.ReleaseDirty(t.Context())
		l = r.get("a")
		l.Conn.mute.Store(true)
		l.ReleaseDirty(t.Context())
		if got := <-r.ask(pool.Request{}); r.must(got) == nil || got.after != 3*time.Second {
			t.Errorf("after %v; want ResetTimeout", got.after)
		}
		if n := r.pool.Stats().Closed[pool.ResetFailed]; n != 2 {
			t.Errorf("%d closed after a reset; want 2", n)
		}
		r.sizes(1)
	})
}

func TestAShortResetIsPreferredToAnOpeningAndALongOneIsNot(t *testing.T) {
	t.Parallel()
	f := func(reset, wait time.Duration, size int) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			l := r.get("a")
			r.set(func(s *server) { s.delay = reset })
			l.ReleaseDirty(t.Context())
			synctest.Wait()
			r.set(func(s *server) { s.delay = 5 * time.Millisecond })
			if got := <-r.ask(pool.Request{}); r.must(got) == nil || got.after > wait {
				t.Errorf("reset of %v: waited %v; want at most %v", reset, got.after, wait)
			}
			r.sizes(size)
		})
	}
	f(time.Millisecond, time.Millisecond, 1)
	f(4*time.Second, 1100*time.Millisecond, 2)
}

func TestALeaseEndsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		l := r.get("a")
		if l.ID() == 0 || l.Outdated() {
			t.Errorf("number %d, outdated %v", l.ID(), l.Outdated())
		}
		l.Release()
		next := r.get("b")
		l.Discard()
		l.Release()
		l.ReleaseDirty(t.Context())
		synctest.Wait()
		if s := r.pool.Stats(); s.Active != 1 || !r.live[next.Conn] || next.Conn.resets.Load() != 0 {
			t.Errorf("the end of one lease reached the next: %d lent", s.Active)
		}
		if !l.Outdated() {
			t.Error("an ended lease still speaks for a connection")
		}
		r.verify()
	})
}

func TestDiscardMakesRoomForTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		r.set(func(s *server) { s.limit = 1 })
		l := r.get("a")
		waits := r.ask(pool.Request{})
		synctest.Wait()
		l.Discard()
		if r.must(<-waits).Conn == l.Conn || r.broken != nil {
			t.Errorf("got the discarded one, or %v", r.broken)
		}
	})
}

func TestTheEndOfALeaseServesItsOwnerBeforeTheConnectionIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize, c.MaxPerOwner = 2, 2, 1 })
		held := r.get("a")
		waits := r.ask(pool.Request{Owner: "a"})
		time.Sleep(1500 * time.Millisecond)
		r.set(func(s *server) { s.linger = time.Second })
		held.Discard()
		if got := <-waits; r.must(got) == nil || got.after != 1500*time.Millisecond {
			t.Errorf("after %v; want the idle one at once", got.after)
		}
		r.verify()
	})
}

func TestTheConsoleSeesEveryConnectionAndItsState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize, c.CheckAfter, c.MaxPerOwner = 2, 4, time.Minute, 3 })
		r.must(<-r.ask(pool.Request{Owner: "ada", Admin: true}))
		r.get("bob").Release()
		time.Sleep(time.Second)
		r.set(func(s *server) { s.delay = time.Second })
		r.get("bob")
		r.ask(pool.Request{Owner: "bob"})
		time.Sleep(400 * time.Millisecond)
		s := r.pool.Stats()
		if s.Name != "journal" || s.Size != 3 || s.Active != 2 || s.ActiveAdmin != 1 || s.Opening != 1 ||
			s.Waiting != 1 || s.LongestWait != 400*time.Millisecond || s.Owners != 2 || s.MaxPerOwner != 3 {
			t.Errorf("%+v", s)
		}
		if sum := s.Active + s.Idle + s.Used + s.Checking + s.Resetting + s.Opening + s.Closing; sum != s.Size {
			t.Errorf("the states add up to %d of %d", sum, s.Size)
		}
		var seen []string
		r.pool.Each(func(c pool.ConnInfo[*conn]) {
			seen = append(seen, c.State.String()+":"+c.Owner)
			if (c.Conn == nil) != (c.State == pool.Opening) || time.Since(c.Since) != 400*time.Millisecond && c.Owner != "ada" {
				t.Errorf("%+v", c)
			}
		})
		if got := strings.Join(seen, " "); got != "active:ada active:bob opening:" && got != "active:bob active:ada opening:" {
			t.Errorf("saw %s", got)
		}
	})
}

func TestNamesOfStatesAndReasonsAreComplete(t *testing.T) {
	t.Parallel()
	if pool.Closing.String() != "closing" || pool.State(99).String() != "unknown" {
		t.Errorf("%v, %v", pool.Closing, pool.State(99))
	}
	if pool.Shutdown.String() != "shutdown" || pool.Reason(99).String() != "unknown" {
		t.Errorf("%v, %v", pool.Shutdown, pool.Reason(99))
	}
}

func TestEveryErrorSpeaksForItself(t *testing.T) {
	t.Parallel()
	f := func(code pool.Code, text string) {
		t.Helper()
		e := &pool.Error{
			Code: code, Pool: "p", Owner: "ada", Limit: 7, Size: 3, MaxSize: 9, Queue: 2, Budget: "all",
			Waited: 1234567 * time.Microsecond, DownFor: time.Minute, Err: errors.New("no route"),
		}
		if e.Error() != text {
			t.Errorf("text %q; want %q", e.Error(), text)
		}
	}
	f(pool.CodeTimeout, `pool "p": no connection came free within 1.23s`)
	f(pool.CodeQueueFull, `pool "p": 7 requests wait already, which is the limit`)
	f(pool.CodeOwnerLimit, `pool "p": "ada" held all of the 7 connections allowed to one for 1.23s`)
	f(pool.CodeDown, `pool "p": no connection to the server: no route`)
	f(pool.CodePaused, `pool "p": paused`)
	f(pool.CodeDisabled, `pool "p": disabled`)
	f(pool.CodeStopped, `pool "p": stopped`)
	e := &pool.Error{Pool: "p", Queue: 2, Budget: "all", DownFor: time.Minute, Err: errors.New("no route")}
	want := `Pool "p" has 0 of 0 connections open; 2 requests wait, the longest for 0s; this one waited 0s.` +
		` The budget "all" that it shares with other pools is used up. The server has been away for 1m0s.` +
		` The last try to open a connection failed: no route.`
	if e.Detail() != want {
		t.Errorf("detail %q; want %q", e.Detail(), want)
	}
}

func TestSettingsThatCannotBeAreAllNamed(t *testing.T) {
	t.Parallel()
	if p := pool.Defaults("x").Validate(); p.Err() != nil {
		t.Errorf("the defaults: %v", p)
	}
	bad := pool.Config{MinSize: -1, Reserved: -1, MaxPerOwner: -1, MaxWaiting: -1, HoldDown: -1, HoldPaused: -1, MaxIdle: -1}
	bad.MaxLifetime, bad.LifetimeJitter, bad.RetryMax = time.Second, time.Second, -1
	_, err := pool.New(bad, newServer().open)
	var found fault.Problems
	if !errors.As(err, &found) {
		t.Fatalf("New: %v", err)
	}
	var keys []string
	for _, p := range found {
		keys = append(keys, p.Key)
	}
	want := "min_size max_size reserved max_per_owner grow_at_once max_waiting timeout open_timeout check_timeout " +
		"reset_timeout retry_min hold_down hold_paused max_idle retry_max lifetime_jitter"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("found %s; want %s", got, want)
	}
	both := pool.Defaults("x")
	both.MinSize, both.MaxSize = 3, 2
	if p := both.Validate(); len(p) != 1 || p[0].Key != "min_size" {
		t.Errorf("more at least than at most: %v", p)
	}
}
