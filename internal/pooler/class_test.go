package pooler_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// S0-13, C-04: limits belong to the class of the caller; who changes one for itself changes it for nobody else.
func TestLimitsBelongToTheClassOfTheCaller(t *testing.T) {
	t.Parallel()
	s := setup{auth: byName{"postgres"}, change: func(c *pooler.Config, pg *postgres.Config) {
		c.Limits = map[string]pooler.Limit{"people": {StatementTimeout: unit.Duration(300 * time.Millisecond)}}
		pg.Options.Pool.MaxSize = 1
	}}.start(t)
	start := pgwire.AppendStartup(nil, pgwire.Version30, []pgwire.Param{{Name: "user", Value: "ada"}, {Name: "database", Value: s.db.Name}})
	for endpoint := range 2 {
		one := s.dial(t, endpoint)
		if err := one.enter(start, ""); err != nil {
			t.Fatal(err)
		}
		if a := one.query("SELECT pg_sleep(5)"); a.code() != "57014" {
			t.Errorf("endpoint %d: %+v", endpoint, a)
		}
		one.must("SET statement_timeout = 0")
		one.must("SELECT pg_sleep(0.5)")
		_ = one.conn.Close()
		two := s.dial(t, endpoint)
		if err := two.enter(start, ""); err != nil {
			t.Fatal(err)
		}
		if got := two.must("SHOW statement_timeout"); got != "300ms" {
			t.Errorf("endpoint %d: the next client has %s", endpoint, got)
		}
		two.must("SET statement_timeout = '1h'; RESET ALL")
		if got := two.must("SHOW statement_timeout"); got != "300ms" {
			t.Errorf("endpoint %d: RESET leads to %s", endpoint, got)
		}
		two.must("DISCARD ALL")
		if got := two.must("SHOW statement_timeout"); got != "300ms" {
			t.Errorf("endpoint %d: DISCARD leads to %s", endpoint, got)
		}
		_ = two.conn.Close()
	}
}

// S2-32: behind an existing PgBouncer, and in front of one.
func TestItWorksBehindAndInFrontOfPgBouncer(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/sbin/pgbouncer"); err != nil {
		t.Fatal("PgBouncer is needed for this test: apt-get install pgbouncer")
	}
	s := sized(3).start(t)
	_, port, _ := strings.Cut(s.pooler.Addr(1), ":")
	behind := s.bouncer(t, fmt.Sprintf("* = host=127.0.0.2 port=%s", port))
	s.talk(t, behind, "behind")

	front := s.bouncer(t, fmt.Sprintf("* = host=%s port=%d", s.db.Server.Host, s.db.Server.Port))
	chain := setup{auth: trusting{s.role()}, change: func(_ *pooler.Config, pg *postgres.Config) {
		pg.Host, pg.Port, pg.Name, pg.Username = front, 6432, s.db.Name, s.role()
	}}.start(t)
	w := chain.dial(t, 1)
	if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, s.startup()), ""); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if got := w.must(fmt.Sprintf("SELECT 'through both %d'", i)); got != fmt.Sprintf("through both %d", i) {
			t.Error(got)
		}
		if a := w.ask("", "SELECT $1::int + 1", fmt.Sprint(i)); strings.Join(a.rows, "") != fmt.Sprint(i+1) {
			t.Errorf("%+v", a)
		}
	}
}

// talk asks this and that over a socket.
func (s *site) talk(t *testing.T, dir, who string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "psql", "-XAt", "-h", dir, "-p", "6432", "-U", s.role(), "-d", s.db.Name)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	cmd.Stdin = strings.NewReader("SELECT '" + who + "';\nBEGIN;\nSELECT 1/0;\nROLLBACK;\nCOPY (SELECT generate_series(1, 3)) TO STDOUT;\nSELECT 'end';\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), who+"\n") || !strings.Contains(string(out), "1\n2\n3\nend") {
		t.Errorf("%v\n%s", err, out)
	}
}

// bouncer starts PgBouncer with such a list of databases and returns the directory of its socket, which has number 6432.
func (s *site) bouncer(t *testing.T, databases string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ini := fmt.Sprintf(`[databases]
%s
[pgbouncer]
unix_socket_dir = %s
listen_addr =
listen_port = 6432
auth_type = trust
auth_file = %s/users
admin_users = %s
pool_mode = session
max_client_conn = 50
logfile =
pidfile =
server_tls_sslmode = disable
ignore_startup_parameters = extra_float_digits,options
`, databases, dir, dir, s.role())
	for name, text := range map[string]string{"ini": ini, "users": fmt.Sprintf("%q %q\n", s.role(), password)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // PgBouncer runs as somebody else
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // its socket is made there
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/usr/sbin/pgbouncer", filepath.Join(dir, "ini"))
	if os.Getuid() == 0 {
		cmd = exec.CommandContext(t.Context(), "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "/usr/sbin/pgbouncer", filepath.Join(dir, "ini"))
	}
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("PgBouncer:\n%s", said.String())
		}
	})
	eventually(t, "PgBouncer listens", func() bool {
		conn, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL.6432"))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return dir
}
