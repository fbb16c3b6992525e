package objects

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crewOf starts workers of a batcher and returns a function that ends them.
func crewOf[T, R any](b *batcher[T, R], n int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range n {
		all.Go(func() { b.work(ctx) })
	}
	return func() {
		cancel()
		all.Wait()
		close(b.gone)
	}
}

func TestCallsThatWaitAreAnsweredTogetherEachWithItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rounds atomic.Int32
		b := newBatcher(time.Minute, false, func(_ context.Context, items []int) []answer[int] {
			rounds.Add(1)
			<-time.After(time.Second)
			out := make([]answer[int], len(items))
			for i, item := range items {
				out[i].value = 2 * item
				if item == 13 {
					out[i].err = errors.New("unlucky")
				}
			}
			return out
		})
		defer crewOf(b, 1)()
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				v, err := b.do(t.Context(), i)
				if v != 2*i || (err != nil) != (i == 13) {
					t.Errorf("%d: %d, %v", i, v, err)
				}
			})
		}
		all.Wait()
		if n := rounds.Load(); n > 4 { // at most: one alone, then batches of 64
			t.Errorf("%d rounds", n)
		}
	})
}

func TestAWaitingCallerThatGivesUpIsNotServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var served []string
		b := newBatcher(time.Minute, true, func(_ context.Context, items []string) []answer[string] {
			served = append(served, items...)
			<-time.After(10 * time.Second)
			return make([]answer[string], len(items))
		})
		stop := crewOf(b, 1)
		go func() { _, _ = b.do(context.Background(), "first") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.do(ctx, "gave up"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := b.do(context.Background(), "patient"); err != nil {
			t.Error(err)
		}
		stop()
		if len(served) != 2 || served[1] != "patient" {
			t.Errorf("%q", served)
		}
	})
}

func TestASureCallerLearnsTheOutcomeEvenWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	for _, sure := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBatcher(time.Minute, sure, func(_ context.Context, items []int) []answer[int] {
				<-time.After(10 * time.Second)
				return []answer[int]{{value: 7}}
			})
			stop := crewOf(b, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			v, err := b.do(ctx, 1)
			if sure && (v != 7 || err != nil) || !sure && err == nil {
				t.Errorf("sure %v: %d, %v", sure, v, err)
			}
			stop()
		})
	}
}

func TestNobodyWaitsLongerThanTheLimitForAWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBatcher(time.Minute, true, func(context.Context, []int) []answer[int] { return nil })
		began := time.Now()
		_, err := b.do(t.Context(), 1) // there is no worker
		if !errors.Is(err, ErrUnavailable) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		close(b.gone)
		if _, err := b.do(t.Context(), 1); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	})
}

// A batch that waits for a lock holds up nobody for long, and as long as none does, batches are not divided.
func TestOthersHelpOnlyWhileTheFirstWorkerIsHeldUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var batches atomic.Int32
		b := newBatcher(time.Minute, false, func(_ context.Context, items []int) []answer[int] {
			batches.Add(1)
			<-time.After(time.Duration(items[0]) * time.Millisecond)
			return make([]answer[int], len(items))
		})
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { b.lead(ctx) })
		all.Go(func() { b.help(ctx) })
		do := func(milliseconds int) time.Duration {
			begin := time.Now()
			if _, err := b.do(t.Context(), milliseconds); err != nil {
				t.Error(err)
			}
			return time.Since(begin)
		}
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() { do(1) })
			synctest.Wait() // the first alone, the others together
		}
		calls.Wait()
		if n := batches.Load(); n != 2 {
			t.Errorf("%d batches, want 2", n)
		}
		calls.Go(func() { do(5000) })
		synctest.Wait()
		for range 3 {
			if took := do(1); took > 50*time.Millisecond {
				t.Errorf("held up for %v by a batch of others", took)
			}
		}
		calls.Wait()
		do(1)
		cancel()
		all.Wait()
	})
}
