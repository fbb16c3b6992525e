package pooler_test

import (
	"context"
	"log/slog"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"holdfast/internal/pgauth"
	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

const password = "correct horse battery"

// doorman lets everybody in who knows the password.
type doorman struct{ keys scram.Keys }

func (d doorman) Decide(context.Context, pgauth.Attempt) (*pgauth.Decision, error) {
	return &pgauth.Decision{Method: pgauth.SCRAM, Keys: d.keys}, nil
}

// site is a pooler in front of a database of its own.
type site struct {
	db     *pgtest.DB
	pooler *pooler.Pooler
	direct *pgxpool.Pool // to the server, beside the pooler
}

// open starts a pooler with one endpoint for each mode.
func open(t testing.TB, change func(*pooler.Config, *postgres.Config)) *site {
	t.Helper()
	db := pgtest.Database(t)
	keys, err := scram.NewVerifier(password, 4096)
	if err != nil {
		t.Fatal(err)
	}
	role := "app_" + db.Name
	db.Exec(t, "CREATE ROLE "+role+" LOGIN PASSWORD '"+keys.String()+"'", "GRANT ALL ON SCHEMA public TO "+role)
	u, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	pg := postgres.DefaultConfig()
	pg.Host, pg.Name, pg.Username, pg.Password = u.Query().Get("host"), db.Name, role, secret.New(password)
	pg.Port, _ = strconv.Atoi(u.Query().Get("port"))
	pg.SSLMode = "disable"
	pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 2, 5
	pg.Options.Pool.Timeout = unit.Duration(5 * time.Second)
	c := pooler.DefaultConfig()
	c.Endpoints = []pooler.Endpoint{{Listen: "127.0.0.1:0"}, {Listen: "127.0.0.2:0", Mode: pooler.ModeTransaction}}
	if change != nil {
		change(&c, &pg)
	}
	p, err := pooler.New(c, pooler.Options{Database: pg, Authenticator: doorman{keys}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &site{db: db, pooler: p, direct: db.Pool(t)}
}

// url leads to an endpoint: 0 for sessions, 1 for transactions.
func (s *site) url(endpoint int) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("app_"+s.db.Name, password), Host: s.pooler.Addr(endpoint), Path: "/" + s.db.Name}
	return u.String()
}

func (s *site) connect(t testing.TB, endpoint int) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url(endpoint)+"?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestAClientLogsInAndAsks(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for endpoint := range 2 {
		conn := s.connect(t, endpoint)
		for i := range 10 {
			var n int
			if err := conn.QueryRow(t.Context(), "SELECT $1::int + 1", i).Scan(&n); err != nil || n != i+1 {
				t.Fatalf("endpoint %d: %d, %v; want %d", endpoint, n, err, i+1)
			}
		}
	}
}
