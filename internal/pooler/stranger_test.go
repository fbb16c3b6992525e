package pooler_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// Who may log in, and names a hundred databases that do not exist, leaves nothing behind for each.
func TestDatabasesThatDoNotExistLeaveNothingBehind(t *testing.T) {
	s := sized(1).start(t) // alone: it counts goroutines
	s.wire(t, 0).must("SELECT 1")
	before := runtime.NumGoroutine()
	for i := range 100 {
		start := []pgwire.Param{{Name: "user", Value: s.role()}, {Name: "database", Value: fmt.Sprintf("nowhere%d", i)}}
		if err := s.dial(t, 0).enter(pgwire.AppendStartup(nil, pgwire.Version30, start), password); err == nil {
			t.Fatal("let in")
		}
	}
	eventually(t, "what was made for them is gone", func() bool { return runtime.NumGoroutine() < before+20 })
}

// A Unix socket is an endpoint, too; the socket of a process that died is no obstacle, that of one that lives is.
func TestAnEndpointMayBeAUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hfs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, ".s.PGSQL.6432")
	u := setup{change: func(c *pooler.Config, _ *postgres.Config) {
		c.Endpoints = []pooler.Endpoint{{Listen: path, Mode: pooler.ModeTransaction}}
	}}
	s := u.start(t)
	for _, sql := range []string{"SELECT 'by socket'", "COPY (SELECT 'by socket') TO STDOUT"} {
		cmd := exec.CommandContext(t.Context(), "psql", "-XAt", "-h", dir, "-p", "6432", "-U", s.role(), "-d", s.db.Name, "-c", sql)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
		if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "by socket" {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if err := u.prepare(t).pooler.Start(t.Context()); err == nil {
		t.Error("two listen on one socket")
	}
	s.stop(t, patience)
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is left behind")
	}
	u.start(t)
}
