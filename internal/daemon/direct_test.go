package daemon_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/admin"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/secret"
)

// besides returns a server of somebody else with the roles app, which is ours, and web, which comes past the pooler.
func besides(t *testing.T) (*pgtest.DB, *config.Config) {
	t.Helper()
	d := pgtest.Cluster(t).Database(t)
	d.Exec(t, "CREATE ROLE app LOGIN PASSWORD 'of-the-app-8c1d'", "CREATE ROLE web LOGIN", "ALTER DATABASE "+d.Name+" OWNER TO app")
	c := attached(t, d,
		`HOLDFAST_DATABASE__ENDPOINTS=[{mode = "direct", class = "web", username = "web", max_size = 5}, {listen = "127.0.0.1:0"}]`,
		"HOLDFAST_DATABASE__LIMITS__WEB__STATEMENT_TIMEOUT=5s")
	c.Database.Username, c.Database.Password = "app", secret.New("of-the-app-8c1d")
	return d, c
}

// found returns the text of a finding, "" when there is none.
func found(t *testing.T, client *control.Client, code string) string {
	t.Helper()
	r, err := control.Call[admin.Report](t.Context(), client, "/v1/status", control.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Code == code {
			return f.Text
		}
	}
	return ""
}

// C-01: on a server of somebody else, what Holdfast may not set on a role is a finding with the statement.
func TestLimitsThatHoldfastMayNotSetAreReported(t *testing.T) {
	t.Parallel()
	db, c := besides(t)
	d := startWith(t, c, func(o *daemon.Options) { o.Load = func() (*config.Config, error) { return c, nil } })
	client := control.NewClient(c.Socket())
	defer client.Close()
	statements := []string{
		`ALTER ROLE "web" IN DATABASE "` + db.Name + `" SET statement_timeout = '5000ms'`, `ALTER ROLE "web" CONNECTION LIMIT 5`,
	}
	if text := found(t, client, "role_limits"); !strings.Contains(text, statements[0]) || !strings.Contains(text, statements[1]) {
		t.Errorf("the finding: %q", text)
	}
	db.Exec(t, statements...)
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := found(t, client, "role_limits"); text != "" {
		t.Errorf("after somebody executed them: %s", text)
	}
}

// C-01, C-03: beside an endpoint: who is connected is seen past the pooler and through it.
func TestWhoComesPastThePoolerIsSeenBesideThoseWhoComeThroughIt(t *testing.T) {
	t.Parallel()
	db, c := besides(t)
	d := startWith(t, c, nil)
	client := control.NewClient(c.Socket())
	defer client.Close()
	for _, url := range []string{
		"postgresql://web@/" + db.Name + "?application_name=page&host=" + db.Server.Host + "&port=" + strconv.Itoa(db.Server.Port),
		"postgresql://app:of-the-app-8c1d@" + d.PoolerAddr() + "/" + db.Name + "?sslmode=disable&application_name=pooled",
	} {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	s, err := control.Call[pooler.Status](t.Context(), client, "/v1/pool/show", control.Empty{})
	if err != nil || len(s.Direct) != 1 || len(s.Endpoints) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if x := s.Direct[0]; x.Role != "web" || x.Connections != 1 || x.Holders[0].Application != "page" || strings.Join(x.Limits, ", ") != "statement_timeout = 5000ms, connection limit = 5" {
		t.Errorf("got %+v", x)
	}
	seen, err := control.Call[daemon.Census](t.Context(), client, "/v1/pool/census", control.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, one := range seen.Connections {
		all = append(all, one.Role+" "+one.Application+" "+one.Mode)
	}
	if got := strings.Join(all, ", "); got != "web page , app pooled session" {
		t.Errorf("connected are %s; of the pooled one only the client counts", got)
	}
}
