package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/pgtest"
)

// connect opens pgx on a house.
func (h *house) connect(t testing.TB, change ...func(*pgx.ConnConfig)) *pgx.Conn {
	t.Helper()
	return connect(t, h.db, append(change, func(c *pgx.ConnConfig) { c.DialFunc = h.dial })...)
}

func connect(t testing.TB, db *pgtest.DB, change ...func(*pgx.ConnConfig)) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(config)
	}
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// player plays a script on one connection and writes down all that it sees.
type player struct {
	*pgx.Conn
	t    testing.TB
	seen strings.Builder
}

func (p *player) see(format string, args ...any) { fmt.Fprintf(&p.seen, format+"\n", args...) }

// fail writes an error down, by what the server said.
func (p *player) fail(err error) {
	var pg *pgconn.PgError
	switch {
	case err == nil:
	case errors.As(err, &pg):
		p.see("  %s %s: %.200s", pg.Severity, pg.Code, pg.Message)
	default:
		p.see("  %.200v", err)
	}
}

// run plays one statement with values.
func (p *player) run(sql string, args ...any) {
	p.see("> %.200s %.100v", sql, args)
	rows, err := p.Query(p.t.Context(), sql, args...)
	if err != nil {
		p.fail(err)
		return
	}
	p.rows(rows)
}

func (p *player) rows(rows pgx.Rows) {
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			p.fail(err)
			continue
		}
		p.see("  %.100v", values)
	}
	p.fail(rows.Err())
	p.see("  %s", rows.CommandTag())
}

// all plays statements by the simple protocol.
func (p *player) all(statements ...string) {
	for _, sql := range statements {
		p.see("> %.200s", sql)
		results, err := p.PgConn().Exec(p.t.Context(), sql).ReadAll()
		for _, r := range results {
			for _, row := range r.Rows {
				p.see("  %.100q", row)
			}
			p.see("  %s", r.CommandTag)
		}
		p.fail(err)
	}
}

// twin is a way to get a connection to a fresh copy of the same database.
type twin struct {
	name string
	open func(t testing.TB, db *pgtest.DB, change ...func(*pgx.ConnConfig)) *pgx.Conn
}

// twins returns PostgreSQL itself and the relay in both modes, the bytes cut small and not at all.
func twins() []twin {
	through := func(c houseConfig) func(testing.TB, *pgtest.DB, ...func(*pgx.ConnConfig)) *pgx.Conn {
		return func(t testing.TB, db *pgtest.DB, change ...func(*pgx.ConnConfig)) *pgx.Conn {
			return newHouse(t, db, c).connect(t, change...)
		}
	}
	return []twin{
		{"directly", connect},
		{"session", through(houseConfig{mode: Session, servers: 1, statements: 100, piece: 50, seed: 1})},
		{"transaction", through(houseConfig{mode: Transaction, servers: 3, statements: 100, piece: 9, seed: 2, check: true})},
		{"few statements", through(houseConfig{mode: Transaction, servers: 2, statements: 2, piece: 1, seed: 3, check: true})},
	}
}

// play plays a script on each twin, and compares what was seen with what was seen directly.
func playTwins(t *testing.T, schema string, script func(p *player), change ...func(*pgx.ConnConfig)) {
	t.Helper()
	want := ""
	for _, w := range twins() {
		db := pgtest.Database(t)
		if schema != "" {
			db.Exec(t, schema)
		}
		t.Run(w.name, func(t *testing.T) {
			p := &player{Conn: w.open(t, db, change...), t: t}
			script(p)
			if err := p.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
			got := p.seen.String()
			if want == "" {
				want = got
			}
			if problem := differ(got, want); problem != "" {
				t.Error(problem)
			}
		})
	}
}

func TestPgxSeesTheSameInEveryQueryMode(t *testing.T) {
	t.Parallel()
	for mode, name := range map[pgx.QueryExecMode]string{
		pgx.QueryExecModeCacheStatement: "cache statement", pgx.QueryExecModeCacheDescribe: "cache describe",
		pgx.QueryExecModeDescribeExec: "describe and exec", pgx.QueryExecModeExec: "exec", pgx.QueryExecModeSimpleProtocol: "simple",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playTwins(t, "CREATE TABLE t (a int PRIMARY KEY, b text)", func(p *player) {
				for range 3 {
					p.run("SELECT $1::int + $2::int, $3::text", 1, 2, "it's")
					p.run("INSERT INTO t VALUES ($1, $2) ON CONFLICT DO NOTHING", 1, "one")
					p.run("INSERT INTO t VALUES ($1, $2)", 1, "two")
					p.run("SELECT * FROM t WHERE a = $1", 1)
					p.run("SELECT 1 / $1::int", 0)
					p.run("SELECT nothing FROM nowhere")
					p.run("SELECT * FROM generate_series(1, $1::int) AS n", 3)
					transaction(p)
				}
			}, func(c *pgx.ConnConfig) { c.DefaultQueryExecMode = mode })
		})
	}
}

// transaction plays what happens in transactions, with savepoints.
func transaction(p *player) {
	ctx := p.t.Context()
	for _, fail := range []bool{false, true} {
		tx, err := p.Begin(ctx)
		p.fail(err)
		p.run("INSERT INTO t VALUES ($1, $2) ON CONFLICT DO NOTHING", 2, "two")
		inner, err := tx.Begin(ctx)
		p.fail(err)
		p.run("DELETE FROM t WHERE a = $1", 2)
		if fail {
			p.run("SELECT 1 / $1::int", 0)
			p.run("SELECT $1::int", 1)
		}
		p.fail(inner.Rollback(ctx))
		p.run("SELECT count(*) FROM t")
		if fail {
			p.run("SELECT 1 / $1::int", 0)
		}
		p.fail(tx.Commit(ctx))
	}
	p.run("SELECT count(*) FROM t")
}

func TestPgxBatchesAndPipelinesAreTheSame(t *testing.T) {
	t.Parallel()
	playTwins(t, "CREATE TABLE t (a int PRIMARY KEY)", func(p *player) {
		for range 2 {
			for _, queries := range [][]string{
				{"SELECT 1", "SELECT 2", "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "SELECT * FROM t"},
				{"INSERT INTO t VALUES (7)", "SELECT 1 / 0", "SELECT 3"},
				{"SELECT 4", "SELECT nothing", "SELECT 5"},
				{"BEGIN", "INSERT INTO t VALUES (8)", "ROLLBACK", "SELECT * FROM t"},
			} {
				var b pgx.Batch
				for _, q := range queries {
					b.Queue(q)
				}
				results := p.SendBatch(p.t.Context(), &b)
				for range queries {
					rows, err := results.Query()
					p.fail(err)
					if err == nil {
						p.rows(rows)
					}
				}
				p.fail(results.Close())
			}
			pipeline(p)
		}
	})
}

// pipeline plays several Syncs without waiting, with errors between.
func pipeline(p *player) {
	ctx := p.t.Context()
	pipe := p.PgConn().StartPipeline(ctx)
	pipe.SendPrepare("one", "SELECT $1::text", nil)
	pipe.SendQueryPrepared("one", [][]byte{[]byte("x")}, nil, nil)
	p.fail(pipe.Sync())
	pipe.SendPrepare("two", "SELECT nothing", nil)
	pipe.SendQueryPrepared("two", nil, nil, nil)
	p.fail(pipe.Sync())
	pipe.SendQueryPrepared("one", [][]byte{[]byte("y")}, nil, nil)
	pipe.SendQueryParams("SELECT $1::int + 1", [][]byte{[]byte("41")}, nil, nil, nil)
	pipe.SendDeallocate("one")
	p.fail(pipe.Sync())
	pipe.SendQueryPrepared("one", [][]byte{[]byte("z")}, nil, nil)
	p.fail(pipe.Sync())
	for syncs := 0; syncs < 4; {
		results, err := pipe.GetResults()
		p.fail(err)
		switch r := results.(type) {
		case *pgconn.ResultReader:
			result := r.Read()
			p.see("  %q %s", result.Rows, result.CommandTag)
			p.fail(result.Err)
		case *pgconn.StatementDescription:
			p.see("  %d parameters", len(r.ParamOIDs))
		case *pgconn.PipelineSync:
			p.see("  sync")
			syncs++
		}
	}
	p.fail(pipe.Close())
}

func TestPgxCopiesBothWays(t *testing.T) {
	t.Parallel()
	playTwins(t, "CREATE TABLE t (a int PRIMARY KEY, b text)", func(p *player) {
		ctx := p.t.Context()
		for round := range 3 {
			rows := [][]any{{round * 10, "x"}, {round*10 + 1, strings.Repeat("y", 20_000)}, {round*10 + 2, nil}}
			n, err := p.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"a", "b"}, pgx.CopyFromRows(rows))
			p.see("copied %d", n)
			p.fail(err)
			n, err = p.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"a", "b"}, pgx.CopyFromRows(rows)) // they are there
			p.see("copied %d", n)
			p.fail(err)
			_, err = p.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"a", "b"}, pgx.CopyFromFunc(func() ([]any, error) {
				return nil, errors.New("no more")
			}))
			p.fail(err)
			_, err = p.CopyFrom(ctx, pgx.Identifier{"nowhere"}, []string{"a"}, pgx.CopyFromRows(rows))
			p.fail(err)
			tag, err := p.PgConn().CopyFrom(ctx, strings.NewReader("bad\n"), "COPY t FROM STDIN")
			p.see("%s", tag)
			p.fail(err)
			var out strings.Builder
			tag, err = p.PgConn().CopyTo(ctx, &out, "COPY (SELECT a, length(b) FROM t ORDER BY a) TO STDOUT")
			p.see("%s\n%s", tag, out.String())
			p.fail(err)
			tag, err = p.PgConn().CopyTo(ctx, &out, "COPY (SELECT 1 / (5 - n) FROM generate_series(1, 9) AS n) TO STDOUT")
			p.see("%s", tag)
			p.fail(err)
			p.run("SELECT count(*) FROM t")
		}
	})
}

func TestPgxSeesLargeMessagesWhole(t *testing.T) {
	t.Parallel()
	playTwins(t, "", func(p *player) {
		for _, size := range []int{10_000, 100_000, 2 << 20} {
			text := strings.Repeat("x", size)
			p.run("SELECT length($1::text), repeat('y', $2)", text, size)
			p.run("SELECT length('"+text+"')", pgx.QueryExecModeExec)
			p.run("SELECT length('"+text+"')", pgx.QueryExecModeDescribeExec)
			p.all("SELECT length('" + text + "'), repeat('y', " + fmt.Sprint(size) + ")")
			p.run("SELECT '" + text + "' = $")
		}
	})
}
