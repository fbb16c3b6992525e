package lifecycle

import (
	"log/slog"
	"maps"
	"sync"
)

// Troubles is the home of background errors: each work has its last error, until it succeeds again. The log hears of
// changes only.
type Troubles struct {
	log   *slog.Logger
	where string

	mu   sync.Mutex // protects last
	last map[string]error
}

// NewTroubles returns the home of a part's errors; where begins each line of the log.
func NewTroubles(log *slog.Logger, where string) *Troubles {
	return &Troubles{log: log, where: where, last: map[string]error{}}
}

// Report records how a work fared, nil is success, and logs what is new.
func (t *Troubles) Report(work string, err error) {
	switch before := t.Record(work, err); {
	case err != nil && before == nil:
		t.log.Error(t.where+": background work interrupted", "work", work, "error", err)
	case err == nil && before != nil:
		t.log.Info(t.where+": background work goes on", "work", work)
	}
}

// Record is Report for a work that writes to the log itself. It returns the work's last error.
func (t *Troubles) Record(work string, err error) (before error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before = t.last[work]
	if err == nil {
		delete(t.last, work)
	} else {
		t.last[work] = err
	}
	return before
}

// All returns the works that fail now, with their errors.
func (t *Troubles) All() map[string]error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.last)
}
