package pooler_test

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// While clients come, work and go on several event loops, one console pauses, suspends and reconnects, another one looks at
// every table, and Prometheus at the numbers. No client gets an error, none is forgotten, and at the end all sums are right.
func TestSteeringUnderLoadIsNoticedByNobody(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	s := setup{
		plug: func(o *pooler.Options) { o.Meters = pooler.NewMeters(registry) },
		change: func(c *pooler.Config, pg *postgres.Config) {
			c.Loops, pg.Options.Pool.MaxSize = 3, 4
		},
	}.start(t)
	ctx, stop := context.WithTimeout(t.Context(), loadTime())
	defer stop()
	var (
		all sync.WaitGroup
		sum atomic.Int64
	)
	for i := range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				sum.Add(s.work(t, i))
			}
		})
	}
	steering, looking := s.console(t), s.console(t)
	rounds, looks := 0, 0
	all.Go(func() {
		for ; ctx.Err() == nil && s.steer(t, steering); rounds++ {
			select {
			case <-time.After(20 * time.Millisecond): // let the clients work
			case <-ctx.Done():
			}
		}
	})
	all.Go(func() {
		for ; ctx.Err() == nil; looks++ {
			for _, table := range []string{"CLIENTS", "SERVERS", "POOLS", "ENDPOINT_POOLS", "FDS", "PINS", "PREPARED_STATEMENTS", "STATS", "LISTS", "HOSTS", "MEM"} {
				show(t, looking, table)
			}
			gather(t, registry)
		}
	})
	all.Wait()
	done := sum.Load()
	t.Logf("%d transactions, %d rounds of steering, %d looks at everything", done, rounds, looks)
	if done == 0 || rounds == 0 || looks == 0 {
		t.Errorf("somebody never got a turn: %d transactions, %d rounds, %d looks", done, rounds, looks)
	}
	var counted int64
	eventually(t, "all is counted", func() bool {
		counted = number(t, find(t, show(t, looking, "STATS"), "database", s.db.Name)["total_xact_count"])
		return counted >= done
	})
	if counted != done {
		t.Errorf("%d transactions are counted", counted)
	}
	eventually(t, "nobody is left", func() bool {
		pools := find(t, show(t, looking, "ENDPOINT_POOLS"), "pool", s.db.Name+"/"+s.role()+"@127.0.0.2:0")
		return pools["cl_active"] == int32(0) && pools["cl_waiting"] == int32(0) && pools["sv_active"] == int32(0) && pools["sv_pinned"] == int32(0)
	})
}

func loadTime() time.Duration {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return 2 * time.Minute
	}
	return 2 * time.Second
}

// steer gives every command that takes nothing from anybody, and reports whether all went well.
func (s *site) steer(t *testing.T, admin *pgx.Conn) bool {
	for _, text := range []string{"RECONNECT", "PAUSE " + s.db.Name, "RESUME " + s.db.Name, "SUSPEND", "RESUME", "PAUSE", "RESUME"} {
		if _, err := admin.Exec(t.Context(), text); err != nil {
			t.Errorf("%s: %v", text, err)
			return false
		}
	}
	return true
}

// work is one client that logs in, does some transactions, and leaves. It returns how many.
func (s *site) work(t *testing.T, i int) (transactions int64) {
	conn, err := pgx.Connect(t.Context(), s.url(1)+"?sslmode=disable")
	if err != nil {
		t.Errorf("log-in: %v", err)
		return 0
	}
	defer conn.Close(t.Context()) //nolint:errcheck // nothing follows
	if _, err := conn.Prepare(t.Context(), "one", "SELECT $1::int"); err != nil {
		t.Errorf("prepare: %v", err)
		return 0
	}
	transactions++
	for n := range 20 {
		switch (i + n) % 3 {
		case 0:
			_, err = conn.Exec(t.Context(), "one", n)
		case 1:
			err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), "SELECT 1")
				return err
			})
		case 2:
			_, err = conn.Exec(t.Context(), "SELECT pg_advisory_lock(1); SELECT pg_advisory_unlock_all()")
		}
		if err != nil {
			t.Errorf("client %d: %v", i, err)
			return transactions
		}
		transactions++
	}
	return transactions
}
