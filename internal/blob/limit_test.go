package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/mem"
	"holdfast/internal/fault"
)

func TestLimitLetsOnlySoManyOperationsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slowStat{Store: mem.New()}
		s := blob.Limit(store, blob.LimitOptions{Concurrent: 3})
		var wg sync.WaitGroup
		start := time.Now()
		for range 9 {
			wg.Go(func() { _, _ = s.Stat(t.Context(), "a") })
		}
		wg.Wait()
		if most := store.most.Load(); most != 3 {
			t.Errorf("%d operations ran at once", most)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("nine operations of a second, three at a time, took %v", took)
		}
	})
}

func TestWaitingForATurnEndsWithTheContextInANamedError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := blob.Limit(&slowStat{Store: mem.New()}, blob.LimitOptions{Concurrent: 1})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.Stat(t.Context(), "a") })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		err := s.Delete(ctx, "a")
		if !errors.Is(err, blob.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) || fault.HintOf(err) == "" {
			t.Errorf("Delete: %v", err)
		}
		wg.Wait()
	})
}

// S0-12: behind operations that do not end, nobody waits for ever.
func TestWaitingForATurnEndsWithPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := blob.Limit(&slowStat{Store: mem.New()}, blob.LimitOptions{Concurrent: 1, Patience: 400 * time.Millisecond})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.Stat(t.Context(), "a") })
		synctest.Wait()
		began := time.Now()
		err := s.Delete(t.Context(), "a")
		if waited := time.Since(began); !errors.Is(err, blob.ErrBusy) || waited != 400*time.Millisecond {
			t.Errorf("Delete after %v: %v; want store_busy after 400 ms", waited, err)
		}
		wg.Wait()
		if err := s.Delete(t.Context(), "a"); errors.Is(err, blob.ErrBusy) {
			t.Errorf("Delete when there is room again: %v", err)
		}
	})
}

// slowStat takes a second for each Stat and counts how many run at once.
type slowStat struct {
	blob.Store
	now, most atomic.Int64
}

func (s *slowStat) Stat(context.Context, blob.Name) (blob.Info, error) {
	for n, most := s.now.Add(1), s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	<-time.After(time.Second)
	s.now.Add(-1)
	return blob.Info{}, nil
}

func TestLimitHoldsTheRateOfBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := blob.Limit(mem.New(), blob.LimitOptions{BytesPerSecond: 100_000})
		start := time.Now()
		put(t, s, "a", strings.Repeat("x", 500_000))
		if took := time.Since(start); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("writing five seconds' worth took %v", took)
		}
		start = time.Now()
		wantText(t, s, "a", strings.Repeat("x", 500_000))
		if took := time.Since(start); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("reading five seconds' worth took %v", took)
		}
	})
}

func TestARateThatTheContextCannotWaitForEndsInANamedError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := blob.Limit(mem.New(), blob.LimitOptions{BytesPerSecond: 10_000})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		body := strings.NewReader(strings.Repeat("x", 500_000))
		if _, err := s.Put(ctx, "a", body, blob.PutOptions{Size: -1}); !errors.Is(err, blob.ErrBusy) {
			t.Errorf("Put: %v, want ErrBusy", err)
		}
		if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Stat: %v, want ErrNotFound", err)
		}
	})
}

func TestMeterTellsOfEveryOperation(t *testing.T) {
	t.Parallel()
	var seen tally
	s := blob.Meter(mem.New(), &seen)
	put(t, s, "a", "content")
	wantText(t, s, "a", "content")
	_, _ = s.Stat(t.Context(), "absent")
	_, _ = s.Sidecar(t.Context(), "a")
	_, _ = s.Compose(t.Context(), "b", []blob.Name{"a", "a"}, blob.PutOptions{Size: 14})
	_ = s.Move(t.Context(), "b", "c")
	_ = s.List(t.Context(), "", "", func(blob.Info) bool { return true })
	_ = s.Delete(t.Context(), "c")
	_ = s.Check(t.Context())
	want := "put 7 true, open 0 true, read 7 true, stat 0 false, sidecar 0 true, compose 14 true, move 0 true, list 0 true, delete 0 true, check 0 true"
	if got := strings.Join(seen.ops, ", "); got != want {
		t.Errorf("observed\n%s, want\n%s", got, want)
	}
}

// tally is an observer that writes down what it sees.
type tally struct {
	mu  sync.Mutex // protects ops
	ops []string
}

func (o *tally) Observe(op string, took time.Duration, bytes int64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if took < 0 {
		panic("time runs backwards")
	}
	o.ops = append(o.ops, fmt.Sprintf("%s %d %v", op, bytes, err == nil || errors.Is(err, io.EOF)))
}
