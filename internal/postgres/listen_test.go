package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
)

// ear collects what a listener hears.
type ear struct {
	mu      sync.Mutex // protects the following
	heard   []string
	resyncs int
	reports []error
	refuse  bool // Resync fails
}

func (e *ear) subscription(channel string) Subscription {
	return Subscription{
		Channel: channel,
		Notify: func(payload string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.heard = append(e.heard, payload)
		},
		Resync: func(context.Context) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			if e.refuse {
				return errors.New("not now")
			}
			e.resyncs++
			return nil
		},
	}
}

func (e *ear) report(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reports = append(e.reports, err)
}

func (e *ear) wants(t *testing.T, resyncs int, heard ...string) {
	t.Helper()
	lifecycletest.Eventually(t, 20*time.Second, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.resyncs != resyncs || !slices.Equal(e.heard, heard) {
			return fmt.Errorf("%d resyncs, heard %q; want %d, %q", e.resyncs, e.heard, resyncs, heard)
		}
		return nil
	})
}

func listen(t *testing.T, db *DB, e *ear, channel string) *Listener {
	t.Helper()
	l := NewListener(db, logger(t), e.report, e.subscription(channel))
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop(context.Background()) })
	return l
}

func notify(t *testing.T, db *DB, channel, payload string) {
	t.Helper()
	if _, err := db.Exec(t.Context(), "SELECT pg_notify($1, $2)", channel, payload); err != nil {
		t.Fatal(err)
	}
}

func TestNotificationsOfTheChannelArriveInOrder(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	var e ear
	listen(t, db, &e, `a "strange" Channel`)
	for _, payload := range []string{"one", "two", "three"} {
		notify(t, db, `a "strange" Channel`, payload)
		notify(t, db, "elsewhere", payload)
	}
	e.wants(t, 1, "one", "two", "three")
}

func TestAListenerWhoseBackendIsKilledComesBackAndResyncs(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	var e ear
	listen(t, db, &e, "news")
	notify(t, db, "news", "before")
	e.wants(t, 1, "before")
	const kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'holdfast listen'"
	if n := number(t, db, kill); n != 1 {
		t.Fatalf("%d backends listen, want 1", n)
	}
	e.wants(t, 2, "before")
	notify(t, db, "news", "after")
	e.wants(t, 2, "before", "after")
}

func TestAListenerComesBackAfterItsServerWasKilled(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t)
	db := connect(t, settings(s.Database(t)))
	var e ear
	listen(t, db, &e, "news")
	s.Kill(t)
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.reports) == 0 || e.reports[0] == nil {
			return errors.New("the loss was not reported")
		}
		return nil
	})
	s.Start(t)
	e.wants(t, 2)
	notify(t, db, "news", "after")
	e.wants(t, 2, "after")
	e.mu.Lock()
	defer e.mu.Unlock()
	if last := e.reports[len(e.reports)-1]; last != nil {
		t.Errorf("the return was not reported: %v", last)
	}
}

func TestAQuietConnectionIsAskedAndKept(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	var e ear
	l := NewListener(db, logger(t), e.report, e.subscription("news"))
	l.quiet = 10 * time.Millisecond
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop(context.Background()) })
	asked := time.After(20 * l.quiet)
	for i := 0; ; i++ {
		notify(t, db, "news", "x")
		select {
		case <-asked:
			e.wants(t, 1, slices.Repeat([]string{"x"}, i+1)...) // not one lost, never reconnected
			return
		case <-time.After(3 * l.quiet / 2):
		}
	}
}

func TestAConnectionThatAnswersNoMoreIsReplaced(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t)
	db := connect(t, settings(s.Database(t)))
	var e ear
	l := NewListener(db, logger(t), e.report, e.subscription("news"))
	l.quiet, l.answer = 20*time.Millisecond, 200*time.Millisecond
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop(context.Background()) })
	pid := number(t, db, "SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast listen'")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // the connection stays open, and nobody answers
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	e.wants(t, 2)
	notify(t, db, "news", "after")
	e.wants(t, 2, "after")
}

func TestAResyncThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	e := ear{refuse: true}
	l := NewListener(db, logger(t), e.report, e.subscription("news"))
	if err := l.Start(t.Context()); err == nil {
		t.Fatal("it is ready although nothing was loaded")
	}
	e.refuse = false
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.wants(t, 1)
}

func TestAListenerKeepsTheContractOfServices(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	lifecycletest.Stress(t, func() lifecycle.Service {
		return NewListener(db, logger(t), nil, Subscription{Channel: "news"})
	})
}

func TestPausesGrowAndDiffer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b backoff
	for _, want := range []time.Duration{100, 200, 400, 800} {
		if b.pause(ctx); b.next != want*time.Millisecond {
			t.Fatalf("the pause is %s, want %dms", b.next, want)
		}
	}
	for range 20 {
		b.pause(ctx)
	}
	if b.next != lastPause {
		t.Errorf("the longest pause is %s", b.next)
	}
}
