package console_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const psqlInstall = "apt-get install postgresql-client"

func TestPsqlUsesTheConsole(t *testing.T) {
	t.Parallel()
	s := serve(t)
	psql := func(user string, args ...string) (string, error) {
		dsn := fmt.Sprintf("host=%s port=%s user=%s dbname=pgbouncer", s.host, s.port, user)
		return program(t, psqlInstall, "psql", append([]string{"-X", "-At", "-v", "ON_ERROR_STOP=1", dsn}, args...)...)
	}
	f := func(user, sql, want string) {
		t.Helper()
		if got, _ := psql(user, "-c", sql); got != want {
			t.Errorf("psql -c %q:\n%s\nwant:\n%s", sql, got, want)
		}
	}
	f("boss", "SHOW VERSION", "PgBouncer 1.25.2 compatible (Holdfast 0.9)")
	f("boss", "SHOW STATE; SELECT pg_backend_pid()", "active|no\npaused|yes\nsuspended|no\n42")
	f("boss", "PAUSE app", "PAUSE")
	f("eve", "PAUSE app", "ERROR:  permission denied: PAUSE is for administrators of the console\n"+
		"HINT:  log in as a user that the configuration names as an administrator of the console")
	f("eve", "PAUSE a b", "ERROR:  syntax error at or near \"b\"\nLINE 1: PAUSE a b\n                ^\n"+
		"HINT:  write a name that has other characters than letters, digits and _ in double quotes")
	if out, err := psql("eve", "-c", "\\d"); err == nil || !strings.Contains(out, "the console has no SQL") {
		t.Errorf("\\d: %v, %s", err, out)
	}
	if out, err := psql("eve", "-c", "SHOW HELP"); err != nil || !strings.Contains(out, "\tKILL_CLIENT <client_id>\n") {
		t.Errorf("help: %v, %s", err, out)
	}
	if out, err := psql("eve", "-c", "BEGIN", "-c", "SHOW STATE", "-c", "COMMIT"); err != nil || out != "BEGIN\nactive|no\npaused|yes\nsuspended|no\nCOMMIT" {
		t.Errorf("a transaction: %v, %s", err, out)
	}
}

func TestPsycopgUsesTheConsole(t *testing.T) {
	t.Parallel()
	s := serve(t)
	out, err := program(t, "apt-get install python3-psycopg2 python3-psycopg", "/usr/bin/python3", "testdata/drivers.py", s.host, s.port, "boss")
	if n := strings.Count(out, "ok "); err != nil || n != 17 {
		t.Errorf("%d steps of 17 (%v):\n%s", n, err, out)
	}
	if got := strings.Join(s.told(), ";"); got != "set pool_mode transaction" {
		t.Errorf("the pooler was told %q", got)
	}
}

func TestPgxUsesTheConsoleInEveryQueryMode(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			cfg, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=eve dbname=holdfast sslmode=prefer", s.host, s.port))
			if err != nil {
				t.Fatal(err)
			}
			cfg.DefaultQueryExecMode = mode
			conn, err := pgx.ConnectConfig(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(t.Context()))
			pgxUses(t, conn)
		})
	}
}

func pgxUses(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	ctx := t.Context()
	for range 2 { // the second time from the cache
		rows, _ := conn.Query(ctx, "SHOW STATS")
		all, err := pgx.CollectRows(rows, pgx.RowToMap)
		if err != nil || len(all) != 2 {
			t.Fatalf("SHOW STATS: %v, %v", all, err)
		}
		rows, _ = conn.Query(ctx, "SHOW POOLS")
		pools, err := pgx.CollectRows(rows, pgx.RowToMap)
		if err != nil || pools[1]["cl_waiting"] != int32(70000) || pools[1]["user"] != "ö" || pools[0]["load_balance_hosts"] != nil {
			t.Fatalf("SHOW POOLS: %v, %v", pools, err)
		}
	}
	for _, name := range []string{"stats", "config", "dns_hosts", "hosts", "replication", "mem"} {
		rows, _ := conn.Query(ctx, "SHOW "+name)
		if _, err := pgx.CollectRows(rows, pgx.RowToMap); err != nil {
			t.Errorf("SHOW %s: %v", name, err)
		}
	}
	var database string
	var queries int64
	rows, _ := conn.Query(ctx, "SHOW STATS_TOTALS")
	rows.Next()
	values := make([]any, len(rows.FieldDescriptions()))
	for i := range values {
		values[i] = new(any)
	}
	values[0], values[3] = &database, &queries
	if err := rows.Scan(values...); err != nil || database != "app" || queries != 123456789012 {
		t.Errorf("numeric as a number: %q, %d, %v", database, queries, err)
	}
	rows.Close()
	var text string
	if err := conn.QueryRow(ctx, "SHOW VERSION").Scan(&text); err != nil || !strings.HasPrefix(text, "Holdfast 0.9 ") {
		t.Errorf("SHOW VERSION: %q, %v", text, err)
	}
	if err := conn.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	var refused *pgconn.PgError
	if _, err := conn.Exec(ctx, "KILL_CLIENT 17"); !errors.As(err, &refused) || refused.Code != "42501" || refused.Hint == "" {
		t.Errorf("a command that needs an administrator: %v", err)
	}
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, "SHOW LISTS")
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		t.Errorf("transaction: %v", err)
	}
}

// What pgjdbc sends: everything by the extended protocol, several steps in one packet, and a portal without a name.
func TestADriverLikeJDBCsIsUnderstood(t *testing.T) {
	t.Parallel()
	answer := talk(t, guest(),
		parse("", "SET extra_float_digits = 3"), bind("", ""), execute("", 1), syncUp(),
		parse("", "SET application_name = 'PostgreSQL JDBC Driver'"), bind("", ""), execute("", 1), syncUp(),
		parse("", "SHOW STATE"), bind("", ""), describe('P', ""), execute("", 0), syncUp(),
		parse("", "BEGIN"), bind("", ""), execute("", 0), parse("S_1", "SHOW STATE"), bind("C_2", "S_1"), describe('P', "C_2"), execute("C_2", 2), syncUp(),
		execute("C_2", 2), syncUp(),
		parse("S_3", "COMMIT"), bind("", "S_3"), execute("", 1), syncUp(),
		parse("", ""), bind("", ""), describe('P', ""), execute("", 1), syncUp())
	is(t, answer,
		"ParseComplete", "BindComplete", "Complete SET", "Ready I",
		"ParseComplete", "BindComplete", "Parameter application_name=PostgreSQL JDBC Driver", "Complete SET", "Ready I",
		"ParseComplete", "BindComplete", "Columns key:25 value:25", "Row active|no", "Row paused|yes", "Row suspended|no", "Complete SHOW", "Ready I",
		"ParseComplete", "BindComplete", "Complete BEGIN", "ParseComplete", "BindComplete", "Columns key:25 value:25", "Row active|no", "Row paused|yes", "PortalSuspended", "Ready T",
		"Row suspended|no", "Complete SHOW", "Ready T",
		"ParseComplete", "BindComplete", "Complete COMMIT", "Ready I",
		"ParseComplete", "BindComplete", "NoData", "EmptyQueryResponse", "Ready I")
}
