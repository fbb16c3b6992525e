package lifecycle_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
)

var errBroken = errors.New("broken")

// service is a service whose halves are given by the test.
type service struct {
	base  lifecycle.Base
	open  func(s *service, ctx context.Context) error
	drain func(ctx context.Context) error
}

func (s *service) Start(ctx context.Context) error {
	return s.base.Start(ctx, func(ctx context.Context) error { return s.open(s, ctx) })
}

func (s *service) Stop(ctx context.Context) error { return s.base.Stop(ctx, s.drain) }

// ticker returns a service with one goroutine that counts itself in alive.
func ticker(alive *atomic.Int64) *service {
	return &service{open: func(s *service, _ context.Context) error {
		s.base.Go(func(ctx context.Context) {
			alive.Add(1)
			defer alive.Add(-1)
			<-ctx.Done()
		})
		return nil
	}}
}

func TestBaseKeepsTheContract(t *testing.T) {
	t.Parallel()
	var alive atomic.Int64
	lifecycletest.Stress(t, func() lifecycle.Service { return ticker(&alive) })
	if n := alive.Load(); n != 0 {
		t.Errorf("%d goroutines outlived their Stop", n)
	}
}

func TestStartOfARunningServiceStartsNothing(t *testing.T) {
	t.Parallel()
	var opened int
	s := &service{open: func(*service, context.Context) error { opened++; return nil }}
	for range 3 {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 1 {
		t.Errorf("opened %d times; want once", opened)
	}
	_ = s.Stop(t.Context())
}

func TestAFailedStartEndsItsGoroutinesAndMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	var alive atomic.Int64
	good := ticker(&alive)
	fails := true
	s := &service{open: func(s *service, ctx context.Context) error {
		err := good.open(s, ctx)
		if fails {
			return errBroken
		}
		return err
	}}
	if err := s.Start(t.Context()); !errors.Is(err, errBroken) || alive.Load() != 0 {
		t.Errorf("failed start: %v with %d goroutines left; want broken and none", err, alive.Load())
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stop after a failed start: %v", err)
	}
	fails = false
	if err := errors.Join(s.Start(t.Context()), s.Stop(t.Context())); err != nil {
		t.Errorf("second life: %v", err)
	}
}

func TestStopEndsAStartingInProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{open: func(_ *service, ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		started := make(chan error, 2)
		for range 2 {
			go func() { started <- s.Start(t.Context()) }()
		}
		synctest.Wait()
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
		for range 2 {
			if err := <-started; !errors.Is(err, lifecycle.ErrStopped) {
				t.Errorf("start: %v; want ErrStopped", err)
			}
		}
	})
}

func TestAllStopsWaitForTheGoroutinesAndShareTheError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		s := &service{
			open: func(s *service, _ context.Context) error {
				s.base.Go(func(ctx context.Context) {
					<-ctx.Done()
					time.Sleep(time.Hour) // in fake time: something slow to end
					ended.Store(true)
				})
				return nil
			},
			drain: func(context.Context) error { return errBroken },
		}
		_ = s.Start(t.Context())
		stopped := make(chan error, 5)
		for range 5 {
			go func() { stopped <- s.Stop(t.Context()) }()
		}
		for range 5 {
			if err := <-stopped; !errors.Is(err, errBroken) || !ended.Load() {
				t.Errorf("stop: %v, goroutine ended: %v; want broken, true", err, ended.Load())
			}
		}
	})
}

func TestStopCutsWhatIsLeftWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		finished := make(chan struct{})
		s := &service{open: func(s *service, _ context.Context) error {
			s.base.Go(func(ctx context.Context) { <-ctx.Done(); close(finished) })
			return nil
		}}
		s.drain = func(context.Context) error { <-finished; return nil } // waits for what only the cut ends
		_ = s.Start(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := s.Stop(ctx); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("stop: %v after %v; want nil after a minute", err, time.Since(begin))
		}
	})
}

func TestWorkIsRefusedBeforeStartAndAfterStop(t *testing.T) {
	t.Parallel()
	var b lifecycle.Base
	refused := func(when string) {
		t.Helper()
		if b.Go(func(context.Context) { t.Error("ran " + when) }) {
			t.Errorf("Go accepted work %s", when)
		}
		if _, _, ok := b.Hold(); ok {
			t.Errorf("Hold accepted work %s", when)
		}
	}
	refused("before start")
	_ = b.Start(t.Context(), func(context.Context) error { return nil })
	_, release, ok := b.Hold()
	if !ok {
		t.Fatal("Hold refused work of a running service")
	}
	release()
	_ = b.Stop(t.Context(), nil)
	refused("after stop")
}
