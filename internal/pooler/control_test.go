package pooler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// twoConsoles returns PgBouncer's console and ours, with the same two databases configured, of which nobody has used the second one.
func twoConsoles(t *testing.T) (theirs, ours *pgx.Conn, s *site) {
	t.Helper()
	s = setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{"unused": {Database: pg.Name}}
	}}.start(t)
	to := fmt.Sprintf("host=%s port=%d dbname=%s", s.db.Server.Host, s.db.Server.Port, s.db.Name)
	dir := s.bouncer(t, fmt.Sprintf("%s = %s\nunused = %s", s.db.Name, to, to))
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=6432 user=%s dbname=pgbouncer", dir, s.role()))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	if theirs, err = pgx.ConnectConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close(context.Background()) })
	return theirs, s.console(t), s
}

// The commands about a database are refused for one that nobody knows, and not for one that is configured and that nobody has used yet,
// paused or not: as PgBouncer's are.
func TestCommandsKnowTheDatabasesThatPgBouncerKnows(t *testing.T) {
	t.Parallel()
	theirs, ours, s := twoConsoles(t)
	try := func(sql string) {
		t.Helper()
		a, refused := theirs.Exec(t.Context(), sql)
		b, err := ours.Exec(t.Context(), sql)
		if a.String() != b.String() || (refused == nil) != (err == nil) {
			t.Errorf("%s: PgBouncer answers %q, %v; we answer %q, %v", sql, a, refused, b, err)
		}
		if strings.HasSuffix(sql, " nobody") && stateOf(err) != "3D000" {
			t.Errorf("%s: %v; want 3D000", sql, err)
		}
	}
	commands := []string{"RECONNECT ", "WAIT_CLOSE ", "DISABLE ", "ENABLE ", "PAUSE ", "RESUME ", "RESUME ", "KILL ", "RESUME "}
	for _, c := range commands {
		try(c + "unused")
		try(c + s.db.Name)
		try(c + "nobody")
	}
	try("PAUSE")
	for _, c := range []string{"RECONNECT ", "WAIT_CLOSE ", "DISABLE ", "ENABLE ", "KILL "} {
		try(c + "nobody")
	}
	try("RESUME")
	try("RECONNECT nobody")
}

// A database that is configured can be paused and closed before anybody has used it.
func TestADatabaseIsPausedAndClosedBeforeItsFirstUse(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{"unused": {Database: pg.Name}}
	}}.start(t)
	admin := s.console(t)
	url := strings.Replace(s.url(1), "/"+s.db.Name, "/unused", 1) + "?sslmode=disable"
	command(t, admin, "DISABLE unused")
	if _, err := pgx.Connect(t.Context(), url); stateOf(err) != "57P03" {
		t.Errorf("a closed database: %v", err)
	}
	command(t, admin, "ENABLE unused")
	command(t, admin, "PAUSE unused")
	in := make(chan error, 1)
	go func() { // ends with the log-in
		conn, err := pgx.Connect(context.Background(), url)
		if err == nil {
			_, err = conn.Exec(context.Background(), "SELECT 1")
			_ = conn.Close(context.Background())
		}
		in <- err
	}()
	s.waiting(t, 1)
	command(t, admin, "RESUME unused")
	if err := <-in; err != nil {
		t.Errorf("after RESUME: %v", err)
	}
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
