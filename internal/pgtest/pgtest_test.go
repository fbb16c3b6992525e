package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/lifecycle/lifecycletest"
)

// childVariable makes the test binary start a server, tell its pid, and wait to be killed.
const childVariable = "HOLDFAST_PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		Main(m)
		return
	}
	s, err := create(defaults())
	if err == nil {
		err = s.start()
	}
	fmt.Println(s.PID(), s.Host, err)
	_, _ = io.Copy(io.Discard, os.Stdin) // for ever
}

func TestTheServerEndsWithATestBinaryThatIsKilled(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	fields := strings.Fields(line)
	if err != nil || len(fields) != 3 || fields[2] != "<nil>" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(fields[1]) })
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		stat, err := os.ReadFile("/proc/" + fields[0] + "/stat")
		if err == nil && !strings.Contains(string(stat), ") Z ") {
			return fmt.Errorf("postmaster %s lives", fields[0])
		}
		return nil
	})
}

func TestAServerWithTLSShowsItsCertificate(t *testing.T) {
	t.Parallel()
	s := Cluster(t, TLS(), HBA("hostssl all all 127.0.0.1/32 trust"))
	conn, err := pgx.Connect(t.Context(), s.TCPURL("postgres", "postgres", "")+"?sslmode=verify-full&sslrootcert="+s.CertFile())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if n := count(t, conn, "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()"); n != 1 {
		t.Error("the connection is not encrypted")
	}
}

func count(t *testing.T, conn *pgx.Conn, query string) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTwoDatabasesDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	a, b := Database(t), Database(t)
	a.Exec(t, "CREATE TABLE here (n int)")
	if n := count(t, b.Conn(t), "SELECT count(*) FROM pg_tables WHERE tablename = 'here'"); n != 0 {
		t.Fatalf("the table of one database is seen in the other")
	}
	if n := count(t, a.Conn(t), "SELECT count(*) FROM here"); n != 0 {
		t.Fatalf("got %d rows", n)
	}
}

func TestATemplateIsBuiltOnce(t *testing.T) {
	t.Parallel()
	built := 0
	name := fmt.Sprintf("filled%d", serial.Add(1)) // another one each time with -count
	build := func(ctx context.Context, url string) error {
		built++
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		_, err = conn.Exec(ctx, "CREATE TABLE filled AS SELECT 7 AS n")
		return err
	}
	for range 3 {
		if n := count(t, Template(t, name, build).Conn(t), "SELECT n FROM filled"); n != 7 {
			t.Fatalf("got %d", n)
		}
	}
	if built != 1 {
		t.Fatalf("built %d times", built)
	}
}

func TestAKilledDurableClusterStartsAgainWithItsRows(t *testing.T) {
	t.Parallel()
	s := Cluster(t, Durable(), Setting("max_connections", "17"))
	db := s.Database(t)
	db.Exec(t, "CREATE TABLE kept AS SELECT generate_series(1, 100)")
	s.Kill(t)
	if s.PID() != 0 {
		t.Fatal("it runs after it was killed")
	}
	s.Start(t)
	conn := db.Conn(t)
	if n := count(t, conn, "SELECT count(*) FROM kept"); n != 100 {
		t.Fatalf("%d of 100 rows are left", n)
	}
	if n := count(t, conn, "SELECT setting::int FROM pg_settings WHERE name = 'max_connections'"); n != 17 {
		t.Fatalf("max_connections is %d", n)
	}
	if n := count(t, conn, "SELECT count(*) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'on'"); n != 2 {
		t.Fatal("a durable cluster does not sync")
	}
	if _, err := os.Stat(filepath.Join(s.DataDir(), "PG_VERSION")); err != nil {
		t.Fatal(err)
	}
}

func TestHBALinesDecideWhoMayLogInOverTCP(t *testing.T) {
	t.Parallel()
	s := Cluster(t, TCP(), HBA("host all app 127.0.0.1/32 scram-sha-256"))
	s.Exec(t, "CREATE ROLE app LOGIN PASSWORD 'right'")
	try := func(password string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, s.TCPURL("postgres", "app", password))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	if err := try("right"); err != nil {
		t.Fatal(err)
	}
	if err := try("wrong"); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Fatalf("wrong password: %v", err)
	}
	s.SetHBA(t, "host all all 127.0.0.1/32 reject")
	if err := try("right"); err == nil || !strings.Contains(err.Error(), "28000") {
		t.Fatalf("rejected by pg_hba.conf: %v", err)
	}
}

func TestTextSortsLinguisticallyUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	s := Server(t)
	if s.Major < 15 {
		t.Logf("PostgreSQL %d has no ICU default collation", s.Major)
		return
	}
	if n := count(t, Database(t).Conn(t), `SELECT count(*) WHERE 'a' < 'B' AND NOT 'a' < 'B' COLLATE "C"`); n != 1 {
		t.Fatal("the default collation is byte order: queries that forget COLLATE would pass")
	}
}

func TestSweepRemovesWhatNobodyOwns(t *testing.T) {
	old := time.Now().Add(-2 * settleTime)
	orphan, err := os.MkdirTemp(base(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	owned, err := newDir(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owned.remove() }()
	for _, path := range []string{orphan, owned.path} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if _, err := os.Stat(orphan); !os.IsNotExist(err) {
		t.Fatalf("orphan: %v", err)
	}
	if _, err := os.Stat(owned.path); err != nil {
		t.Fatalf("a living owner's directory was swept: %v", err)
	}
}
