package content

import (
	"log/slog"
	"maps"
	"sync"
)

// troubles is the home of background errors: each work has its last error, until it succeeds again. The log hears of
// changes only.
type troubles struct {
	log  *slog.Logger
	mu   sync.Mutex // protects last
	last map[string]error
}

func newTroubles(log *slog.Logger) *troubles { return &troubles{log: log, last: map[string]error{}} }

// report records how a work fared, nil is success, and logs what is new.
func (t *troubles) report(work string, err error) {
	switch before := t.record(work, err); {
	case err != nil && before == nil:
		t.log.Error("content: background work interrupted", "work", work, "error", err)
	case err == nil && before != nil:
		t.log.Info("content: background work goes on", "work", work)
	}
}

// record is report for a work that writes to the log itself. It returns the work's last error.
func (t *troubles) record(work string, err error) (before error) {
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

func (t *troubles) all() map[string]error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.last)
}
