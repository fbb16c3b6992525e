package pooler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// inBackground runs a statement, whose error comes by the channel.
func inBackground(conn *pgx.Conn, text string) <-chan error {
	done := make(chan error, 1)
	go func() { // ends with the statement, or with its connection at the end of the test
		_, err := conn.Exec(context.Background(), text)
		done <- err
	}()
	return done
}

// database returns the row of the site's database.
func (s *site) row(t testing.TB, admin *pgx.Conn) map[string]any {
	t.Helper()
	return find(t, show(t, admin, "DATABASES"), "name", s.db.Name)
}

// PAUSE lets transactions end and holds the next ones; RESUME lets them go on. Nobody gets an error.
func TestPauseWaitsForTransactionsAndHoldsNewOnes(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	admin, watcher, client, other := s.console(t), s.console(t), s.connect(t, 1), s.connect(t, 1)
	command(t, client, "BEGIN")
	paused := inBackground(admin, "PAUSE "+s.db.Name)
	eventually(t, "it is paused", func() bool { return s.row(t, watcher)["paused"] == int32(1) })
	asked := inBackground(other, "SELECT 1")
	s.waiting(t, 1)
	select {
	case err := <-paused:
		t.Fatalf("PAUSE did not wait for a transaction: %v", err)
	default:
	}
	command(t, client, "COMMIT")
	if err := <-paused; err != nil {
		t.Fatalf("PAUSE: %v", err)
	}
	if n := len(show(t, watcher, "SERVERS")); n != 0 {
		t.Errorf("%d servers are left", n)
	}
	select {
	case err := <-asked:
		t.Errorf("a new transaction did not wait: %v", err)
	default:
	}
	command(t, watcher, "RESUME "+s.db.Name)
	if err := <-asked; err != nil {
		t.Errorf("a client that waited: %v", err)
	}
	if _, err := watcher.Exec(t.Context(), "RESUME "+s.db.Name); stateOf(err) != "55000" {
		t.Errorf("RESUME of what is not paused: %v", err)
	}
	if _, err := watcher.Exec(t.Context(), "PAUSE nobody"); stateOf(err) != "3D000" {
		t.Errorf("PAUSE of a database that nobody uses: %v", err)
	}
}

// A PAUSE that is cancelled is taken back: the cancel request finds the console like any session.
func TestACancelledPauseIsTakenBack(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	admin, watcher, client, other := s.console(t), s.console(t), s.connect(t, 1), s.connect(t, 1)
	command(t, client, "BEGIN")
	paused := inBackground(admin, "PAUSE")
	eventually(t, "all are paused", func() bool { return find(t, show(t, watcher, "STATE"), "key", "paused")["value"] == "yes" })
	if err := admin.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-paused; stateOf(err) != "57014" {
		t.Fatalf("PAUSE: %v", err)
	}
	command(t, other, "SELECT 1")
	command(t, client, "COMMIT")
	command(t, admin, "SHOW VERSION")
}

func TestAReconnectRenewsConnectionsWithoutAnybodyNoticing(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	admin, client := s.console(t), s.connect(t, 1)
	pid := func() (n int) {
		if err := client.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	command(t, client, "BEGIN")
	before := pid()
	command(t, admin, "RECONNECT "+s.db.Name)
	if find(t, show(t, admin, "SERVERS"), "remote_pid", int32(before))["close_needed"] != int32(1) { //nolint:gosec // a process id
		t.Error("the server in use is not marked")
	}
	closed := inBackground(admin, "WAIT_CLOSE "+s.db.Name)
	if now := pid(); now != before {
		t.Errorf("the transaction moved from %d to %d", before, now)
	}
	command(t, client, "COMMIT")
	if err := <-closed; err != nil {
		t.Errorf("WAIT_CLOSE: %v", err)
	}
	if now := pid(); now == before {
		t.Errorf("it is still %d", now)
	}
}

func TestKillClientEndsOneAndKillEndsAll(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	admin, first, second := s.console(t), s.connect(t, 0), s.connect(t, 1)
	command(t, first, "SET application_name = 'first'")
	command(t, second, "SET application_name = 'second'")
	row := find(t, show(t, admin, "CLIENTS"), "application_name", "first")
	if row["state"] != "active" || row["link"] == "" {
		t.Errorf("a client in session mode: %v", row)
	}
	if _, err := admin.Exec(t.Context(), "KILL_CLIENT "+row["ptr"].(string)); err != nil { //nolint:forcetypeassert // else it fails
		t.Fatal(err)
	}
	if _, err := first.PgConn().ReceiveMessage(t.Context()); stateOf(err) != "57P01" || !strings.Contains(hintOf(err), "an administrator of the pooler ended this session") {
		t.Errorf("the client that was killed: %v, %s", err, hintOf(err))
	}
	other := s.console(t)
	rows := show(t, admin, "CLIENTS")
	command(t, admin, "KILL_CLIENT "+rows[len(rows)-1]["ptr"].(string)) //nolint:forcetypeassert // else it fails
	if _, err := other.PgConn().ReceiveMessage(t.Context()); stateOf(err) != "57P01" || !strings.Contains(hintOf(err), "an administrator of the pooler ended this session") {
		t.Errorf("a console that was killed: %v, %s", err, hintOf(err))
	}
	command(t, second, "SELECT 1")
	running := inBackground(second, "SELECT pg_sleep(100)")
	s.running(t, "pg_sleep(100)", 1)
	command(t, admin, "KILL "+s.db.Name)
	if err := <-running; stateOf(err) != "57P01" {
		t.Errorf("a client of the database that was killed: %v", err)
	}
	s.running(t, "pg_sleep(100)", 0)
	if d := s.row(t, admin); d["paused"] != int32(1) || d["current_client_connections"] != int32(0) || d["current_connections"] != int32(0) {
		t.Errorf("after KILL: %v", d)
	}
	command(t, admin, "RESUME "+s.db.Name)
	command(t, s.connect(t, 1), "SELECT 1")
}

func TestADisabledDatabaseTakesNoNewClients(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	admin, client := s.console(t), s.connect(t, 1)
	command(t, admin, "DISABLE "+s.db.Name)
	if _, err := pgx.Connect(t.Context(), s.url(0)+"?sslmode=disable"); stateOf(err) != "57P03" {
		t.Errorf("a new client: %v", err)
	}
	command(t, client, "SELECT 1")
	command(t, admin, "ENABLE "+s.db.Name)
	s.connect(t, 0)
}

func TestSuspendedClientsAreNotReadUntilResume(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	admin, client := s.console(t), s.connect(t, 1)
	command(t, client, "SELECT 1")
	command(t, admin, "SUSPEND")
	if find(t, show(t, admin, "STATE"), "key", "suspended")["value"] != "yes" {
		t.Error("it is not suspended")
	}
	late := s.wire(t, 0) // logs in, and is not read either
	asked := inBackground(client, "SELECT 2")
	late.send(pgwire.AppendQuery(nil, "SELECT 'late'"))
	queries := func() string {
		return fmt.Sprint(find(t, show(t, admin, "STATS_TOTALS"), "database", s.db.Name)["query_count"])
	}
	before := queries()
	for range 3 {
		command(t, admin, "SHOW CLIENTS")
	}
	select {
	case err := <-asked:
		t.Fatalf("it was read all the same: %v", err)
	default:
	}
	if after := queries(); after != before {
		t.Errorf("%s queries were run, before it was %s", after, before)
	}
	command(t, admin, "RESUME")
	if err := <-asked; err != nil {
		t.Errorf("after RESUME: %v", err)
	}
	late.answer()
}

// SET changes what can be changed while the pooler runs, under PgBouncer's names and ours, and says so of the rest.
func TestSettingsChangeAtRunTime(t *testing.T) {
	t.Parallel()
	s := setup{change: func(_ *pooler.Config, pg *postgres.Config) { pg.Options.Pool.MaxSize = 1 }}.start(t)
	admin, holder, waiter := s.console(t), s.connect(t, 1), s.connect(t, 1)
	command(t, holder, "BEGIN")
	command(t, admin, "SET query_wait_timeout = 1")
	if _, err := waiter.Exec(t.Context(), "SELECT 1"); stateOf(err) != "53300" {
		t.Errorf("with a timeout of a second: %v", err)
	}
	command(t, admin, "SET default_pool_size = 2")
	command(t, waiter, "SELECT 1")
	command(t, admin, "SET max_client_conn TO 3")
	s.connect(t, 1)
	if _, err := pgx.Connect(t.Context(), s.url(0)+"?sslmode=disable"); stateOf(err) != "53300" {
		t.Errorf("a fourth client: %v", err)
	}
	command(t, admin, `SET "database.options.pool.timeout" = '7s'`)
	settings := show(t, admin, "CONFIG")
	for key, want := range map[string]string{
		"query_wait_timeout": "7", "default_pool_size": "2", "max_client_conn": "3", "database.options.pool.timeout": "7s",
	} {
		if row := find(t, settings, "key", key); row["value"] != want || row["changeable"] != "yes" {
			t.Errorf("%s: %v; want %s", key, row, want)
		}
	}
	for key, want := range map[string]string{"tcp_keepidle": "15", "tcp_user_timeout": "30000"} { // of the two, one is in milliseconds there
		if row := find(t, settings, "key", key); row["value"] != want || row["changeable"] != "no" {
			t.Errorf("%s: %v; want %s", key, row, want)
		}
	}
	for text, want := range map[string]string{
		"SET query_wait_timeout = 0": "22023", "SET default_pool_size = many": "22023", "SET max_client_conn = 0": "22023",
		"SET pool_mode = statement": "55000", "SET admin_users = eve": "55000", "SET nonsense = 1": "42704", "RELOAD": "55000",
	} {
		if _, err := admin.Exec(t.Context(), text); stateOf(err) != want {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

// No secret is shown, whatever a setting is called.
func TestTheConsoleShowsNoSecrets(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{"other": {Hosts: []string{"127.0.0.1:1"}, Password: pg.Password}}
		c.Auth.LDAP.SearchPassword = pg.Password
	}}.start(t)
	admin := s.console(t)
	for _, row := range show(t, admin, "CONFIG") {
		if value, _ := row["value"].(string); value == password {
			t.Errorf("%v", row)
		}
	}
	find(t, show(t, admin, "CONFIG"), "key", "database.routes.other.password")
}

// ended returns an Options.Shutdown and the channel that it closes.
func ended() (plug func(*pooler.Options), done chan struct{}) {
	done = make(chan struct{})
	return func(o *pooler.Options) { o.Shutdown = func() { close(done) } }, done
}

// wantTold checks that a client was told why its connection ends. It reads without asking: a question to a connection that is
// closed may fail before the driver looks at what came.
func wantTold(t *testing.T, who string, client *pgx.Conn) {
	t.Helper()
	if _, err := client.PgConn().ReceiveMessage(t.Context()); stateOf(err) != "57P01" {
		t.Errorf("%s: %v", who, err)
	}
}

func TestShutdownNowDropsEverybody(t *testing.T) {
	t.Parallel()
	plug, done := ended()
	s := setup{plug: plug}.start(t)
	admin, client := s.console(t), s.connect(t, 1)
	command(t, client, "BEGIN")
	command(t, admin, "SHUTDOWN")
	<-done
	wantTold(t, "a client in a transaction", client)
}

func TestShutdownWaitsForServers(t *testing.T) {
	t.Parallel()
	plug, done := ended()
	s := setup{plug: plug}.start(t)
	admin, working, idle := s.console(t), s.connect(t, 1), s.connect(t, 1)
	command(t, working, "BEGIN")
	command(t, admin, "SHUTDOWN WAIT_FOR_SERVERS")
	eventually(t, "who has no transaction is let go", func() bool { return s.pooler.Status().Clients == 1 })
	wantTold(t, "an idle client", idle)
	select {
	case <-done:
		t.Error("it did not wait for a transaction")
	default:
	}
	command(t, working, "COMMIT")
	<-done
}

func TestShutdownWaitsForClients(t *testing.T) {
	t.Parallel()
	plug, done := ended()
	s := setup{plug: plug}.start(t)
	admin, client := s.console(t), s.connect(t, 1)
	command(t, admin, "SHUTDOWN WAIT_FOR_CLIENTS")
	command(t, client, "SELECT 1")
	if _, err := pgx.Connect(t.Context(), s.url(0)+"?sslmode=disable"); err == nil {
		t.Error("a new client was let in")
	}
	select {
	case <-done:
		t.Error("it did not wait for a client")
	default:
	}
	_ = client.Close(t.Context())
	<-done
}

// A database that the configuration names is steered before anybody has come to it; one that nobody knows never is.
func TestADatabaseOfTheConfigurationIsSteeredBeforeAnybodyComes(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, db *postgres.Config) {
		c.Routes = map[string]pooler.Route{"archive": {Database: db.Name}, "old_*": {}}
	}}.start(t)
	admin := s.console(t)
	for _, words := range []string{"PAUSE", "RESUME", "DISABLE", "ENABLE", "RECONNECT", "WAIT_CLOSE", "KILL"} {
		for _, unknown := range []string{"nothing", `"old_*"`, "old_one"} {
			if _, err := admin.Exec(t.Context(), words+" "+unknown); stateOf(err) != "3D000" {
				t.Errorf("%s %s: %v; want 3D000", words, unknown, err)
			}
		}
	}
	command(t, admin, "PAUSE archive")
	client := s.dial(t, 1)
	start := []pgwire.Param{{Name: "user", Value: s.role()}, {Name: "database", Value: "archive"}}
	answered := make(chan error, 1)
	go func() {
		err := client.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), password)
		if err == nil && client.query("SELECT 1").code() != "" {
			err = errors.New("no answer")
		}
		answered <- err
	}()
	eventually(t, "the client waits", func() bool {
		for _, p := range s.pooler.Status().Pools {
			if p.Database == "archive" && p.Paused && p.Waiting > 0 {
				return true
			}
		}
		return false
	})
	command(t, admin, "RESUME archive")
	if err := <-answered; err != nil {
		t.Error(err)
	}
	command(t, admin, "DISABLE archive")
	command(t, admin, "ENABLE archive")
}
