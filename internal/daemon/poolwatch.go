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

func poolSlow(name string) health.Condition {
	return health.Condition{
		Code: "pooler_slow", Subject: name, Title: "The database answers slowly", Severity: health.Warning,
		Hint: "find the slow statements (pg_stat_statements, or the audit record's durations); fast_percent of [database] and of a class says what is wanted",
	}
}

// enoughQueries are how many there must be before their times say something.
const enoughQueries = 100

// poolWatch notices pools that refuse requests because they are full, and those of which the database answers slowly.
type poolWatch struct {
	status  func() pooler.Status
	wanted  func(class string) int // percent of fast queries; nil: nobody asks
	slow    map[string]bool        // pools that are told of
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
	w.lookForSlow()
	return nil
}

// lookForSlow tells of pools of which too few queries were fast (S0-21). Pools that had few queries are not told of any more.
func (w *poolWatch) lookForSlow() {
	if w.wanted == nil {
		return
	}
	slow := map[string]bool{}
	for _, p := range w.status().Pools {
		want := w.wanted(p.Class)
		if p.FastPercent == nil || p.Queries < enoughQueries || *p.FastPercent >= float64(want) {
			continue
		}
		slow[p.Name] = true
		w.health.Set(poolSlow(p.Name), fmt.Sprintf("of the last %d queries of pool %s %.1f %% were answered within 100 ms; %d %% are wanted",
			p.Queries, p.Name, *p.FastPercent, want))
	}
	for name := range w.slow {
		if !slow[name] {
			w.health.Clear(poolSlow(name))
		}
	}
	w.slow = slow
}
