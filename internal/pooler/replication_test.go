package pooler_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// streaming makes a site whose role may replicate, on a server that asks everybody for a password.
func streaming(t *testing.T) (*site, *pgtest.PG) {
	t.Helper()
	server := pgtest.Cluster(t, pgtest.Setting("wal_level", "logical"),
		pgtest.HBA("local all all scram-sha-256", "local replication all scram-sha-256"))
	s := setup{server: server, change: func(c *pooler.Config, pg *postgres.Config) {
		pg.Options.Pool.MaxSize, pg.Options.Pool.Timeout = 3, unit.Duration(time.Second)
	}}.start(t)
	server.Exec(t, "ALTER ROLE "+s.role()+" REPLICATION")
	return s, server
}

// program is one of PostgreSQL's own, which connects to an endpoint.
func (s *site) program(t *testing.T, pg *pgtest.PG, endpoint int, name string, args ...string) *exec.Cmd {
	t.Helper()
	host, port, err := net.SplitHostPort(s.pooler.Addr(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	t.Cleanup(stop)
	cmd := exec.CommandContext(ctx, filepath.Join(pg.Bin(), name), args...) //nolint:gosec // PostgreSQL's programs
	cmd.Env = append(os.Environ(), "PGHOST="+host, "PGPORT="+port, "PGUSER="+s.role(), "PGPASSWORD="+password, "PGDATABASE="+s.db.Name, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// PostgreSQL's own programs for replication work through endpoints of both modes.
func TestPostgreSQLsReplicationProgramsWork(t *testing.T) {
	t.Parallel()
	s, server := streaming(t)
	w := s.wire(t, 1)
	w.must("CREATE TABLE changed (id int PRIMARY KEY)")
	for endpoint := range 2 {
		got := output(t, s.program(t, server, endpoint, "psql", "-XAt", "-d", "dbname="+s.db.Name+" replication=database", "-c", "IDENTIFY_SYSTEM"))
		if parts := strings.Split(strings.TrimSpace(got), "|"); len(parts) != 4 || parts[3] != s.db.Name {
			t.Errorf("endpoint %d: IDENTIFY_SYSTEM: %q", endpoint, got)
		}
		copied := filepath.Join(t.TempDir(), "copy")
		output(t, s.program(t, server, endpoint, "pg_basebackup", "-D", copied, "--checkpoint=fast", "--wal-method=stream"))
		if _, err := os.Stat(filepath.Join(copied, "backup_manifest")); err != nil {
			t.Errorf("endpoint %d: %v", endpoint, err)
		}
		s.receivesWAL(t, server, endpoint)
		s.receivesChanges(t, server, endpoint, w)
	}
	s.leavesNothing(t)
}

// receivesWAL checks that pg_receivewal gets a whole file of WAL.
func (s *site) receivesWAL(t *testing.T, server *pgtest.PG, endpoint int) {
	t.Helper()
	dir := t.TempDir()
	cmd := s.program(t, server, endpoint, "pg_receivewal", "-D", dir, "--no-loop", "--status-interval=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pg_receivewal streams", func() bool {
		return s.super(t, "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pg_receivewal'") == "1"
	})
	eventually(t, "a file of WAL is whole", func() bool {
		server.Exec(t, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 100000))", "SELECT pg_switch_wal()")
		whole, _ := filepath.Glob(filepath.Join(dir, "????????????????????????")) // the only error is a bad pattern
		return len(whole) > 0
	})
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("endpoint %d: pg_receivewal: %v\n%s", endpoint, err, &said)
	}
}

// receivesChanges checks that pg_recvlogical gets what is written.
func (s *site) receivesChanges(t *testing.T, server *pgtest.PG, endpoint int, w *wire) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "changes")
	output(t, s.program(t, server, endpoint, "pg_recvlogical", "-d", s.db.Name, "--slot=changes", "--plugin=test_decoding", "--create-slot"))
	cmd := s.program(t, server, endpoint, "pg_recvlogical", "-d", s.db.Name, "--slot=changes", "--start", "--no-loop", "--file", file, "--fsync-interval=0", "--status-interval=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id := []string{"41", "42"}[endpoint]
	w.must("INSERT INTO changed VALUES (" + id + ")")
	eventually(t, "the change is there", func() bool {
		b, _ := os.ReadFile(file) // until it is there
		return strings.Contains(string(b), "INSERT: id[integer]:"+id)
	})
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("endpoint %d: pg_recvlogical: %v\n%s", endpoint, err, &said)
	}
	eventually(t, "the slot is free", func() bool { return s.super(t, "SELECT count(*) FROM pg_replication_slots WHERE active") == "0" })
	output(t, s.program(t, server, endpoint, "pg_recvlogical", "-d", s.db.Name, "--slot=changes", "--drop-slot"))
}

// leavesNothing checks that no server session or pool is left of replication connections.
func (s *site) leavesNothing(t *testing.T) {
	t.Helper()
	eventually(t, "no replication connection is left", func() bool {
		return s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'") == "0"
	})
	eventually(t, "no pool is left of them", func() bool { return len(s.pooler.Status().Pools) <= 2 })
}

// Replication connections are never shared, carry what their client asked for, and count against the limit of a pool.
func TestTrap18ReplicationConnectionsAreTheirClientsOwn(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	replication := pgwire.Param{Name: "replication", Value: "database"}
	seen := map[string]bool{}
	var open []*wire
	for i := range 3 {
		w := s.wire(t, i%2, replication, pgwire.Param{Name: "application_name", Value: "copier"}, pgwire.Param{Name: "options", Value: "-c work_mem=7MB"})
		if got := w.must("SHOW work_mem"); got != "7MB" {
			t.Error(got)
		}
		if got := w.params["application_name"]; got != "copier" {
			t.Errorf("application_name is %q", got)
		}
		seen[w.must("SELECT pg_backend_pid()")] = true
		open = append(open, w)
	}
	if len(seen) != 3 {
		t.Errorf("%d server sessions for 3 clients", len(seen))
	}
	s.wire(t, 0, replication)
	var refused *refusedError
	if err := s.dial(t, 0).logIn(s, pgwire.Version30, replication); !errors.As(err, &refused) || refused.Code != "53300" {
		t.Errorf("one more than the limit: %v; want 53300", err)
	}
	s.wire(t, 0).must("SELECT 1") // the ordinary pool has its own limit
	_ = open[0].conn.Close()
	eventually(t, "there is room again", func() bool { return s.dial(t, 0).logIn(s, pgwire.Version30, replication) == nil })
	if got := s.wire(t, 0, pgwire.Param{Name: "replication", Value: "off"}).must("SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()"); got != "client backend" {
		t.Errorf("replication=off: %s", got)
	}
}

// Physical replication on the wire: COPY goes both ways, and the end of it leaves the session usable.
func TestCopyBothWays(t *testing.T) {
	t.Parallel()
	s, server := streaming(t)
	w := s.wire(t, 0, pgwire.Param{Name: "replication", Value: "true"})
	at := strings.Split(w.must("IDENTIFY_SYSTEM"), "|")[2]
	w.send(pgwire.AppendQuery(nil, "START_REPLICATION PHYSICAL "+at))
	if typ, _ := w.one(); pgwire.BackendType(typ) != pgwire.CopyBothResponse {
		t.Fatalf("%q", typ)
	}
	status := make([]byte, 34)
	status[0], status[33] = 'r', 1 // a status update that wants an answer
	binary.BigEndian.PutUint64(status[1:], 1)
	w.send(pgwire.AppendCopyData(nil, status))
	server.Exec(t, "SELECT pg_logical_emit_message(false, 'x', 'y')")
	got := map[byte]bool{}
	for !got['w'] || !got['k'] {
		typ, body := w.one()
		if pgwire.BackendType(typ) != pgwire.BackendCopyData {
			t.Fatalf("%q %q", typ, body)
		}
		got[body[0]] = true
	}
	w.send(pgwire.AppendBare(nil, pgwire.FrontendCopyDone))
	if a := w.answer(); !strings.HasSuffix(a.types, "CZ") && !strings.HasSuffix(a.types, "CCZ") {
		t.Errorf("%+v", a)
	}
	if got := w.must("IDENTIFY_SYSTEM"); got == "" {
		t.Error("the session is of no use after COPY")
	}
}
