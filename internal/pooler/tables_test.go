package pooler_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// A client that waits, one that keeps its server, and the server itself are shown as what they are, and point at each other.
func TestTablesShowWhoHasWhatAndWhoWaits(t *testing.T) {
	t.Parallel()
	s := setup{change: func(_ *pooler.Config, pg *postgres.Config) { pg.Options.Pool.MaxSize = 1 }}.start(t)
	admin, pinned, waits := s.console(t), s.connect(t, 1), s.connect(t, 1)
	command(t, pinned, "SET application_name = 'keeper'")
	command(t, pinned, "CREATE TEMP TABLE kept (a int)")
	asked := inBackground(waits, "SELECT 1")
	s.waiting(t, 1)

	clients := show(t, admin, "CLIENTS")
	keeper, waiter := find(t, clients, "application_name", "keeper"), find(t, clients, "state", "waiting")
	server := find(t, show(t, admin, "SERVERS"), "ptr", keeper["link"])
	if keeper["state"] != "active" || keeper["pinned"] != "temporary table" || keeper["user"] != s.role() || keeper["endpoint"] != "127.0.0.2:0" {
		t.Errorf("the client that keeps its server: %v", keeper)
	}
	if server["state"] != "active" || server["link"] != keeper["ptr"] || server["pinned"] != "temporary table" || server["person"] != s.role() {
		t.Errorf("its server: %v", server)
	}
	if pid := s.super(t, "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = 'keeper'", s.db.Name); fmt.Sprint(server["remote_pid"]) != pid {
		t.Errorf("the server's process is %s, and shown as %v", pid, server["remote_pid"])
	}
	if waiter["link"] != "" || waiter["database"] != s.db.Name || waiter["wait"] == int32(0) && waiter["wait_us"] == int32(0) {
		t.Errorf("the client that waits: %v", waiter)
	}
	pin := find(t, show(t, admin, "PINS"), "reason", "temporary table")
	if pin["client"] != keeper["id"] || pin["server"] != server["id"] || pin["since"] == nil {
		t.Errorf("the pin: %v", pin)
	}
	row := find(t, show(t, admin, "ENDPOINT_POOLS"), "pool", s.db.Name+"/"+s.role()+"@127.0.0.2:0")
	for column, want := range map[string]int32{"cl_active": 1, "cl_waiting": 1, "sv_active": 1, "sv_idle": 0, "sv_pinned": 1, "pool_size": 1} {
		if row[column] != want {
			t.Errorf("%s of the pool is %v, want %d", column, row[column], want)
		}
	}
	command(t, pinned, "DISCARD ALL")
	if err := <-asked; err != nil {
		t.Errorf("the client that waited: %v", err)
	}
	if rows := show(t, admin, "PINS"); len(rows) != 0 {
		t.Errorf("pins that are over: %v", rows)
	}
}

// What is prepared is counted by text; only administrators see the text.
func TestPreparedStatementsAreShown(t *testing.T) {
	t.Parallel()
	s := setup{change: withUsers}.start(t)
	for range 2 {
		client := s.connect(t, 1)
		for range 3 {
			if _, err := client.Exec(t.Context(), "SELECT $1::int AS shown", 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	admin, exporter := dialConsole(t, s.consoleURL(0, "boss", password)), dialConsole(t, s.consoleURL(0, "exporter", password))
	row := find(t, show(t, admin, "PREPARED_STATEMENTS"), "query", "SELECT $1::int AS shown")
	if row["clients"] != int32(2) || row["servers"].(int32) < 1 || row["binds"] != int64(6) || row["database"] != s.db.Name { //nolint:forcetypeassert // else it fails
		t.Errorf("got %v", row)
	}
	for _, row := range show(t, exporter, "PREPARED_STATEMENTS") {
		if row["query"] != nil {
			t.Errorf("a statistics user sees %v", row)
		}
	}
}

func number(t testing.TB, value any) int64 {
	t.Helper()
	n, ok := value.(pgtype.Numeric)
	if !ok {
		t.Fatalf("%v is not numeric", value)
	}
	i, err := n.Int64Value()
	if err != nil {
		t.Fatal(err)
	}
	return i.Int64
}

// Times are told apart: what a query takes, what a transaction takes, and what a client waits for a server.
func TestStatsTellQueriesFromTransactionsAndWaits(t *testing.T) {
	t.Parallel()
	s := setup{change: func(_ *pooler.Config, pg *postgres.Config) { pg.Options.Pool.MaxSize = 1 }}.start(t)
	admin, client, other := s.console(t), s.connect(t, 1), s.connect(t, 1)
	stats := func() map[string]any { return find(t, show(t, admin, "STATS"), "database", s.db.Name) }
	before := stats()
	command(t, client, "BEGIN")
	command(t, client, "SELECT pg_sleep(0.2)")
	asked := inBackground(other, "SELECT 1")
	s.waiting(t, 1)
	<-time.After(300 * time.Millisecond) // the transaction is idle meanwhile, and the other client waits
	command(t, client, "COMMIT")
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is counted", func() bool {
		return number(t, stats()["total_xact_count"])-number(t, before["total_xact_count"]) == 2
	})
	after := stats()
	since := func(column string) time.Duration {
		return time.Duration(number(t, after[column])-number(t, before[column])) * time.Microsecond
	}
	if d := since("total_query_time"); d < 200*time.Millisecond || d > 450*time.Millisecond {
		t.Errorf("queries took %v", d)
	}
	if d := since("total_xact_time"); d < 500*time.Millisecond || d > 5*time.Second {
		t.Errorf("transactions took %v", d)
	}
	if d := since("total_wait_time"); d < 290*time.Millisecond || d > 5*time.Second {
		t.Errorf("waits took %v", d)
	}
	if n := number(t, after["total_query_count"]) - number(t, before["total_query_count"]); n != 4 {
		t.Errorf("%d queries, want 4", n)
	}
	if number(t, after["avg_xact_time"]) < 100_000 || number(t, after["total_received"]) == 0 || number(t, after["total_client_login_count"]) != 2 {
		t.Errorf("got %v", after)
	}
}

// The numbers for Prometheus: per database and user, with an edge at 100 ms between fast and slow (S0-21).
func TestMetricsAreCollectedFromPools(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	s := setup{plug: func(o *pooler.Options) { o.Meters = pooler.NewMeters(registry) }}.start(t)
	client := s.connect(t, 1)
	quick := 0 // for the client, and therefore for the pooler; a busy machine may make others slow
	for range 99 {
		began := time.Now()
		command(t, client, "SELECT 1")
		if time.Since(began) < 100*time.Millisecond {
			quick++
		}
	}
	command(t, client, "SELECT pg_sleep(0.15)")
	if _, err := client.Exec(t.Context(), "SELECT 1/0"); stateOf(err) != "22012" {
		t.Fatal(err)
	}
	labels := fmt.Sprintf("{database=%q,endpoint=\"127.0.0.2:0\",user=%q}", s.db.Name, s.role())
	var all map[string]string
	eventually(t, "all is counted", func() bool {
		all = gather(t, registry)
		return all["holdfast_pooler_transactions_total"+labels] == "101"
	})
	with := func(label, value string, last bool) string {
		if last {
			return fmt.Sprintf("%s,%s=%q}", strings.TrimSuffix(labels, "}"), label, value)
		}
		return strings.Replace(labels, ",user", fmt.Sprintf(",%s=%q,user", label, value), 1)
	}
	for series, want := range map[string]string{
		"holdfast_pooler_queries_total" + labels:                              "101",
		"holdfast_pooler_errors_total" + labels:                               "1",
		`holdfast_pooler_errors_by_code_total{code="22012"}`:                  "1",
		"holdfast_pooler_sessions_total" + labels:                             "1",
		"holdfast_pooler_query_seconds_count" + labels:                        "101",
		"holdfast_pooler_transaction_seconds_bucket" + with("le", "10", true): "101",
		"holdfast_pooler_clients" + with("state", "idle", false):              "1",
		"holdfast_pooler_servers_max" + labels:                                "5",
		`holdfast_pooler_logins_total{method="scram",outcome="ok"}`:           "1",
		"holdfast_pooler_out_of_step_total":                                   "0",
	} {
		if got := all[series]; got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	for _, of := range []string{"query", "transaction"} {
		got := all["holdfast_pooler_"+of+"_seconds_bucket"+with("le", "0.1", true)]
		if n, err := strconv.Atoi(got); err != nil || n < quick || n > 100 {
			t.Errorf("%q of 101 were fast, want %d to 100 (%s)", got, quick, of)
		}
	}
}

// gather returns all numbers as Prometheus reads them: by name and labels.
func gather(t testing.TB, r prometheus.Gatherer) map[string]string {
	t.Helper()
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).
		ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if answer.Code != http.StatusOK {
		t.Fatalf("metrics: %s", answer.Body)
	}
	all := map[string]string{}
	for line := range strings.Lines(answer.Body.String()) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			all[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return all
}

// Hosts are shown with their roles and positions, replicas with their lag.
func TestHostsAndReplicasAreShown(t *testing.T) {
	t.Parallel()
	primary := pgtest.Cluster(t)
	replica := pgtest.Replica(t, primary)
	s := setup{server: primary, change: func(c *pooler.Config, _ *postgres.Config) {
		c.Replicas = []string{fmt.Sprintf("%s/.s.PGSQL.%d", replica.Host, replica.Port)}
		c.Endpoints = append(c.Endpoints, pooler.Endpoint{Listen: "127.0.0.1:0", Target: pooler.TargetReplica})
	}}.start(t)
	admin := s.console(t)
	eventually(t, "both are known", func() bool {
		roles := map[any]any{}
		for _, h := range show(t, admin, "HOSTS") {
			if h["fit"] == int32(1) && h["lsn"] != nil {
				roles[h["role"]] = h["timeline"]
			}
		}
		return roles["primary"] == int64(1) && roles["replica"] == int64(1)
	})
	rows := show(t, admin, "REPLICATION")
	if len(rows) != 1 || rows[0]["fit"] != int32(1) || rows[0]["replay_lsn"] == nil || rows[0]["max_lag_us"] != int64(10_000_000) {
		t.Errorf("got %v", rows)
	}
}
