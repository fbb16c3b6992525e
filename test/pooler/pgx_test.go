package pooler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pgx in each of the ways in which it can run a query.
func TestPgxInEveryQueryMode(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			s.twins(t, func(t *testing.T, w way) string {
				c, err := pgx.ParseConfig(s.url(w))
				if err != nil {
					t.Fatal(err)
				}
				c.DefaultQueryExecMode = mode
				conn, err := pgx.ConnectConfig(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close(context.Background()) }()
				p := &script{t: t, conn: conn}
				p.values()
				p.transactions()
				p.batches()
				p.copies()
				p.ends()
				return p.said.String()
			})
		})
	}
}

// script is what is done over a connection, and what it said.
type script struct {
	t    *testing.T
	conn *pgx.Conn
	said strings.Builder
}

func (p *script) say(what string, values ...any) { fmt.Fprintln(&p.said, what, fmt.Sprint(values...)) }

// code returns what is the same in an error however the client came.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func (p *script) values() {
	ctx := p.t.Context()
	for i := range 8 {
		var n int
		var text string
		var at time.Time
		var list []string
		err := p.conn.QueryRow(ctx, "SELECT $1::int * 2, $2::text, $3::timestamptz, $4::text[]", i, "wörd", time.Unix(1e9, 0), []string{"a", "b"}).
			Scan(&n, &text, &at, &list)
		p.say("values", n, text, at.UTC(), list, err)
	}
	_, err := p.conn.Exec(ctx, "SELECT $1::int", "no number")
	p.say("bad value", err != nil)
	_, err = p.conn.Exec(ctx, "SELEKT")
	p.say("syntax", code(err))
}

func (p *script) transactions() {
	ctx := p.t.Context()
	_, err := p.conn.Exec(ctx, "DROP TABLE IF EXISTS gx; CREATE TABLE gx (id int PRIMARY KEY, w text)", pgx.QueryExecModeSimpleProtocol)
	p.say("create", err)
	err = pgx.BeginFunc(ctx, p.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO gx VALUES ($1, $2)", 1, "one"); err != nil {
			return err
		}
		inner := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO gx VALUES ($1, $2)", 1, "again")
			return err
		})
		p.say("inner", code(inner))
		_, err := tx.Exec(ctx, "INSERT INTO gx SELECT n, 'w' || n FROM generate_series(2, $1) n", 3000)
		return err
	})
	p.say("transaction", err)
	rows, err := p.conn.Query(ctx, "SELECT id, w FROM gx WHERE id > $1 ORDER BY id", 10)
	p.say("query", err)
	count, sum := 0, 0
	for rows.Next() {
		var id int
		var w string
		p.say("", rows.Scan(&id, &w))
		count, sum = count+1, sum+id
	}
	p.say("rows", count, sum, rows.Err())
	rows, _ = p.conn.Query(ctx, "SELECT generate_series(1, 100000)")
	rows.Next()
	rows.Close() // most of the rows were not read
	p.say("closed", rows.Err())
}

func (p *script) batches() {
	ctx := p.t.Context()
	b := &pgx.Batch{}
	for i := range 300 {
		b.Queue("SELECT $1::int + id FROM gx WHERE id = $2", i, i+1)
	}
	results, sum := p.conn.SendBatch(ctx, b), 0
	for range 300 {
		var n int
		if err := results.QueryRow().Scan(&n); err != nil {
			p.say("batch", code(err))
		}
		sum += n
	}
	p.say("batch", sum, results.Close())
	b = &pgx.Batch{}
	b.Queue("INSERT INTO gx VALUES ($1, 'batch')", 100_000)
	b.Queue("INSERT INTO gx VALUES ($1, 'batch')", 1)
	b.Queue("SELECT 1")
	results = p.conn.SendBatch(ctx, b)
	_, err := results.Exec()
	_, second := results.Exec()
	p.say("failing batch", err, code(second), code(results.Close()))
	var n int
	p.say("undone", p.conn.QueryRow(ctx, "SELECT count(*) FROM gx WHERE id = 100000").Scan(&n), n)
}

func (p *script) copies() {
	ctx := p.t.Context()
	n, err := p.conn.CopyFrom(ctx, pgx.Identifier{"gx"}, []string{"id", "w"}, pgx.CopyFromSlice(5000, func(i int) ([]any, error) {
		return []any{200_000 + i, "copied"}, nil
	}))
	p.say("copy", n, err)
	_, err = p.conn.CopyFrom(ctx, pgx.Identifier{"gx"}, []string{"id", "w"}, pgx.CopyFromRows([][]any{{1, "again"}}))
	p.say("copy", code(err))
	_, err = p.conn.CopyFrom(ctx, pgx.Identifier{"gx"}, []string{"id", "w"}, pgx.CopyFromFunc(func() ([]any, error) {
		return nil, errors.New("changed my mind")
	}))
	p.say("given up", code(err))
	var out strings.Builder
	tag, err := p.conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT id FROM gx ORDER BY id DESC LIMIT 2) TO STDOUT")
	p.say("copy", tag, err, out.String())
}

func (p *script) ends() {
	ctx := p.t.Context()
	_, err := p.conn.Prepare(ctx, "mine", "SELECT $1::int - 1")
	p.say("prepare", err)
	var n int
	p.say("prepared", p.conn.QueryRow(ctx, "mine", 8).Scan(&n), n)
	p.say("deallocate", p.conn.Deallocate(ctx, "mine"))
	p.say("gone", code(p.conn.PgConn().ExecPrepared(ctx, "mine", nil, nil, nil).Read().Err))
	_, err = p.conn.Exec(ctx, "SET work_mem = '9MB'")
	p.say("set", err)
	var text string
	p.say("show", p.conn.QueryRow(ctx, "SHOW work_mem").Scan(&text), text)
	_, err = p.conn.Exec(ctx, "ALTER TABLE gx ADD COLUMN x int DEFAULT 5")
	p.say("alter", err)
	p.say("deallocate all", p.conn.DeallocateAll(ctx))
	p.say("end", p.conn.QueryRow(ctx, "SELECT x FROM gx WHERE id = $1", 1).Scan(&n), n)
	soon, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	_, err = p.conn.Exec(soon, "SELECT pg_sleep(60)")
	cancel()
	p.say("cancelled", err != nil)
}
