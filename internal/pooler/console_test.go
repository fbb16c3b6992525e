package pooler_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// console leads to the console through an endpoint.
func (s *site) consoleURL(endpoint int, user, word string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, word), Host: s.pooler.Addr(endpoint), Path: "/pgbouncer"}
	return u.String() + "?sslmode=disable"
}

// console connects an administrator.
func (s *site) console(t testing.TB) *pgx.Conn {
	t.Helper()
	return dialConsole(t, s.consoleURL(0, s.role(), password))
}

func dialConsole(t testing.TB, where string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// show returns the rows of a table, each by column.
func show(t testing.TB, conn *pgx.Conn, name string) []map[string]any {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SHOW "+name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		t.Fatalf("SHOW %s: %v", name, err)
	}
	return all
}

// find returns the one row with that value.
func find(t testing.TB, rows []map[string]any, column string, value any) map[string]any {
	t.Helper()
	for _, r := range rows {
		if r[column] == value {
			return r
		}
	}
	t.Fatalf("no %s %v in %v", column, value, rows)
	return nil
}

// command runs one that must succeed.
func command(t testing.TB, conn *pgx.Conn, text string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// stateOf returns the SQLSTATE of an error.
func stateOf(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code
	}
	if err == nil {
		return "none"
	}
	return err.Error()
}

// hintOf returns the hint of an error.
func hintOf(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

func withUsers(c *pooler.Config, _ *postgres.Config) {
	c.Admins, c.StatsUsers = []string{"boss"}, []string{"exporter"}
}

// The configuration's own user may do everything unless administrators are named; statistics users may look; nobody else
// gets in, and nobody without the password. (S2-30)
func TestTheConsoleKnowsWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s, named := setup{}.start(t), setup{change: withUsers}.start(t)
	command(t, s.console(t), "RECONNECT")
	command(t, dialConsole(t, named.consoleURL(1, "boss", password)), "RECONNECT")
	exporter := dialConsole(t, named.consoleURL(0, "exporter", password))
	if len(show(t, exporter, "POOLS")) == 0 {
		t.Error("a statistics user sees no pools")
	}
	for _, text := range []string{"PAUSE", "RECONNECT", "KILL_CLIENT 1", "SET query_wait_timeout = 1", "SHUTDOWN", "RELOAD", "SHOW FDS"} {
		if _, err := exporter.Exec(t.Context(), text); stateOf(err) != "42501" {
			t.Errorf("%s of a statistics user: %v; want 42501", text, err)
		}
	}
	for where, want := range map[string]string{
		s.consoleURL(0, "stranger", password):       "42501",
		named.consoleURL(1, named.role(), password): "42501",
		named.consoleURL(0, "boss", "guess"):        "28P01",
	} {
		if _, err := pgx.Connect(t.Context(), where); stateOf(err) != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if n := show(t, exporter, "LISTS"); find(t, n, "list", "used_clients")["items"] != int32(0) {
		t.Errorf("those who were refused count: %v", n)
	}
}

// Every table comes through psql, from endpoints of every kind: sessions, transactions, a Unix socket, and TLS.
func TestPsqlSeesEveryTableAtEveryEndpoint(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hf") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a := newAuthority(t)
	a.sign(t, "server", "server")
	s := setup{change: func(c *pooler.Config, _ *postgres.Config) {
		c.Peers = []pooler.Peer{{ID: 7, Address: "192.0.2.1:6432"}}
		c.Endpoints = append(c.Endpoints, pooler.Endpoint{Listen: filepath.Join(dir, ".s.PGSQL.6432")},
			pooler.Endpoint{Listen: "127.0.0.1:0", TLS: "require", TLSCert: a.file("server.crt"), TLSKey: a.file("server.key")})
	}}.start(t)
	busy := s.connect(t, 1)
	if _, err := busy.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	for endpoint := range 4 {
		where := "user=" + s.role() + " dbname=pgbouncer sslmode=prefer host=" + dir + " port=6432"
		if host, port, err := net.SplitHostPort(s.pooler.Addr(endpoint)); err == nil {
			where = "user=" + s.role() + " dbname=holdfast sslmode=prefer host=" + host + " port=" + port
		}
		for _, table := range []string{
			"CONFIG", "DATABASES", "POOLS", "CLIENTS", "SERVERS", "USERS", "VERSION", "PEERS", "PEER_POOLS", "FDS", "SOCKETS",
			"LISTS", "MEM", "STATE", "STATS", "STATS_TOTALS", "STATS_AVERAGES", "TOTALS", "HOSTS",
		} {
			if out := psql(t, where, "SHOW "+table); out == "" {
				t.Errorf("SHOW %s at endpoint %d has no rows", table, endpoint)
			}
		}
		for _, table := range []string{"ACTIVE_SOCKETS", "DNS_HOSTS", "DNS_ZONES", "REPLICATION", "PINS", "PREPARED_STATEMENTS", "HELP"} {
			psql(t, where, "SHOW "+table)
		}
		clients := psql(t, where, "SHOW CLIENTS")
		if endpoint == 3 && !strings.Contains(clients, "|TLSv1.3/TLS_") {
			t.Errorf("the client inside TLS is not among:\n%s", clients)
		}
	}
}

// psql runs one command, which must succeed.
func psql(t testing.TB, where, text string) string {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal("psql is missing: apt-get install postgresql-client")
	}
	cmd := exec.CommandContext(t.Context(), path, "-X", "-At", "-v", "ON_ERROR_STOP=1", where, "-c", text)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql -c %q: %v\n%s", text, err, out)
	}
	return string(out)
}

func TestPsycopgSteersThePooler(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	if _, err := s.connect(t, 1).Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(s.pooler.Addr(1))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/console.py", host, port, s.role(), password, s.db.Name)
	out, err := cmd.CombinedOutput()
	if n := strings.Count(string(out), "ok "); err != nil || n != 9 {
		t.Errorf("%d steps of 9 (%v; needs apt-get install python3-psycopg2):\n%s", n, err, out)
	}
}

// An administrator gets in when all places for clients are taken. (S2-30)
func TestTheConsoleHasPlacesOfItsOwn(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, _ *postgres.Config) { c.MaxClients = 1 }}.start(t)
	if _, err := s.connect(t, 0).Exec(t.Context(), "SELECT 1"); err != nil { // now it is in, not only greeted
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), s.url(0)+"?sslmode=disable"); stateOf(err) != "53300" {
		t.Fatalf("a second client: %v; want 53300", err)
	}
	admin := s.console(t)
	lists := show(t, admin, "LISTS")
	if find(t, lists, "list", "used_clients")["items"] != int32(1) || find(t, lists, "list", "free_clients")["items"] != int32(0) {
		t.Errorf("got %v", lists)
	}
}

// A console that somebody sits at does not hold up the end of the process, whatever it does; it is told.
func TestConsolesEndWithThePooler(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	s.wire(t, 0).query("BEGIN")
	silent, pausing := s.console(t), s.console(t)
	paused := make(chan error, 1)
	go func() { // ends with the pooler
		_, err := pausing.Exec(context.Background(), "PAUSE")
		paused <- err
	}()
	eventually(t, "the pause has begun", func() bool { return s.pooler.Status().Pools[0].Paused })
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = s.pooler.Stop(short) // the transaction is cut, which may be told
	if err := <-paused; stateOf(err) != "57014" && stateOf(err) != "57P01" {
		t.Errorf("a command under way: %v", err)
	}
	if _, err := silent.Exec(t.Context(), "SHOW STATE"); err == nil {
		t.Error("the console answers after the end")
	}
}
