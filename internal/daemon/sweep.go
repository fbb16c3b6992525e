package daemon

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/s3"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
)

const (
	// sweepEvery is the pause between two searches for what killed processes left in the store. It only takes space, and
	// there is hardly ever anything.
	sweepEvery = 7 * 24 * time.Hour
	// sweepAfter is the least and sweepSpread the most that the first search waits besides: a start has other things to do,
	// and the processes of a cluster do not all search at once.
	sweepAfter  = 2 * time.Minute
	sweepSpread = 8 * time.Minute
)

func sweepFailed() health.Condition {
	return health.Condition{
		Code: "store_sweep", Title: "Left-overs in the store cannot be removed", Severity: health.Warning,
		Hint: "they only take space; the next search is in a week or after a restart: check the rights in the store and the log",
	}
}

// sweepable is a store that can be searched for what killed processes left there.
type sweepable interface {
	Sweep(ctx context.Context, age time.Duration) (int, error)
}

// storeSweep searches a store once some minutes after the start and then once a week.
type storeSweep struct {
	store  sweepable
	age    time.Duration // of what nobody needs any more
	wait   time.Duration // before the first search
	log    *slog.Logger
	report func(error)
}

// sweepStore starts the search if the store needs one.
func (d *Daemon) sweepStore(ctx context.Context, store blob.Store) error {
	s := &storeSweep{wait: sweepAfter + rand.N(sweepSpread), log: d.log, report: func(err error) { d.health.Report(sweepFailed(), err) }}
	switch store := store.(type) {
	case *disk.Store:
		s.store, s.age = store, disk.SweepAge
	case *s3.Store:
		s.store, s.age = store, s3.SweepAge
	default:
		return nil
	}
	return d.run(ctx, "store sweep", s.loop())
}

func (s *storeSweep) loop() *lifecycle.Loop {
	return lifecycle.NewLoop(sweepEvery, s.run, func(error) {})
}

func (s *storeSweep) run(ctx context.Context) error {
	if err := s.pause(ctx); err != nil {
		return err
	}
	n, err := s.store.Sweep(ctx, s.age)
	if errors.Is(err, context.Canceled) {
		return nil // the daemon stops
	}
	s.report(err)
	if n > 0 || err != nil {
		s.log.InfoContext(ctx, "searched the store for left-overs", "removed", n, "error", err)
	}
	return nil
}

// pause waits before the first search.
func (s *storeSweep) pause(ctx context.Context) error {
	timer := time.NewTimer(s.wait)
	defer timer.Stop()
	s.wait = 0
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
