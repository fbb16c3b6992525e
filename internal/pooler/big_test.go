package pooler_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// heap returns the bytes in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc) //nolint:gosec // it is not that large
}

// Trap 16: rows and parameters of 100 MB pass both ways.
func TestTrap16HugeRowsPassBothWays(t *testing.T) {
	s := sized(2).start(t) // alone: it needs much memory
	const size = 100 << 20
	for endpoint := range 2 {
		w := s.wire(t, endpoint)
		value := strings.Repeat("v", size)
		a := w.ask("", "SELECT length($1::text), md5($1::text)", value)
		if len(a.rows) != 1 || !strings.HasPrefix(a.rows[0], fmt.Sprint(size)+"|") {
			t.Fatalf("endpoint %d: %.100q %+v", endpoint, a.rows, a.errors)
		}
		a = w.query(fmt.Sprintf("SELECT repeat('r', %d)", size))
		if len(a.rows) != 1 || len(a.rows[0]) != size {
			t.Fatalf("endpoint %d: %d rows, %+v", endpoint, len(a.rows), a.errors)
		}
		a = w.query("SELECT '" + value + "' = repeat('v', " + fmt.Sprint(size) + ")")
		if strings.Join(a.rows, "") != "t" {
			t.Fatalf("endpoint %d: %+v", endpoint, a.errors)
		}
		_ = w.conn.Close()
	}
}

// Statements of all sizes around the limits of buffers, in transaction mode where they are read whole (PgBouncer's tests of
// Parse and Bind larger than a buffer), alone and inside of a pipeline.
func TestStatementsOfAllSizesPass(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	for endpoint := range 2 {
		w := s.wire(t, endpoint)
		for _, size := range []int{10, 4 << 10, 32<<10 - 30, 32 << 10, 64<<10 - 40, 64 << 10, 65 << 10, 128 << 10, 500 << 10, 1<<20 - 60, 1 << 20, 3 << 20} {
			name := fmt.Sprintf("s%d", size)
			sql := "SELECT $1::text || ' ' || length('" + strings.Repeat("y", size) + "')"
			a := w.ask(name, sql, "again")
			if want := fmt.Sprintf("again %d", size); len(a.rows) != 1 || a.rows[0] != want {
				t.Fatalf("endpoint %d, %d bytes: %q %+v", endpoint, size, a.rows, a.errors)
			}
			var b []byte
			for i := range 3 {
				b = append(b, asked("", sql+fmt.Sprintf("::text || ' %d'", i), "unnamed")...)
			}
			w.send(pgwire.AppendSync(b))
			a = w.answer()
			if want := fmt.Sprintf("unnamed %d 2", size); len(a.rows) != 3 || a.rows[2] != want {
				t.Fatalf("endpoint %d, %d bytes: %q %+v", endpoint, size, a.rows, a.errors)
			}
		}
		name := strings.Repeat("n", 20_000)
		if a := w.ask(name, "SELECT $1::text", "long name"); len(a.rows) != 1 {
			t.Errorf("endpoint %d: %+v", endpoint, a)
		}
		_ = w.conn.Close()
	}
}

// Messages that come byte by byte, or cut anywhere, mean the same.
func TestMessagesMayBeCutAnywhere(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	for endpoint := range 2 {
		w := s.wire(t, endpoint)
		b := pgwire.AppendSync(asked("s", "SELECT 'piece ' || $1", "by piece"))
		b = pgwire.AppendQuery(b, "SELECT 'and a query'")
		for i := range b {
			w.send(b[i : i+1])
			if i%7 == 0 {
				runtime.Gosched()
			}
		}
		if a := w.answer(); strings.Join(a.rows, "") != "piece by piece" {
			t.Errorf("%+v", a)
		}
		if a := w.answer(); strings.Join(a.rows, "") != "and a query" {
			t.Errorf("%+v", a)
		}
	}
}

// Trap 6: ten thousand queries that are sent before one answer is read, small and with large answers.
func TestTrap06PipelinesOfTenThousandQueries(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	const n = 10_000
	for endpoint := range 2 {
		for name, each := range map[string]func(i int) []byte{
			"one sync each": func(i int) []byte { return pgwire.AppendSync(asked("", "SELECT $1::int", fmt.Sprint(i))) },
			"one sync":      func(i int) []byte { return asked("", "SELECT $1::int", fmt.Sprint(i)) },
			"simple":        func(i int) []byte { return pgwire.AppendQuery(nil, fmt.Sprintf("SELECT %d", i)) },
			"large": func(i int) []byte {
				return pgwire.AppendSync(asked("", "SELECT $1 || repeat('x', 2000)", fmt.Sprint(i, " ")))
			},
		} {
			w := s.wire(t, endpoint)
			sent := make(chan error, 1)
			go func() { // ends with the connection
				var b []byte
				for i := range n {
					b = append(b, each(i)...)
				}
				if name == "one sync" {
					b = pgwire.AppendSync(b)
				}
				_, err := w.conn.Write(b)
				sent <- err
			}()
			var rows []string
			for len(rows) < n {
				a, err := w.next()
				if err != nil || len(a.errors) > 0 {
					t.Fatalf("endpoint %d, %s, after %d: %v %+v", endpoint, name, len(rows), err, a.errors)
				}
				rows = append(rows, a.rows...)
			}
			for i, row := range rows {
				if number, _, _ := strings.Cut(row, " "); number != fmt.Sprint(i) {
					t.Fatalf("endpoint %d, %s: answer %d is %.20q", endpoint, name, i, row)
				}
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
			_ = w.conn.Close()
		}
	}
}
