package e2e_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pooler"
)

// S2-30: an application takes every connection that its database may have. Administrators get in all the same: by "holdfast db psql", past the
// pooler and as a superuser, and through the pooler in a class with reserved connections. No password stands on a command line.
func TestAnAdministratorOpensPsqlWhenThePoolIsFull(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	socket := s.Path("data/.s.PGSQL.6432")
	s.set("database.endpoints", `[{listen = "127.0.0.1:0"}, {listen = "`+socket+`"}]`,
		"database.routes.app.max_connections", "4", "database.options.pool.timeout", "2", "database.options.pool.min_size", "1",
		"database.rules", `[{addresses = ["loopback"], class = "people"}, {addresses = ["local"], class = "dba"}]`,
		"database.limits.people.statement_timeout", "1m", "database.limits.dba.reserved", "1")
	s.serve()
	var pools struct{ Pools []pooler.PoolStatus }
	s.Ask(&pools, "pool", "show")
	for _, p := range pools.Pools { // S0-17: what the rules give the role is ready, and nothing else
		if p.Class != "people" && p.Class != "dba" || p.Size != 1 {
			t.Errorf("before anybody comes %s has %d connections, want 1 in the class of the rules", p.Name, p.Size)
		}
	}
	var env map[string]string
	s.Ask(&env, "env", "--no-s3")
	fill(t, env["DATABASE_URL"])

	const question = "SELECT current_user || ' ' || current_setting('application_name')"
	for _, c := range []struct{ args, want string }{
		{"", "app holdfast db psql"},
		{"--superuser", "postgres holdfast db psql"},
		{"--endpoint " + socket, "app holdfast db psql"},
	} {
		args := append([]string{"db", "psql"}, strings.Fields(c.args)...)
		if got := s.Must(append(args, "--", "-XAtc", question)...); strings.TrimSpace(got) != c.want {
			t.Errorf("db psql %s: %q, want %q", c.args, got, c.want)
		}
	}
	if r := s.Run("db", "psql", "--", "-XAtc", "SELECT 1/0"); r.Code != 1 || !strings.Contains(r.Stderr, "division by zero") {
		t.Errorf("the exit code of psql is %d: %s", r.Code, r.Stderr)
	}
	if r := s.Run("db", "psql", "--endpoint", "127.0.0.1:1"); r.Code != 4 || !strings.Contains(r.Stderr, "no endpoint listens") {
		t.Errorf("exit code %d: %s", r.Code, r.Stderr)
	}
}

// fill takes connections until there is none any more, and keeps them.
func fill(t *testing.T, url string) {
	t.Helper()
	for range 5 {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			_, err = conn.Exec(t.Context(), "BEGIN")
		}
		switch {
		case err != nil && strings.Contains(err.Error(), "53300"):
			return
		case err != nil:
			t.Fatal(err)
		}
	}
	t.Fatal("the database has more connections than it may have")
}
