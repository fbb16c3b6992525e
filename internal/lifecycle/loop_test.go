package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
)

func TestLoopKeepsTheContract(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		return lifecycle.NewLoop(time.Microsecond, func(context.Context) error { return nil }, func(error) {})
	})
}

func TestLoopCallsAtOnceThenAfterEachPauseAndTellsErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin, calls, told := time.Now(), []time.Duration(nil), 0
		l := lifecycle.NewLoop(time.Minute, func(context.Context) error {
			calls = append(calls, time.Since(begin))
			return errBroken
		}, func(err error) {
			if !errors.Is(err, errBroken) {
				t.Errorf("told %v", err)
			}
			told++
		})
		_ = l.Start(t.Context())
		time.Sleep(150 * time.Second) // fake time
		_ = l.Stop(t.Context())
		if len(calls) != 3 || calls[0] != 0 || calls[1] != time.Minute || calls[2] != 2*time.Minute || told != 3 {
			t.Errorf("called at %v and told %d errors; want 0s, 1m, 2m and 3", calls, told)
		}
	})
}

func TestWakeCutsThePauseAndCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		l := lifecycle.NewLoop(time.Hour, func(context.Context) error { calls++; return nil }, func(error) {})
		_ = l.Start(t.Context())
		synctest.Wait()
		l.Wake()
		synctest.Wait()
		if calls != 2 {
			t.Errorf("%d calls after a wake; want 2", calls)
		}
		_ = l.Stop(t.Context())
		for range 3 {
			l.Wake() // never blocks, even when nothing runs
		}
	})
}

func TestLoopIsSilentAboutTheCancellationOfItsOwnStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := lifecycle.NewLoop(time.Hour, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, func(err error) { t.Errorf("told %v", err) })
		_ = l.Start(t.Context())
		synctest.Wait()
		_ = l.Stop(t.Context())
	})
}
