package daemon_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// S2-25: a rule that is written into the configuration of a running process holds from the reload on, and one with a mistake
// changes nothing.
func TestAReloadChangesWhoMayLogIn(t *testing.T) {
	t.Parallel()
	first := configure(t)
	next := func() (*config.Config, error) { return first, nil }
	d := startWith(t, first, func(o *daemon.Options) { o.Load = func() (*config.Config, error) { return next() } })
	secrets, err := postgres.PrivateConfig(first.Database.Config, daemon.Place(first))
	if err != nil {
		t.Fatal(err)
	}
	url := "postgres://app:" + secrets.Password.Reveal() + "@" + d.PoolerAddr() + "/app?sslmode=disable"
	login := func() error {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			err = conn.Close(t.Context())
		}
		return err
	}
	if err := login(); err != nil {
		t.Fatalf("before the reload: %v", err)
	}
	next = func() (*config.Config, error) { return nil, errors.New("a mistake") }
	if err := d.Reload(t.Context()); err == nil || login() != nil {
		t.Errorf("a configuration with a mistake: reload %v, log-in %v; want an error, and none", err, login())
	}
	file := filepath.Join(t.TempDir(), "holdfast.toml")
	if err := os.WriteFile(file, []byte("[[database.rules]]\nmethod = \"reject\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	next = func() (*config.Config, error) { return config.Load(file, os.Environ()) }
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	var refused *pgconn.PgError
	if err := login(); !errors.As(err, &refused) || !strings.HasPrefix(refused.Code, "28") {
		t.Errorf("after the reload: %v; want a refused log-in", err)
	}
}

// Issue 3, trap 19: routes, the sizes of an endpoint's pools and the limits of roles are those of the file from the reload on, and nothing of that
// is said to need a restart.
func TestAReloadTakesOverRoutesSizesAndLimitsOfRoles(t *testing.T) {
	t.Parallel()
	const user, password = "app", "of-the-app-4d1f"
	db := pgtest.Cluster(t).Database(t)
	db.Exec(t, "CREATE ROLE app LOGIN PASSWORD '"+password+"'", "ALTER DATABASE "+db.Name+" OWNER TO app")
	configured := func(env ...string) *config.Config {
		c := attached(t, db, env...)
		c.Database.Username, c.Database.Password = user, secret.New(password)
		return c
	}
	first := configured()
	next := configured("HOLDFAST_DATABASE__ROUTES__SECOND__DATABASE="+db.Name, "HOLDFAST_DATABASE__ROUTES__SECOND__MAX_CONNECTIONS=3", "HOLDFAST_DATABASE__USERS__APP__MAX_CONNECTIONS=5")
	next.Paths, next.Files, next.Database.Pooling.Endpoints[0].MaxSize = first.Paths, first.Files, 7
	next.Database.Pooling.Audit = first.Database.Pooling.Audit
	d := startWith(t, first, func(o *daemon.Options) { o.Load = func() (*config.Config, error) { return next, nil } })
	if _, err := enter(t, d, user, password, "second"); refusal(err).Code != "3D000" {
		t.Errorf("before the reload: %v", err)
	}
	client := control.NewClient(first.Socket())
	t.Cleanup(client.Close)
	answer, err := control.Call[daemon.ReloadAnswer](t.Context(), client, "/v1/reload", control.Empty{})
	ofDatabase := func(key string) bool { return strings.HasPrefix(key, "database.") } // other files are elsewhere in each test
	if err != nil || slices.ContainsFunc(answer.NeedsRestart, ofDatabase) || !slices.Contains(answer.Applied, "database.endpoints[0].max_size") {
		t.Fatalf("the reload: %+v, %v", answer, err)
	}
	conn := works(t, d, user, password, "second")
	var database string
	if err := conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&database); err != nil || database != db.Name {
		t.Errorf("the new route leads to %q, %v", database, err)
	}
	console := enterConsole(t, d, user, password)
	for sql, want := range map[string]string{"SHOW POOLS": "7", "SHOW USERS": "5", "SHOW DATABASES": "3"} {
		results, err := console.PgConn().Exec(t.Context(), sql).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, row := range results[0].Rows {
			seen = append(seen, string(bytes.Join(row, []byte(" "))))
		}
		if !strings.Contains(strings.Join(seen, "\n")+" ", " "+want+" ") {
			t.Errorf("%s has no %s:\n%s", sql, want, strings.Join(seen, "\n"))
		}
	}
}

// enterConsole connects to the pooler's console.
func enterConsole(t *testing.T, d *daemon.Daemon, user, password string) *pgx.Conn {
	t.Helper()
	conn, err := enter(t, d, user, password, "pgbouncer")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
