package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/s3"
	"holdfast/internal/health"
)

var (
	_ sweepable = (*disk.Store)(nil)
	_ sweepable = (*s3.Store)(nil)
)

// swept notes when it was searched, and fails as it is told to.
type swept struct {
	begin time.Time
	at    []time.Duration
	err   error
}

func (s *swept) Sweep(_ context.Context, age time.Duration) (int, error) {
	if age != time.Hour {
		return 0, errors.New("another age")
	}
	s.at = append(s.at, time.Since(s.begin))
	return 1, s.err
}

// A store is searched for left-overs some minutes after the start and then each week; an error is a finding until a search
// succeeds.
func TestAStoreIsSweptAfterTheStartAndEachWeek(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		findings := health.New()
		store := &swept{begin: time.Now(), err: errors.New("no right to remove it")}
		s := &storeSweep{
			store: store, age: time.Hour, wait: 3 * time.Minute, log: slog.New(slog.DiscardHandler),
			report: func(err error) { findings.Report(sweepFailed(), err) },
		}
		loop := s.loop()
		if err := loop.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // in the bubble's time, as below
		if f := findings.Snapshot(); len(f) != 1 || f[0].Code != "store_sweep" {
			t.Errorf("findings after a search that failed: %+v", f)
		}
		store.err = nil
		time.Sleep(2*sweepEvery - 2*time.Hour)
		if f := findings.Snapshot(); len(f) != 0 {
			t.Errorf("findings after one that did not: %+v", f)
		}
		if err := loop.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{3 * time.Minute, 3*time.Minute + sweepEvery}
		if !slices.Equal(store.at, want) {
			t.Errorf("searched at %v, want %v", store.at, want)
		}
	})
}

// A daemon that stops before the first search does not wait for it.
func TestTheFirstSweepIsNoReasonToWaitAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &swept{begin: time.Now()}
		loop := (&storeSweep{store: store, wait: time.Minute, report: func(error) { t.Error("reported") }}).loop()
		_ = loop.Start(t.Context())
		synctest.Wait()
		_ = loop.Stop(t.Context())
		if time.Since(store.begin) != 0 || len(store.at) != 0 {
			t.Errorf("stopped after %v, searched at %v", time.Since(store.begin), store.at)
		}
	})
}
