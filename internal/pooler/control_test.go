package pooler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// byRole finds the pool of the application's role at the endpoint for sessions.
func byRole(t *testing.T, s *site) pooler.PoolStatus {
	t.Helper()
	for _, p := range s.pooler.Status().Pools {
		if p.Mode == pooler.ModeSession {
			return p
		}
	}
	t.Fatalf("no pool for sessions in %+v", s.pooler.Status())
	return pooler.PoolStatus{}
}

func TestThePoolerSaysHowItFares(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	first := s.connect(t, 0)
	if _, err := first.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	status := s.pooler.Status()
	if status.Clients != 1 || status.MaxClients != 10_000 || len(status.Endpoints) != 2 || status.MaxServers != 10 {
		t.Errorf("got %+v", status)
	}
	p := byRole(t, s)
	if p.Active != 1 || p.Size != 2 || p.Idle != 1 || p.MinSize != 2 || p.MaxSize != 5 || p.Target != "primary" ||
		p.Database != s.db.Name || p.User != "app_"+s.db.Name || p.Down || p.Waiting != 0 {
		t.Errorf("got %+v", p)
	}
}

// A pause is complete once every client has let go; those who ask meanwhile go on after it.
func TestAPauseWaitsForClientsAndHoldsNewOnes(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	holder, other := s.connect(t, 0), s.connect(t, 1)
	if _, err := holder.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.pooler.Pause(short, s.db.Name); fault.CodeOf(err) != "pool_held" {
		t.Errorf("a pause that a client keeps from ending: %v", err)
	}
	if p := byRole(t, s); !p.Paused {
		t.Errorf("it is not paused: %+v", p)
	}
	done := make(chan error, 1)
	go func() { // ends with the pause below
		_, err := s.pooler.Pause(t.Context(), "")
		done <- err
	}()
	_ = holder.Close(t.Context()) // now nobody holds one
	if err := <-done; err != nil {
		t.Errorf("pause: %v", err)
	}
	if n := s.pooler.Status().Servers; n != 0 {
		t.Errorf("%d servers are left", n)
	}
	asked := make(chan error, 1)
	go func() { // ends after Resume
		_, err := other.Exec(t.Context(), "SELECT 1")
		asked <- err
	}()
	s.waiting(t, 1)
	if names, err := s.pooler.Resume(""); err != nil || len(names) != 2 {
		t.Errorf("resume: %q, %v", names, err)
	}
	if err := <-asked; err != nil {
		t.Errorf("the client that waited: %v", err)
	}
}

// Whoever logs in first while the database is paused waits like all others.
func TestAPoolThatIsMadeDuringAPauseIsPaused(t *testing.T) {
	t.Parallel()
	s := setup{
		auth:   trustingClass{},
		change: func(c *pooler.Config, _ *postgres.Config) { c.Hold = 0 },
	}.start(t)
	if _, err := s.pooler.Pause(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.url(0)+"?sslmode=disable")
	if err == nil {
		_ = conn.Close(t.Context()) // it should not be there
	}
	if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "57P03" {
		t.Errorf("a new pool of a paused database: %v", err)
	}
}

// trustingClass puts everybody into a class of their own, whose pool nobody has made before.
type trustingClass struct{}

func (trustingClass) Decide(ctx context.Context, a pgauth.Attempt) (*pgauth.Decision, error) {
	d, err := trusting{a.User}.Decide(ctx, a)
	d.Class = "late"
	return d, err
}

func TestReconnectReplacesServers(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	conn := s.connect(t, 1)
	pid := func() (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pid()
	if _, err := s.pooler.Reconnect(s.db.Name); err != nil {
		t.Fatal(err)
	}
	if after := pid(); after == before {
		t.Errorf("the server %d was not replaced", before)
	}
	if _, err := s.pooler.Reconnect("nowhere"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a database that nobody has: %v", err)
	}
}
