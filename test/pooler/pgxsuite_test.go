package pooler_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// The test suite of the pgx module itself, through a session endpoint: what passes direct has to pass. With HOLDFAST_SOAK all of its
// packages run, else some of what is about the wire.
//
// Left out are those of hopeless.
func TestTheSuiteOfPgxItself(t *testing.T) {
	t.Parallel()
	least := 75 // of 77: one or two may fail by themselves, directly as well
	tests := []string{"-run=^Test(Exec|Pipeline|CopyFrom|CopyTo|ConnExec|ConnCopy|ConnEscape|ConnWaitForNotification|ResultReader|Fatal|Hijack)", "./pgconn"}
	if os.Getenv("HOLDFAST_SOAK") != "" {
		least = 2500 // of 2,536
		tests = []string{".", "./pgconn/...", "./pgtype/...", "./pgxpool/...", "./stdlib/...", "./pgproto3/...", "./tracelog/...", "./multitracer/..."}
	}
	tests = append([]string{"-skip=^(" + strings.Join(hopeless(), "|") + ")$"}, tests...)
	dir := copyModule(t, "github.com/jackc/pgx/v5")
	s := setup{
		servers: 60, options: []pgtest.Option{pgtest.Setting("max_connections", "200")},
		change: func(c *pooler.Config, pg *postgres.Config) { pg.Username = "app" },
	}.start(t)
	s.db.Exec(t, "ALTER ROLE app SUPERUSER", "CREATE DOMAIN uint64 AS numeric(20,0)",
		"CREATE EXTENSION hstore", "CREATE EXTENSION ltree")
	ways := s.ways()
	direct, through := s.suite(t, dir, ways[0], tests), s.suite(t, dir, ways[1], tests)
	passed := 0
	for name, result := range direct {
		switch {
		case result != "pass":
			t.Logf("%s direct: %s", result, name)
		case through[name] == "pass":
			passed++
		default:
			t.Errorf("%s through the pooler: %s", through[name], name)
		}
	}
	t.Logf("%d tests pass direct and through, of %d", passed, len(direct))
	if passed < least {
		t.Errorf("only %d tests pass, of at least %d", passed, least)
	}
}

// hopeless are tests that cannot pass through any pooler. All but the last end the backend of their own connection by the process
// id of BackendKeyData, which is the pooler's, as with PgBouncer, and means nothing to PostgreSQL. The last wants a server of
// version 15 to know no protocol 3.2, which the pooler speaks itself.
func hopeless() []string {
	return []string{
		"TestConnPing", "TestConnCheckConn", "TestCheckIdleConn", "TestPoolAcquireChecksIdleConns", "TestFatalTxError", "TestFatalRxError",
		"TestConnectProtocolVersion32",
	}
}

// copyModule copies a module that go.mod names, to run its tests there.
func copyModule(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "module")
	if out, err := exec.CommandContext(t.Context(), "cp", "-r", strings.TrimSpace(string(out)), to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "chmod", "-R", "u+w", to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return to
}

// directory is that of a test, in the names of its parts.
var directory = regexp.MustCompile(`/tmp/Test\w+/\d+`)

// suite runs tests over a way and returns how each of them ended.
func (s *site) suite(t *testing.T, dir string, w way, tests []string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-json", "-count=1", "-p=1", "-timeout=10m"}, tests...)...)
	cmd.Dir = dir
	dsn := fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s sslmode=disable", w.host, w.port, s.role, password, s.db.Name)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "PGX_TEST_DATABASE="+dsn, "PGX_TEST_TCP_CONN_STRING="+dsn)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, t.Output()
	_ = cmd.Run() // what failed is in its output
	results, said := map[string]string{}, map[string]string{}
	for d := json.NewDecoder(&out); ; {
		var e struct{ Action, Package, Test, Output string }
		if d.Decode(&e) != nil {
			break
		}
		name := directory.ReplaceAllString(e.Package+" "+e.Test, "")
		switch e.Action {
		case "output":
			said[name] += e.Output
		case "pass", "fail":
			if e.Test != "" {
				results[name] = e.Action
			}
			if e.Action == "fail" && w.name != "direct" {
				t.Logf("%s", said[name])
			}
		}
	}
	return results
}
