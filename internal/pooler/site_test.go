package pooler_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// setup is what a test wants to have otherwise.
type setup struct {
	server *pgtest.PG // nil: the shared one
	auth   pooler.Authenticator
	change func(*pooler.Config, *postgres.Config)
	plug   func(*pooler.Options) // what stands around the pooler
}

// verifier is that of password, with few iterations: thousands of log-ins are cheap.
func verifier(t testing.TB) scram.Keys {
	t.Helper()
	keys, err := scram.NewVerifier(password, 64)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// start starts a pooler with one endpoint for each mode: 0 for sessions, 1 for transactions.
func (u setup) start(t testing.TB) *site {
	t.Helper()
	s := u.prepare(t)
	if err := s.pooler.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// prepare makes a pooler that is not started, and is stopped at the end.
func (u setup) prepare(t testing.TB) *site {
	t.Helper()
	db := u.database(t)
	s := &site{db: db, direct: db.Pool(t)}
	keys := verifier(t)
	db.Exec(t, "CREATE ROLE "+s.role()+" LOGIN PASSWORD '"+keys.String()+"'", "GRANT ALL ON SCHEMA public TO "+s.role())
	pg := pointTo(t, db)
	pg.Username, pg.Password = s.role(), secret.New(password)
	c := pooler.DefaultConfig()
	c.Endpoints = []pooler.Endpoint{{Listen: "127.0.0.1:0"}, {Listen: "127.0.0.2:0", Mode: pooler.ModeTransaction}}
	if u.change != nil {
		u.change(&c, &pg)
	}
	if u.auth == nil {
		u.auth = doorman{keys}
	}
	var err error
	o := pooler.Options{Database: pg, Authenticator: u.auth, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if u.plug != nil {
		u.plug(&o)
	}
	s.pooler, err = pooler.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t, 10*time.Second) })
	return s
}

func (u setup) database(t testing.TB) *pgtest.DB {
	t.Helper()
	if u.server != nil {
		return u.server.Database(t)
	}
	return pgtest.Database(t)
}

// pointTo returns the settings that lead to a database of a test server.
func pointTo(t testing.TB, db *pgtest.DB) postgres.Config {
	t.Helper()
	u, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	pg := postgres.DefaultConfig()
	pg.Host, pg.Name, pg.SSLMode = u.Query().Get("host"), db.Name, "disable"
	pg.Port, _ = strconv.Atoi(u.Query().Get("port"))
	pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 1, 5
	pg.Options.Pool.Timeout = unit.Duration(20 * time.Second)
	return pg
}

// stop stops the pooler; what runs has that long to end.
func (s *site) stop(t testing.TB, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.pooler.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// sized makes the pools of a site that large.
func sized(n int) setup {
	return setup{change: func(_ *pooler.Config, pg *postgres.Config) {
		pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 1, n
	}}
}

// super runs a statement as the superuser, beside the pooler, and returns the first column of its rows, separated by commas.
func (s *site) super(t testing.TB, sql string, args ...any) string {
	t.Helper()
	text, err := s.try(t, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func (s *site) try(t testing.TB, sql string, args ...any) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := s.direct.Query(ctx, sql, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return "", err
		}
		all = append(all, fmt.Sprint(values[0]))
	}
	return strings.Join(all, ","), rows.Err()
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	lifecycletest.Until(t, patience, what, holds)
}

// running waits until so many statements of clients that contain a word run on the server.
func (s *site) running(t testing.TB, word string, n int) {
	t.Helper()
	eventually(t, word+" runs", func() bool {
		return s.super(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state = 'active'
			AND query LIKE '%' || $2 || '%' AND pid <> pg_backend_pid()`, s.db.Name, word) == strconv.Itoa(n)
	})
}

// waiting waits until so many clients wait for a server.
func (s *site) waiting(t testing.TB, n int) {
	t.Helper()
	eventually(t, "clients wait", func() bool { return s.pooler.Status().Waiting == n })
}

// trusting lets everybody in unproven, as one role of the server.
type trusting struct{ role string }

func (a trusting) Decide(context.Context, pgauth.Attempt) (*pgauth.Decision, error) {
	return &pgauth.Decision{Method: pgauth.Trust, ServerUser: a.role, ServerPassword: secret.New(password)}, nil
}
