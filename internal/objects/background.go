package objects

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// wake is a flag that one goroutine waits for: raising it twice before it is seen counts once.
type wake chan struct{}

func newWake() wake { return make(wake, 1) }

func (w wake) up() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// every calls f at once, then after each pause or wake, until ctx ends.
func every(ctx context.Context, pause time.Duration, w wake, f func(ctx context.Context)) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for ctx.Err() == nil {
		f(ctx)
		timer.Reset(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w:
		}
	}
}

// troubles is the home of background errors: each source has its last error, until it succeeds again. The log hears of
// changes only.
type troubles struct {
	log  *slog.Logger
	mu   sync.Mutex // protects last
	last map[string]error
}

func newTroubles(log *slog.Logger) *troubles { return &troubles{log: log, last: map[string]error{}} }

// report records how the source fared, nil is success, and logs what is new.
func (t *troubles) report(source string, err error) {
	switch before := t.record(source, err); {
	case err != nil && before == nil:
		t.log.Error("index of stored files: background work interrupted", "work", source, "error", err)
	case err == nil && before != nil:
		t.log.Info("index of stored files: background work goes on", "work", source)
	}
}

// record is report for a source that writes to the log itself. It returns the source's last error.
func (t *troubles) record(source string, err error) (before error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before = t.last[source]
	if err == nil {
		delete(t.last, source)
	} else {
		t.last[source] = err
	}
	return before
}

// Status is what the index does at this moment.
type Status struct {
	Deaths   int              // blobs whose links are known to be dead
	Troubles map[string]error // background work that fails now, by its name; empty when all is well
}

// Status answers from memory.
func (x *Index) Status() Status {
	x.trouble.mu.Lock()
	defer x.trouble.mu.Unlock()
	return Status{Deaths: x.deaths.len(), Troubles: maps.Clone(x.trouble.last)}
}
