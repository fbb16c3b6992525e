package patroni_test

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// limit is how long writes may stay away (S2-06).
const limit = 15 * time.Second

// S2-06, S2-11: primaries are killed under load. Writes resume, nobody reads what was not asked for, clients that are between
// transactions see no error, and every write that was confirmed is found afterwards.
func TestPrimariesAreKilledUnderLoad(t *testing.T) {
	s := build(t)
	idle := s.idlers(t, 10)
	l := s.begin(6)
	l.more(t, 100)
	for _, way := range []struct {
		name  string
		whole bool
	}{{"PostgreSQL alone is killed", false}, {"the whole node is killed", true}} {
		t.Run(way.name, func(t *testing.T) {
			leader := s.awaitCluster(t)
			l.outage()
			if way.whole {
				leader.patroni.kill()
			}
			crash(t, leader)
			l.more(t, 200)
			pause, failed := l.outage()
			t.Logf("writes resumed after %v, %d statements or log-ins failed: %s", pause.Round(time.Millisecond), len(failed), strings.Join(failed, "; "))
			if pause > limit {
				t.Errorf("no writes for %v, want at most %v", pause, limit)
			}
			if now := s.leader(); now == nil {
				t.Error("nobody leads")
			} else {
				t.Logf("%s led, %s leads now", leader.name, now.name)
			}
			for _, c := range idle {
				ping(t, c)
			}
			select {
			case <-leader.patroni.exited:
				s.run(t, leader)
			default:
			}
			s.awaitCluster(t)
		})
	}
	l.end()
	s.check(t, l)
}

// crash kills a node's PostgreSQL.
func crash(t *testing.T, n *node) {
	t.Helper()
	if err := syscall.Kill(n.postmaster(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// idlers connects clients that ask now and then, one half to each endpoint.
func (s *site) idlers(t *testing.T, n int) []*pgx.Conn {
	t.Helper()
	var all []*pgx.Conn
	for i := range n {
		c, err := pgx.Connect(t.Context(), s.url(i%2))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		ping(t, c)
		all = append(all, c)
	}
	return all
}

func ping(t *testing.T, c *pgx.Conn) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var got string
	if err := c.QueryRow(ctx, "SELECT 'here'").Scan(&got); err != nil || got != "here" {
		t.Errorf("an idle client: %q, %v", got, err)
	}
}

// check looks for every confirmed row.
func (s *site) check(t *testing.T, l *load) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.url(0))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	rows, err := c.Query(t.Context(), "SELECT id FROM written")
	if err != nil {
		t.Fatal(err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(there)
	lost := 0
	for _, id := range l.confirmed {
		if _, found := slices.BinarySearch(there, id); !found {
			lost++
		}
	}
	if lost > 0 || len(l.wrong) > 0 {
		t.Errorf("%d of %d confirmed writes are lost; wrong rows: %v", lost, len(l.confirmed), l.wrong)
	}
	t.Logf("%d writes were confirmed, all are there", len(l.confirmed)-lost)
}
