package content

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// beatEvery is how often a machine tells the others how much it is used.
	beatEvery = 10 * time.Second
	// silentAfter is when a machine does not count any more that has told nothing.
	silentAfter = 30 * time.Second
	// sampleEvery and sampleShare make an average of about the last minute.
	sampleEvery = time.Second
	sampleShare = 1.0 / 60
)

// machines knows how many machines the present load asks for (S4-04): the leases that callers hold on all of them, by those that one
// is to carry. It only counts; an autoscaler reads the figure at /metrics and acts.
type machines struct {
	r   *reader
	per int // leases that one machine is to carry; 0: nothing is counted

	mu      sync.Mutex // protects average
	average float64    // leases here

	desired atomic.Int64
}

func newMachines(r *reader) *machines {
	m := &machines{r: r, per: r.c.cfg().LeasesPerMachine}
	if m.per > 0 {
		m.desired.Store(1)
	}
	return m
}

// sample takes the number of leases at this moment into the average.
func (m *machines) sample(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.average += (float64(m.r.leases.count()) - m.average) * sampleShare
	return nil
}

// beat tells the others, and hears of them.
func (m *machines) beat(ctx context.Context) error {
	m.mu.Lock()
	average := m.average
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	var sum float64
	var b pgx.Batch
	b.Queue(m.r.c.q(`INSERT INTO {s}.content_machines (node, leases) VALUES ($1, $2)
		ON CONFLICT (node) DO UPDATE SET leases = $2, seen = now()`), m.r.c.opts.Node, average)
	b.Queue(m.r.c.q(`DELETE FROM {s}.content_machines WHERE seen < now() - 20 * $1::interval`), silentAfter)
	b.Queue(m.r.c.q(`SELECT coalesce(sum(leases), 0) FROM {s}.content_machines WHERE seen > now() - $1::interval`), silentAfter).
		QueryRow(func(row pgx.Row) error { return row.Scan(&sum) })
	if err := m.r.c.db.InTx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &b).Close() }); err != nil {
		return fmt.Errorf("count machines: %w", err)
	}
	m.desired.Store(desiredMachines(sum, m.per))
	return nil
}

// desiredMachines is how many machines carry so many leases.
func desiredMachines(leases float64, per int) int64 {
	return max(1, int64(math.Ceil(leases/float64(per)-1e-9)))
}

// leave takes this machine out, so that nobody counts what it does not carry any more.
func (m *machines) leave(ctx context.Context) {
	if m.per == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := m.r.c.db.Exec(ctx, m.r.c.q("DELETE FROM {s}.content_machines WHERE node = $1"), m.r.c.opts.Node); err != nil {
		m.r.c.log.DebugContext(ctx, "not taken off the list of machines: it falls off by itself", "error", err)
	}
}
