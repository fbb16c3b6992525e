package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/admin"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgbouncer"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// soon is how long something may take that is done within query_ttl and a second.
const soon = 30 * time.Second

// asked starts a daemon with a query on a server of somebody else, where it is the ordinary role app. The statements prepare
// the server.
func asked(t *testing.T, query string, statements ...string) (*pgtest.DB, *daemon.Daemon, *control.Client) {
	t.Helper()
	db := pgtest.Cluster(t).Database(t)
	db.Exec(t, "CREATE ROLE app LOGIN PASSWORD 'of-the-app-8c1d'", "ALTER DATABASE "+db.Name+" OWNER TO app", "SET password_encryption = 'scram-sha-256'")
	db.Exec(t, statements...)
	c := attached(t, db, "HOLDFAST_DATABASE__AUTH__QUERY="+query, "HOLDFAST_DATABASE__AUTH__QUERY_TTL=1s", "HOLDFAST_DATABASE__AUTH__MAX_FAILURES=0")
	c.Database.Username, c.Database.Password = "app", secret.New("of-the-app-8c1d")
	d := startWith(t, c, func(o *daemon.Options) { o.Load = func() (*config.Config, error) { return c, nil } })
	client := control.NewClient(c.Socket())
	t.Cleanup(client.Close)
	return db, d, client
}

// enter logs in through the pooler.
func enter(t *testing.T, d *daemon.Daemon, user, password, database string) (*pgx.Conn, error) {
	t.Helper()
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(user, password), Host: d.PoolerAddr(), Path: "/" + database, RawQuery: "sslmode=disable"}
	conn, err := pgx.Connect(t.Context(), u.String())
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	return conn, err
}

// works logs in and asks the server who it is.
func works(t *testing.T, d *daemon.Daemon, user, password, database string) *pgx.Conn {
	t.Helper()
	conn, err := enter(t, d, user, password, database)
	if err != nil {
		t.Fatalf("%s does not get in: %v", user, err)
	}
	var who string
	if err := conn.QueryRow(t.Context(), "SELECT current_user").Scan(&who); err != nil || who != user {
		t.Fatalf("the server session of %s belongs to %q, %v", user, who, err)
	}
	return conn
}

func refusal(err error) *pgconn.PgError {
	said := (*pgconn.PgError)(nil)
	if !errors.As(err, &said) {
		return &pgconn.PgError{Message: fmt.Sprint(err)}
	}
	return said
}

// evicted waits for the end of a session that does nothing. The client reads why, and what to do.
func evicted(t *testing.T, conn *pgx.Conn, hint string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, err := conn.WaitForNotification(ctx)
	said, user := refusal(err), conn.Config().User
	want := fmt.Sprintf("terminating connection because the credential of user %q has changed", user)
	if said.Severity != "FATAL" || said.Code != "57P01" || said.Message != want || !strings.Contains(said.Hint, hint) {
		t.Errorf("the session of %s ends with %v (hint %q); want FATAL 57P01, %s, %s", user, err, said.Hint, want, hint)
	}
}

// finding returns a finding as people see it, nil when there is none.
func finding(t *testing.T, client *control.Client, code string) *health.Finding {
	t.Helper()
	r, err := control.Call[admin.Report](t.Context(), client, "/v1/status", control.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Code == code {
			return &f
		}
	}
	return nil
}

// imported returns the query that "holdfast import pgbouncer" makes of a PgBouncer.ini, read as the program reads its settings.
func imported(t *testing.T, ini string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(ini), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := pgbouncer.Import(path)
	if err != nil {
		t.Fatal(err)
	}
	toml := filepath.Join(dir, "pooler.toml")
	if err := os.WriteFile(toml, []byte(result.TOML), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(toml, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, result.TOML)
	}
	return c.Database.Pooling.Auth.Query
}

// Issue 3: auth_query as PgBouncer has it, by default and with a function of the administrator's, two columns without names of ours. NOLOGIN,
// the end of a password and a changed one are honoured and evict. S2-36.
func TestAnImportedQueryOfPgBouncerLetsInAndEvicts(t *testing.T) {
	t.Parallel()
	const base = "[databases]\n* = host=127.0.0.1\n[pgbouncer]\nauth_type = scram-sha-256\nauth_user = app\n"
	for name, c := range map[string]struct {
		ini     string
		prepare []string
	}{
		"default": {base, []string{"GRANT SELECT ON pg_catalog.pg_authid TO app"}},
		"function": {base + "auth_query = SELECT uname, phash FROM public.user_search($1)\n", []string{
			`CREATE FUNCTION public.user_search(INOUT uname text, OUT phash text) RETURNS record LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
			$$ SELECT usename::text, passwd FROM pg_shadow JOIN pg_roles ON rolname = usename WHERE usename = $1 AND rolcanlogin AND (valuntil IS NULL OR valuntil > now()) $$`,
			"REVOKE ALL ON FUNCTION public.user_search(text) FROM PUBLIC", "GRANT EXECUTE ON FUNCTION public.user_search(text) TO app",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people := []string{
				"CREATE ROLE alice LOGIN PASSWORD 'alice-secret'", "CREATE ROLE bob LOGIN PASSWORD 'bob-secret'",
				"CREATE ROLE carl LOGIN PASSWORD 'carl-secret'", "CREATE ROLE dora LOGIN PASSWORD 'dora-secret'",
				"CREATE ROLE late LOGIN PASSWORD 'x' VALID UNTIL '2020-01-01'",
			}
			db, d, client := asked(t, imported(t, c.ini), append(people, c.prepare...)...)
			alice, bob := works(t, d, "alice", "alice-secret", db.Name), works(t, d, "bob", "bob-secret", db.Name)
			carl, dora := works(t, d, "carl", "carl-secret", db.Name), works(t, d, "dora", "dora-secret", db.Name)
			for _, user := range []string{"alice", "late", "nobody"} {
				if _, err := enter(t, d, user, "wrong", db.Name); refusal(err).Code != "28P01" {
					t.Errorf("%s with a wrong password: %v; want 28P01", user, err)
				}
			}
			if _, err := enter(t, d, "late", "x", db.Name); refusal(err).Code != "28P01" {
				t.Errorf("an expired password: %v; want 28P01", err)
			}
			if f := finding(t, client, "auth_query"); f != nil {
				t.Errorf("a query that works is a finding: %+v", f)
			}
			db.Exec(t, "ALTER ROLE alice NOLOGIN", "ALTER ROLE bob VALID UNTIL '2020-01-01'", "ALTER ROLE carl PASSWORD 'of-carl-2'")
			evicted(t, alice, "")
			evicted(t, bob, "")
			evicted(t, carl, "connect again with the new one")
			if _, err := enter(t, d, "alice", "alice-secret", db.Name); err == nil {
				t.Error("a role without LOGIN gets in")
			}
			works(t, d, "carl", "of-carl-2", db.Name)
			if _, err := dora.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Errorf("somebody whose role did not change: %v", err)
			}
		})
	}
}

// Issue 3: query = "holdfast" on a server of somebody else: what is missing is a finding with the way out, and after an administrator
// went it, log-ins work by themselves.
func TestTheFunctionThatIsMissingIsAFindingUntilSomebodyInstallsIt(t *testing.T) {
	t.Parallel()
	db, d, client := asked(t, "holdfast", "CREATE ROLE alice LOGIN PASSWORD 'alice-secret'", "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'x'")
	var f *health.Finding
	lifecycletest.Eventually(t, soon, func() error {
		if f = finding(t, client, "auth_query"); f == nil {
			return errors.New("no finding")
		}
		return nil
	})
	if !strings.Contains(f.Text, "42883") || !strings.Contains(f.Hint, "holdfast pool auth-query") || !strings.Contains(f.Hint, db.Name) {
		t.Errorf("the finding: %+v", f)
	}
	if _, err := enter(t, d, "alice", "alice-secret", db.Name); refusal(err).Code != "57P03" {
		t.Errorf("who cannot be looked up: %v; want 57P03", err)
	}
	db.Exec(t, pgauth.InstallQuery("app"))
	lifecycletest.Eventually(t, soon, func() error {
		if f := finding(t, client, "auth_query"); f != nil {
			return fmt.Errorf("still a finding: %s", f.Text)
		}
		return nil
	})
	alice := works(t, d, "alice", "alice-secret", db.Name)
	if _, err := enter(t, d, "boss", "x", db.Name); refusal(err).Code != "28P01" {
		t.Errorf("a superuser's verifier is told: %v; want 28P01", err)
	}
	db.Exec(t, "ALTER ROLE alice NOLOGIN PASSWORD 'new'")
	evicted(t, alice, "may not log in any more")
}

// Issue 3: what a statement of the user's own lacks is said: rights, a schema, columns.
func TestAStatementThatCannotRunIsAFindingThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1": `grant "app" what the statement`,
		"SELECT * FROM user_search($1)":                                            "write names with their schema",
		"SELECT 1 AS a, 2 AS b, $1::text AS c":                                     "name the columns verifier",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, _, client := asked(t, query)
			lifecycletest.Eventually(t, soon, func() error {
				f := finding(t, client, "auth_query")
				if f == nil || !strings.Contains(f.Hint, want) {
					return fmt.Errorf("the finding: %+v", f)
				}
				return nil
			})
		})
	}
}

// Issue 3: on a server of our own, query = "holdfast" needs nobody, not even after a reload that brings it.
func TestOnAServerOfOurOwnTheFunctionIsMadeByItself(t *testing.T) {
	t.Parallel()
	c := configure(t)
	d := startWith(t, c, func(o *daemon.Options) {
		o.Load = func() (*config.Config, error) {
			again := *c
			again.Database.Pooling.Auth.Query = "holdfast"
			return &again, nil
		}
	})
	pg, err := postgres.PrivateSuperuser(c.Database.Config, daemon.Place(c))
	if err != nil {
		t.Fatal(err)
	}
	server, err := postgres.Connect(t.Context(), pg)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := server.Exec(t.Context(), "CREATE ROLE alice LOGIN PASSWORD 'alice-secret'; GRANT CONNECT ON DATABASE app TO alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := enter(t, d, "alice", "alice-secret", "app"); refusal(err).Code != "28P01" {
		t.Errorf("without the query: %v; want 28P01", err)
	}
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	works(t, d, "alice", "alice-secret", "app")
}

// Issue 3: a session of the console ends as any other when the credential changes, even one that waits for a command, and is told why.
func TestAnAdministratorWhoMayNotLogInAnyMoreLosesTheConsole(t *testing.T) {
	t.Parallel()
	db := pgtest.Cluster(t).Database(t)
	db.Exec(t, "CREATE ROLE app LOGIN PASSWORD 'of-the-app-8c1d'", "ALTER DATABASE "+db.Name+" OWNER TO app",
		"CREATE ROLE boss LOGIN PASSWORD 'x'", "CREATE ROLE other LOGIN PASSWORD 'x'", pgauth.InstallQuery("app"))
	c := attached(t, db, "HOLDFAST_DATABASE__AUTH__QUERY=holdfast", "HOLDFAST_DATABASE__AUTH__QUERY_TTL=1s", `HOLDFAST_DATABASE__ADMINS=["boss", "other"]`)
	c.Database.Username, c.Database.Password = "app", secret.New("of-the-app-8c1d")
	d := startWith(t, c, nil)
	var consoles []*pgx.Conn
	for _, user := range []string{"boss", "boss", "other"} {
		conn, err := enter(t, d, user, "x", "pgbouncer")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SHOW POOLS"); err != nil {
			t.Fatal(err)
		}
		consoles = append(consoles, conn)
	}
	held := works(t, d, "app", "of-the-app-8c1d", db.Name)
	if _, err := held.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	busy := make(chan error, 1)
	go func() { // ends with the session
		_, err := consoles[1].Exec(context.WithoutCancel(t.Context()), "PAUSE")
		busy <- err
	}()
	db.Exec(t, "ALTER ROLE boss NOLOGIN PASSWORD 'new'")
	evicted(t, consoles[0], "may not log in any more")
	select {
	case err := <-busy:
		if err == nil {
			t.Error("PAUSE ended well, though a transaction was open")
		}
	case <-time.After(soon):
		t.Error("PAUSE goes on")
	}
	if _, err := consoles[2].Exec(t.Context(), "RESUME"); err != nil {
		t.Errorf("another administrator: %v", err)
	}
}
