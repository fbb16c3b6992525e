// Package lifecycletest checks that a service keeps the contract of package lifecycle, that a package's tests leave no
// goroutine behind, and waits for conditions that come true in their own time.
package lifecycletest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/lifecycle"
)

// patience bounds every Start and Stop of a stress; a service that exceeds it hangs.
const patience = 30 * time.Second

// Stress runs services made by create through the contract: Stop before Start and twice, several Stops at once, and
// ten goroutines that each start and stop one service fifty times. Run it under the race detector. A service that
// cannot be started again after Stop may return any error then, as long as it says so in errRestart.
func Stress(t *testing.T, create func() lifecycle.Service, errRestart ...error) {
	t.Helper()
	t.Run("a service that was never started can be stopped", func(t *testing.T) {
		s := create()
		check(t, "stop", run(s.Stop))
		check(t, "stop again", run(s.Stop))
	})
	t.Run("a service can be started twice and stopped twice", func(t *testing.T) {
		s := create()
		check(t, "start", run(s.Start))
		check(t, "start again", run(s.Start))
		check(t, "stop", run(s.Stop))
		check(t, "stop again", run(s.Stop))
	})
	t.Run("a service can be stopped by several at once", func(t *testing.T) {
		s := create()
		check(t, "start", run(s.Start))
		together(10, func() { check(t, "stop", run(s.Stop)) })
	})
	t.Run("a service whose start is cancelled runs or says why not", func(t *testing.T) {
		s := create()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = s.Start(ctx) // either outcome is right; what counts is that Stop leaves nothing
		check(t, "stop", run(s.Stop))
	})
	t.Run("ten goroutines can start and stop a service fifty times each", func(t *testing.T) {
		s := create()
		allowed := append([]error{lifecycle.ErrStopped}, errRestart...)
		together(10, func() {
			for range 50 {
				check(t, "start", run(s.Start), allowed...)
				check(t, "stop", run(s.Stop))
			}
		})
	})
}

// run calls a Start or Stop within the patience.
func run(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return f(ctx)
}

func check(t *testing.T, what string, err error, allowed ...error) {
	t.Helper()
	for _, a := range allowed {
		if errors.Is(err, a) {
			return
		}
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// together calls f in n goroutines and waits for them.
func together(n int, f func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(f)
	}
	all.Wait()
}

// Main runs a package's tests and fails when goroutines are left at the end. Call it as the whole of TestMain.
func Main(m *testing.M, options ...goleak.Option) { goleak.VerifyTestMain(m, options...) }

// NoLeak fails t when goroutines that were started after this call are left at t's end. It is of no use in parallel
// tests, whose neighbours' goroutines it would see.
func NoLeak(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// Eventually calls f until it returns nil, and fails t with the last error when that takes longer than within. It is
// for conditions that no channel announces, in cleanups as well; inside testing/synctest it runs in fake time.
func Eventually(t testing.TB, within time.Duration, f func() error) {
	t.Helper()
	if err := poll(within, f); err != nil {
		t.Fatalf("not within %v: %v", within, err)
	}
}

// Until waits until a condition holds, and fails t with its name when that takes longer than within: [Eventually] for what is
// either so or not.
func Until(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	Eventually(t, within, func() error {
		if holds() {
			return nil
		}
		return errors.New(what)
	})
}

func poll(within time.Duration, f func() error) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(min(max(within/1000, time.Millisecond), 5*time.Millisecond))
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return err
		}
	}
}
