package pooler

import (
	"context"
	"sync"
	"time"

	"holdfast/internal/console"
)

// statsPeriod is what the averages of SHOW STATS are of. PgBouncer's stats_period has the same default.
const statsPeriod = 60 * time.Second

// averages are what was done in the last period that is over, by database; in the first one, since the start.
type averages struct {
	mu      sync.Mutex // protects the following
	base    reading    // at the beginning of the period under way
	average map[string]console.Counters
	over    bool // a period is
}

// reading is what counters were at one moment.
type reading struct {
	at time.Time
	of map[string]console.Counters
}

// run returns a function that begins a new period again and again until its context ends.
func (a *averages) run(read func() map[string]console.Counters) func(context.Context) {
	return func(ctx context.Context) {
		a.mu.Lock()
		a.base, a.over = reading{time.Now(), read()}, false
		a.mu.Unlock()
		tick := time.NewTicker(statsPeriod)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				a.turn(reading{now, read()})
			case <-ctx.Done():
				return
			}
		}
	}
}

// turn ends a period.
func (a *averages) turn(now reading) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.average = now.since(a.base)
	a.base, a.over = now, true
}

// of returns the averages to show beside a reading.
func (a *averages) of(now reading) map[string]console.Counters {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return a.average
	}
	return now.since(a.base)
}

func (r reading) since(old reading) map[string]console.Counters {
	all := make(map[string]console.Counters, len(r.of))
	for name, c := range r.of {
		all[name] = c.Average(old.of[name], r.at.Sub(old.at))
	}
	return all
}
