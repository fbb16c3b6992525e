package pool_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pool"
)

// refusal is an error of a server that says whether it is worth to try again.
type refusal struct {
	text      string
	permanent bool
}

func (r refusal) Error() string { return r.text }

// Permanent is what the pool asks.
func (r refusal) Permanent() bool { return r.permanent }

// S1-09, trap 17: what died while it lay idle is never lent.
func TestADeadConnectionIsReplacedWithoutTheCallerNoticing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize = 5, 5 })
		r.restart()
		for range 10 {
			got := <-r.ask(pool.Request{})
			l := r.must(got)
			if l.Conn.dead.Load() || got.after != 0 {
				t.Errorf("got a dead session, or waited %v", got.after)
			}
			l.Release()
		}
		synctest.Wait()
		r.sizes(5)
		if n := r.pool.Stats().Closed[pool.Died]; n != 5 {
			t.Errorf("%d found dead; want 5", n)
		}
	})
}

// S0-17: replaced without any client, and without a herd (S0-18, trap 20).
func TestTheMinimumIsRestoredAfterTheServerRestarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize = 50, 50 })
		r.set(func(s *server) { s.delay = time.Millisecond })
		r.restart()
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		r.sizes(50)
		if r.opened != 100 || r.herd > 2 {
			t.Errorf("%d opened, %d dials at once; want 100, 2", r.opened, r.herd)
		}
	})
}

// S1-09, pool_pre_ping
func TestAConnectionThatLayIdleForLongMustAnswerBeforeItIsLent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize, c.CheckAfter = 1, 1, 30*time.Second })
		l := r.get("a")
		l.Release()
		time.Sleep(29 * time.Second)
		r.get("a").Release()
		if n := l.Conn.checks.Load(); n != 0 {
			t.Errorf("checked %d times within CheckAfter", n)
		}
		time.Sleep(30 * time.Second)
		if s := r.pool.Stats(); s.Used != 1 || s.Idle != 0 {
			t.Errorf("%d used, %d idle; want 1, 0", s.Used, s.Idle)
		}
		if got := r.get("a"); got.Conn != l.Conn || l.Conn.checks.Load() != 1 {
			t.Errorf("session %d after %d checks; want the same after one", got.Conn.id, l.Conn.checks.Load())
		}
		r.verify()
	})
}

func TestAConnectionThatFailsItsCheckIsReplacedAndSoAreThoseThatLayAsLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) {
			c.MinSize, c.MaxSize, c.CheckAfter, c.CheckTimeout = 4, 4, 30*time.Second, 2*time.Second
		})
		fresh := r.get("a")
		time.Sleep(time.Minute)
		fresh.Release()
		taken := r.get("b") // the fresh one
		for c := range r.live {
			c.mute.Store(c != taken.Conn)
		}
		got := <-r.ask(pool.Request{})
		if l := r.must(got); l.Conn.mute.Load() || got.after != 2*time.Second {
			t.Errorf("waited %v; want one CheckTimeout", got.after)
		}
		synctest.Wait()
		r.sizes(4)
		if s := r.pool.Stats(); s.Closed[pool.CheckFailed] != 3 {
			t.Errorf("%d closed after a check; want 3", s.Closed[pool.CheckFailed])
		}
	})
}

func TestChecksCanBeForEachLendingOrForNone(t *testing.T) {
	t.Parallel()
	f := func(after time.Duration, want int32) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize, c.CheckAfter = 1, 1, after })
			for range 3 {
				time.Sleep(time.Hour / 10)
				r.get("a").Release()
			}
			if n := r.get("a").Conn.checks.Load(); n != want {
				t.Errorf("CheckAfter %v: %d checks; want %d", after, n, want)
			}
		})
	}
	f(0, 4)
	f(-1, 0)
}

// S0-12: fail at once, with the cause, and find the server again without anybody asking.
func TestWhileTheServerIsAwayRequestsFailAtOnceAndItIsFoundAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize, c.RetryMax = 1, 5, 4*time.Second })
		held := r.get("a")
		cause := refusal{text: "connection refused"}
		r.set(func(s *server) { s.refuse = cause })
		r.restart()
		held.Discard()
		synctest.Wait()
		e := r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 0)
		if e.SQLSTATE() != "57P03" || !errors.Is(e, cause) {
			t.Errorf("got %s, %v", e.SQLSTATE(), e)
		}
		time.Sleep(time.Minute)
		e = r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 0)
		if e.DownFor != time.Minute {
			t.Errorf("down for %v; want 1m0s", e.DownFor)
		}
		if r.tries < 15 || r.tries > 30 {
			t.Errorf("%d dials in a minute; want about 20: 0.1, 0.2, 0.4, … 4 s apart", r.tries)
		}
		if s := r.pool.Stats(); !s.Down || !errors.Is(s.LastError, cause) || s.RetryAt.IsZero() || time.Since(s.DownSince) != time.Minute {
			t.Errorf("%+v", s)
		}
		r.set(func(s *server) { s.refuse = nil })
		time.Sleep(4 * time.Second)
		synctest.Wait()
		r.sizes(1)
		if s := r.pool.Stats(); s.Down || s.LastError != nil {
			t.Errorf("still down: %v", s.LastError)
		}
		r.get("a")
	})
}

func TestThoseWhoWaitFailAsSoonAsTheServerIsKnownToBeAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		waits := r.ask(pool.Request{})
		time.Sleep(time.Second)
		r.set(func(s *server) { s.refuse = refusal{text: "connection refused"} })
		held.Discard()
		r.refused(<-waits, pool.CodeDown, time.Second)
	})
}

// A server at its max_connections refuses more, but those that we have are good.
func TestAFailedDialDoesNotStopAPoolThatHasConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 5 })
		held := r.get("a")
		r.set(func(s *server) { s.refuse = refusal{text: "too many clients"} })
		waits := r.ask(pool.Request{})
		synctest.Wait()
		late := r.ask(pool.Request{Timeout: 3 * time.Second})
		time.Sleep(2 * time.Second)
		held.Release()
		if got := <-waits; r.must(got).Conn != held.Conn || got.after != 2*time.Second {
			t.Errorf("after %v", got.after)
		}
		if e := r.refused(<-late, pool.CodeTimeout, 3*time.Second); e.Err == nil {
			t.Error("the error does not say why the pool did not grow")
		}
		if r.pool.Stats().Down {
			t.Error("called down although connections live")
		}
	})
}

func TestWhenTheLastConnectionDiesThoseWhoWaitAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.Timeout, c.RetryMin, c.RetryMax = time.Minute, 20*time.Second, 20*time.Second })
		held := r.get("a")
		r.set(func(s *server) { s.refuse = refusal{text: "connection refused"} })
		waits := r.ask(pool.Request{})
		time.Sleep(5 * time.Second)
		held.Discard()
		r.refused(<-waits, pool.CodeDown, 5*time.Second)
	})
}

// A pool without a minimum dials in the background only for somebody: who was refused finds the server at the next try.
func TestARefusedRequestHasTheServerTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.refuse = refusal{text: "connection refused"}
		r := startOn(t, s, func(c *pool.Config) { c.RetryMin, c.RetryMax = 10*time.Second, 10*time.Second })
		r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 0)
		r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 0)
		r.set(func(s *server) { s.refuse = nil })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.sizes(1)
	})
}

// Trap 20: 28P01 means stop: no herd of wrong passwords, and none at all when nobody asks.
func TestAPermanentRefusalIsNotHammered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.refuse = refusal{"password authentication failed", true}
		r := startOn(t, s, func(c *pool.Config) { c.HoldDown, c.RetryMax = time.Hour, 15*time.Second })
		r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 0)
		time.Sleep(time.Hour)
		if r.tries != 1 {
			t.Errorf("%d tries in an hour in which nobody asked; want 1", r.tries)
		}
		for range 600 {
			r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 0)
			time.Sleep(100 * time.Millisecond)
		}
		if r.tries > 7 {
			t.Errorf("%d tries in a minute; want one every 15 s", r.tries)
		}
		r.set(func(s *server) { s.refuse = nil })
		r.pool.Retry()
		synctest.Wait()
		r.get("a")
	})
}

func TestTheLogIsToldOnceWhenTheServerGoesAndComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		r := start(t, func(c *pool.Config) {
			c.MinSize = 2
			c.Log = slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{
				ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				},
			}))
		})
		r.set(func(s *server) { s.refuse = errors.New("connection refused") })
		r.restart()
		time.Sleep(time.Minute)
		r.set(func(s *server) { s.refuse = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		want := `level=WARN msg="no connection to the server: requests are refused until there is one" pool=journal error="connection refused"` +
			"\n" + `level=INFO msg="the server is back" pool=journal` + "\n"
		if text.String() != want {
			t.Errorf("log:\n%s\nwant:\n%s", &text, want)
		}
	})
}

func TestDuringAFailoverRequestsWaitForTheNewServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize, c.HoldDown, c.RetryMax = 1, 5, 30*time.Second, time.Second })
		r.set(func(s *server) { s.refuse = refusal{text: "connection refused"} })
		r.restart()
		early := r.ask(pool.Request{Timeout: time.Second})
		time.Sleep(19 * time.Second)
		late := r.ask(pool.Request{})
		time.Sleep(time.Second)
		r.set(func(s *server) { s.refuse = nil })
		r.pool.Reconnect() // whoever watches the cluster says so
		if got := <-early; r.must(got) == nil || got.after != 20*time.Second {
			t.Errorf("after %v", got.after)
		}
		r.must(<-late)
	})
}

func TestWhenTheServerStaysAwayForLongerThanHoldDownEverybodyIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.HoldDown = 30 * time.Second })
		r.set(func(s *server) { s.refuse = refusal{text: "connection refused"} })
		first := r.ask(pool.Request{})
		time.Sleep(20 * time.Second)
		second := r.ask(pool.Request{})
		r.refused(<-first, pool.CodeDown, 30*time.Second)
		r.refused(<-second, pool.CodeDown, 10*time.Second)
		time.Sleep(time.Minute)
		r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 0)
		r.verify()
	})
}

func TestStartSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	f := func(refuse error, limit, want time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			s := newServer()
			s.refuse = refuse
			cfg := pool.Defaults("journal")
			cfg.MinSize = 2
			p, err := pool.New(cfg, s.open)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			if err := p.Start(ctx); !errors.Is(err, refuse) || time.Since(began) != want {
				t.Errorf("Start: %v after %v; want the cause after %v", err, time.Since(began), want)
			}
			if _, err := p.Acquire(t.Context(), pool.Request{}); fault.CodeOf(err) != string(pool.CodeStopped) {
				t.Errorf("Acquire from a pool that did not start: %v", err)
			}
			s.set(func(s *server) { s.refuse = nil })
			if err := p.Start(t.Context()); err != nil {
				t.Errorf("a second Start: %v", err)
			}
			if err := p.Stop(t.Context()); err != nil || s.sessions() != 0 {
				t.Errorf("Stop: %v, %d sessions", err, s.sessions())
			}
		})
	}
	f(refusal{"password authentication failed", true}, time.Minute, 0)
	f(refusal{"connection refused", false}, time.Minute, time.Minute)
}

func TestADialThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.Timeout, c.OpenTimeout = time.Minute, 15*time.Second })
		r.set(func(s *server) { s.delay = time.Hour })
		e := r.refused(<-r.ask(pool.Request{}), pool.CodeDown, 15*time.Second)
		if !errors.Is(e, context.DeadlineExceeded) {
			t.Errorf("got %v", e)
		}
	})
}
