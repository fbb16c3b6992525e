package daemon

import (
	"context"
	"fmt"
	"time"

	"holdfast/internal/health"
	"holdfast/internal/pooler"
)

func poolsFull() health.Condition {
	return health.Condition{
		Code: "pooler_full", Title: "Requests found no free database connection", Severity: health.Warning,
		Hint: "see who holds them with: holdfast pool show; end long transactions, or raise max_size (holdfast pool size)",
	}
}

// poolWatch notices pools that refuse requests because they are full.
type poolWatch struct {
	status  func() pooler.Status
	health  *health.Registry
	refused map[string]uint64 // by pool, when it was looked last
	last    time.Time         // of a refusal
}

// keepFull is how long the finding stays after the last refusal.
const keepFull = time.Minute

func (w *poolWatch) look(context.Context) error {
	now := time.Now()
	for _, p := range w.status().Pools {
		more := p.Refused - min(p.Refused, w.refused[p.Name])
		w.refused[p.Name] = p.Refused
		if more == 0 || p.Down || p.Paused || p.Disabled {
			continue // its state says why
		}
		w.last = now
		w.health.Set(poolsFull(), fmt.Sprintf("pool %s refused %s within %s; of %d connections %d are held, and %d wait",
			p.Name, count(int64(more), "request"), checkEvery, p.MaxSize, p.Active, p.Waiting))
	}
	if now.Sub(w.last) > keepFull {
		w.health.Clear(poolsFull())
	}
	return nil
}
