package pooler_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const python = "apt-get install python3-psycopg2 python3-psycopg python3-sqlalchemy"

// S0-15: psycopg2, the driver of most Python applications.
func TestPsycopg2(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	s.twins(t, func(t *testing.T, w way) string {
		return s.run(t, w, nil, program(t, "python3", python), "py/psycopg2_script.py")
	})
}

// S0-15: psycopg 3 with its own preparing of statements, never, at once and after a while, and its pipelines.
func TestPsycopg3(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	s.twins(t, func(t *testing.T, w way) string {
		return s.run(t, w, nil, program(t, "python3", python), "py/psycopg3_script.py")
	})
}

// S2-26, S1-09: SQLAlchemy Core with psycopg2, pre-pings included.
func TestSQLAlchemy(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	s.twins(t, func(t *testing.T, w way) string {
		return s.run(t, w, nil, program(t, "python3", python), "py/sqlalchemy_script.py")
	})
}

func TestNodePostgres(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("js/node_modules/pg"); err != nil {
		t.Fatal("node-postgres is needed for this test: npm ci --prefix test/pooler/js")
	}
	s := setup{servers: 5}.start(t)
	s.twins(t, func(t *testing.T, w way) string {
		return s.run(t, w, nil, program(t, "node", "apt-get install nodejs"), "js/script.mjs")
	})
}

// libpq as psql uses it: \copy, \watch's queries, \gexec, notices, errors, \gset, single transactions, \d.
func TestPsql(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	const script = `
\set VERBOSITY verbose
\pset format unaligned
SELECT 1 AS one, 'two' AS two \gset
\echo :one :two
CREATE TEMP TABLE t (n int PRIMARY KEY, w text);
\copy t from pstdin with (format csv)
1,a
2,b
\.
COPY t FROM STDIN;
3	c
\.
COPY (SELECT * FROM t ORDER BY n) TO STDOUT;
\d t
SELECT format('SELECT %s * 2 AS doubled', n) FROM t ORDER BY n \gexec
INSERT INTO t VALUES (1, 'again');
BEGIN;
SELECT 1/0;
SELECT 2;
ROLLBACK;
DO $$ BEGIN RAISE NOTICE 'a notice'; RAISE WARNING 'a warning'; END $$;
\set FETCH_COUNT 2
SELECT generate_series(1, 7);
\set FETCH_COUNT 0
SET work_mem = '9MB';
SHOW work_mem;
\encoding LATIN1
SELECT length('ä');
\encoding UTF8
PREPARE p AS SELECT $1::int + 1;
EXECUTE p(5);
DEALLOCATE p;
SELECT repeat('x', 100) \g (format=wrapped columns=40)
\bind 1 2
SELECT $1::int + $2::int;
SELECT 1 \; SELECT 2 \; SELECT 3;
\errverbose
`
	lines := regexp.MustCompile(`(?m)^LOCATION: .*$|pg_temp_\d+|psql:<stdin>:`)
	s.twins(t, func(t *testing.T, w way) string {
		out := s.run(t, w, strings.NewReader(script), program(t, "sh", "apt-get install dash"), "-c", "exec psql -X -a 2>&1")
		return lines.ReplaceAllString(out, "")
	})
}

// pgbench in its three protocols, with one connection for each transaction, too.
func TestPgbench(t *testing.T) {
	t.Parallel()
	s := setup{servers: 4}.start(t)
	bench := program(t, "pgbench", "apt-get install postgresql-contrib postgresql-client")
	s.run(t, s.ways()[0], nil, bench, "-i", "-q", "-s", "1")
	for _, w := range s.ways()[1:] {
		for _, mode := range []string{"simple", "extended", "prepared"} {
			clients := "4" // as many as there are servers: sessions keep theirs
			if w.name == "transaction" && mode != "prepared" {
				clients = "20" // prepared: a thread of pgbench waits for one client's Parse while its others hold the servers
			}
			out := s.run(t, w, nil, bench, "-n", "-c", clients, "-j", "2", "-T", "2", "-M", mode)
			if !strings.Contains(out, "number of failed transactions: 0 (0.000%)") || strings.Contains(out, "aborted") {
				t.Errorf("%s, %s:\n%s", w.name, mode, out)
			}
			if w.name == "transaction" {
				out = s.run(t, w, nil, bench, "-n", "-S", "-c", "20", "-j", "2", "-T", "2", "-M", mode)
				if !strings.Contains(out, "number of failed transactions: 0 (0.000%)") || strings.Contains(out, "aborted") {
					t.Errorf("%s, %s, -S:\n%s", w.name, mode, out)
				}
			}
			out = s.run(t, w, nil, bench, "-n", "-c", "4", "-j", "2", "-t", "10", "-C", "-S", "-M", mode)
			if !strings.Contains(out, "transactions actually processed: 40/40") {
				t.Errorf("%s, %s, -C:\n%s", w.name, mode, out)
			}
		}
	}
	if got := s.run(t, s.ways()[0], nil, program(t, "psql", "apt-get install postgresql-client"), "-XAtc",
		"SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)"); strings.TrimSpace(got) != "t" {
		t.Errorf("the sums differ: %s", got)
	}
}
