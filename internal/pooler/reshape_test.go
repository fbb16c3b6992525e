package pooler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/pgwire"
)

// Trap 15: a statement that servers have from before a table was changed.

// star is the statement that everybody prepares.
const star = "SELECT * FROM reshaped"

// reshapable returns a site with so many servers, each of which has star prepared by somebody else.
func reshapable(t *testing.T, servers int) *site {
	t.Helper()
	s := sized(servers).start(t)
	s.super(t, "CREATE TABLE reshaped (a int)")
	s.super(t, "INSERT INTO reshaped VALUES (1)")
	s.super(t, "ALTER TABLE reshaped OWNER TO "+s.role())
	s.spread(t, servers)
	return s
}

// spread lets every server prepare star as it is now, for clients that stay.
func (s *site) spread(t *testing.T, servers int) {
	t.Helper()
	var held []*wire
	for range servers {
		w := s.wire(t, 1)
		w.must("BEGIN")
		if a := w.ask("old", star); a.code() != "" {
			t.Fatal(a)
		}
		held = append(held, w)
	}
	for _, w := range held {
		w.must("COMMIT")
	}
}

// elsewhere calls do once for each server, on which it is the only one that is free.
func (s *site) elsewhere(t *testing.T, servers int, do func(server int)) {
	t.Helper()
	holders := make([]*wire, servers)
	for i := range holders {
		holders[i] = s.wire(t, 1)
		holders[i].must("BEGIN")
	}
	for i, h := range holders {
		h.must("COMMIT")
		do(i)
		h.must("BEGIN")
	}
	for _, h := range holders {
		h.must("COMMIT")
		_ = h.conn.Close()
	}
}

func TestTrap15WhoPreparesAfterAChangeOfTheTableNoticesNothing(t *testing.T) {
	t.Parallel()
	const servers = 3
	s := reshapable(t, servers)
	described := asked("s", "")
	plain := pgwire.AppendExecute(pgwire.AppendBind(nil, "", "s", nil, nil, nil), "", 0)
	columns := 1
	for name, use := range map[string]func(w *wire) answer{
		"described": func(w *wire) answer { w.send(pgwire.AppendSync(bytes.Clone(described))); return w.answer() },
		"plain":     func(w *wire) answer { w.send(pgwire.AppendSync(bytes.Clone(plain))); return w.answer() },
		"pipeline": func(w *wire) answer {
			w.send(pgwire.AppendSync(append(asked("", "SELECT 1 WHERE false"), plain...)))
			return w.answer()
		},
		"transaction": func(w *wire) answer {
			w.must("BEGIN")
			w.send(pgwire.AppendSync(bytes.Clone(plain)))
			defer w.must("COMMIT")
			return w.answer()
		},
		"statement described": func(w *wire) answer {
			w.send(pgwire.AppendSync(append(pgwire.AppendDescribe(nil, pgwire.TargetStatement, "s"), plain...)))
			return w.answer()
		},
	} {
		for _, way := range []string{"beside the pooler", "through the pooler"} {
			alter := fmt.Sprintf("ALTER TABLE reshaped ADD c%d int DEFAULT 5", columns)
			if way == "beside the pooler" {
				s.super(t, alter)
			} else {
				s.wire(t, 1).must(alter)
			}
			columns++
			w := s.wire(t, 1)
			w.send(pgwire.AppendSync(pgwire.AppendParse(nil, "s", star, nil)))
			if a := w.answer(); a.types != "1Z" {
				t.Fatal(a)
			}
			s.elsewhere(t, servers, func(server int) {
				a := use(w)
				if len(a.rows) != 1 || strings.Count(a.rows[0], "|") != columns-1 || a.code() != "" {
					t.Errorf("%s, %s, server %d: %+v; want %d columns", name, way, server, a, columns)
				}
			})
			s.spread(t, servers)
		}
	}
}

func TestTrap15AnOldStatementFailsOnceInATransactionAndCanBePreparedAnew(t *testing.T) {
	t.Parallel()
	s := reshapable(t, 1)
	w := s.wire(t, 1)
	if a := w.ask("s", star); a.code() != "" {
		t.Fatal(a)
	}
	s.super(t, "ALTER TABLE reshaped ADD b int DEFAULT 2")
	w.must("BEGIN")
	if a := w.ask("s", ""); a.code() != "0A000" || a.status != 'E' {
		t.Fatalf("%+v; want what PostgreSQL says", a)
	}
	w.must("ROLLBACK")
	for _, again := range [][]byte{pgwire.AppendClose(nil, pgwire.TargetStatement, "s"), pgwire.AppendQuery(nil, "DEALLOCATE s")} {
		if w.send(again); again[0] == byte(pgwire.Query) {
			w.answer()
		}
		w.must("BEGIN")
		if a := w.ask("s", star); a.code() != "" || a.rows[0] != "1|2" {
			t.Errorf("%+v; want the row as it is now", a)
		}
		w.must("COMMIT")
	}
}

func TestTrap15Pgx(t *testing.T) {
	t.Parallel()
	const servers = 2
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			s := reshapable(t, servers)
			read := func(c *pgx.Conn) (columns int, err error) {
				rows, err := c.Query(t.Context(), star, mode)
				if err != nil {
					return 0, err
				}
				defer rows.Close()
				for rows.Next() {
					values, err := rows.Values()
					if err != nil {
						return 0, err
					}
					columns = len(values)
				}
				return columns, rows.Err()
			}
			old := s.connect(t, 1)
			if _, err := read(old); err != nil {
				t.Fatal(err)
			}
			s.super(t, "ALTER TABLE reshaped ADD b int DEFAULT 2")
			fresh := s.connect(t, 1)
			s.elsewhere(t, servers, func(int) {
				if n, err := read(fresh); n != 2 || err != nil {
					t.Errorf("who connected after the change: %d columns, %v", n, err)
				}
			})
			failures := 0
			s.elsewhere(t, servers, func(int) {
				n, err := read(old)
				if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "0A000" {
					failures++
				} else if err != nil || n != 2 {
					t.Errorf("who was connected before: %d columns, %v", n, err)
				}
			})
			if n, err := read(old); n != 2 || err != nil || failures > 1 {
				t.Errorf("who was connected before: %d columns, %v, after %d errors", n, err, failures)
			}
		})
	}
}

func TestTrap15Psycopg3(t *testing.T) {
	t.Parallel()
	s := reshapable(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/bin/python3", "testdata/reshape.py", s.url(1)+"?sslmode=disable").CombinedOutput()
	if n := strings.Count(string(out), "ok "); err != nil || n != 8 {
		t.Errorf("%d steps of 8 (%v; needs apt-get install python3-psycopg):\n%s", n, err, out)
	}
}
