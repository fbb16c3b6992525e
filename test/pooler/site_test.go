package pooler_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/pgauth"
	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const password = "correct horse battery"

// doorman lets everybody in who knows the password.
type doorman struct{ keys scram.Keys }

func (d doorman) Decide(context.Context, pgauth.Attempt) (*pgauth.Decision, error) {
	return &pgauth.Decision{Method: pgauth.SCRAM, Keys: d.keys}, nil
}

// site is a PostgreSQL with a pooler in front of it.
type site struct {
	server *pgtest.PG
	db     *pgtest.DB
	pooler *pooler.Pooler
	role   string
}

// way is how a client comes to the database.
type way struct {
	name       string
	host, port string
}

// setup is what a test wants to have otherwise.
type setup struct {
	servers int
	trust   bool // log-ins cost nothing
	options []pgtest.Option
	change  func(*pooler.Config, *postgres.Config)
}

func (u setup) start(t testing.TB) *site {
	t.Helper()
	server := pgtest.Cluster(t, append([]pgtest.Option{pgtest.TCP()}, u.options...)...)
	s := &site{server: server, db: server.Database(t), role: "app"}
	keys, err := scram.NewVerifier(password, 4096)
	if err != nil {
		t.Fatal(err)
	}
	s.db.Exec(t, "CREATE ROLE app LOGIN PASSWORD '"+keys.String()+"'", "GRANT ALL ON SCHEMA public TO app", "ALTER DATABASE "+s.db.Name+" OWNER TO app")
	pg := postgres.DefaultConfig()
	pg.Host, pg.Port, pg.Name, pg.SSLMode = server.Host, server.Port, s.db.Name, "disable"
	pg.Username, pg.Password = s.role, secret.New(password)
	pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 1, max(u.servers, 4)
	pg.Options.Pool.Timeout = unit.Duration(60 * time.Second)
	c := pooler.DefaultConfig()
	c.Endpoints = []pooler.Endpoint{{Listen: "127.0.0.1:0"}, {Listen: "127.0.0.2:0", Mode: pooler.ModeTransaction}}
	if u.change != nil {
		u.change(&c, &pg)
	}
	var auth pooler.Authenticator = doorman{keys}
	if u.trust {
		auth = trusting{s.role}
	}
	s.pooler, err = pooler.New(c, pooler.Options{Database: pg, Authenticator: auth, Log: logTo(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.pooler.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		if err := s.pooler.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// trusting lets everybody in, as one role of the server.
type trusting struct{ role string }

func (a trusting) Decide(context.Context, pgauth.Attempt) (*pgauth.Decision, error) {
	return &pgauth.Decision{Method: pgauth.Trust, ServerUser: a.role, ServerPassword: secret.New(password)}, nil
}

// logTo logs what is wrong, not who comes and goes.
func logTo(t testing.TB) *slog.Logger {
	return slog.New(&alarm{slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}), t})
}

// ways returns the direct one first.
func (s *site) ways() []way {
	all := []way{{"direct", "127.0.0.1", fmt.Sprint(s.server.Port)}}
	for i, mode := range []string{"session", "transaction"} {
		host, port, _ := net.SplitHostPort(s.pooler.Addr(i))
		all = append(all, way{mode, host, port})
	}
	return all
}

// url of the database over a way.
func (s *site) url(w way) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", s.role, "correct%20horse%20battery", net.JoinHostPort(w.host, w.port), s.db.Name)
}

// environment is what libpq and its kin read.
func (s *site) environment(w way) []string {
	return append(os.Environ(), "PGHOST="+w.host, "PGPORT="+w.port, "PGUSER="+s.role, "PGPASSWORD="+password, "PGDATABASE="+s.db.Name,
		"PGSSLMODE=disable", "PGGSSENCMODE=disable", "DATABASE_URL="+s.url(w), "PYTHONDONTWRITEBYTECODE=1")
}

// program finds a program, Debian's first.
func program(t testing.TB, name, install string) string {
	t.Helper()
	path := filepath.Join("/usr/bin", name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed for this test: %s", name, install)
	}
	return path
}

// run runs a program over a way and returns what it printed.
func (s *site) run(t testing.TB, w way, stdin io.Reader, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdin = s.environment(w), stdin
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %s %v: %v\n%s\n%s", w.name, name, args, err, out.String(), complaints.String())
	}
	return out.String()
}

// twins runs a script over each way and compares what it prints.
func (s *site) twins(t *testing.T, script func(t *testing.T, w way) string) {
	t.Helper()
	var direct string
	for i, w := range s.ways() {
		got := script(t, w)
		switch {
		case i == 0:
			direct = got
		case got != direct:
			t.Errorf("%s mode:\n%s\n\ndirect:\n%s", w.name, got, direct)
		}
	}
	if direct == "" {
		t.Error("the script printed nothing")
	}
}
