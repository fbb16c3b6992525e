package pooler_test

import (
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// Trap 5, and PgBouncer's tests of COPY: in each way that a COPY can go, simple, extended and prepared, alone and inside of a
// transaction, the client gets what PostgreSQL answers, and the next client a server that is clean.
func TestTrap05ACopyThatGoesWrongLeavesNothingToTheNextClient(t *testing.T) {
	t.Parallel()
	runs := copyRuns()
	s := sized(1).start(t)
	s.super(t, "CREATE TABLE copied (n int)")
	s.super(t, "GRANT ALL ON copied TO "+s.role())
	for endpoint := range 2 {
		for name, r := range runs {
			for _, inTransaction := range []bool{false, true} {
				straight, through := s.straight(t), s.wire(t, endpoint)
				var answers [2]answer
				for i, w := range []*wire{straight, through} {
					if inTransaction {
						w.must("BEGIN")
					}
					w.send([]byte(r.start + r.data))
					answers[i] = w.answer()
				}
				if want, got := answers[0], answers[1]; got.types != want.types || got.code() != want.code() || got.status != want.status {
					t.Errorf("endpoint %d, %s, in transaction %v: %q %q; want %q %q", endpoint, name, inTransaction, got.types, got.code(), want.types, want.code())
				}
				_ = straight.conn.Close()
				through.query("ROLLBACK")
				if got := through.must("SELECT 'same client'"); got != "same client" {
					t.Errorf("endpoint %d, %s: %q", endpoint, name, got)
				}
				_ = through.conn.Close()
				next := s.wire(t, endpoint)
				if got := next.must("SELECT 'next client'"); got != "next client" {
					t.Errorf("endpoint %d, %s: %q", endpoint, name, got)
				}
				_ = next.conn.Close()
			}
		}
	}
}

// copyRun is one way that a COPY can go: how it begins, and what the client sends behind that.
type copyRun struct{ start, data string }

func copyRuns() map[string]copyRun {
	const in = "COPY copied FROM STDIN"
	good := string(pgwire.AppendBare(pgwire.AppendCopyData(nil, []byte("1\n2\n")), pgwire.FrontendCopyDone))
	bad := string(pgwire.AppendBare(pgwire.AppendCopyData(nil, []byte("one\n")), pgwire.FrontendCopyDone))
	long := string(pgwire.AppendBare(pgwire.AppendCopyData(pgwire.AppendCopyData(nil, []byte("one\n")), []byte(strings.Repeat("2\n", 100_000))), pgwire.FrontendCopyDone))
	fails := string(pgwire.AppendCopyFail(nil, "no more"))
	simple := func(sql string) string { return string(pgwire.AppendQuery(nil, sql)) }
	extended := func(sql string) string {
		b := pgwire.AppendBind(pgwire.AppendParse(nil, "", sql, nil), "", "", nil, nil, nil)
		return string(pgwire.AppendExecute(b, "", 0))
	}
	sync := string(pgwire.AppendSync(nil))
	return map[string]copyRun{
		"simple":                        {simple(in), good},
		"simple, bad row":               {simple(in), bad},
		"simple, bad row and much more": {simple(in), long},
		"simple, fails":                 {simple(in), fails},
		"simple, error at once":         {simple("COPY nowhere FROM STDIN"), good},
		"extended":                      {extended(in), good + sync},
		"extended, sync inside":         {extended(in) + sync, good + sync},
		"extended, bad row":             {extended(in), bad + sync},
		"extended, much more":           {extended(in), long + sync},
		"extended, fails":               {extended(in), fails + sync},
		"extended, error at once":       {extended("COPY nowhere FROM STDIN"), good + sync},
		"out":                           {simple("COPY (SELECT generate_series(1,3)) TO STDOUT"), ""},
		"out, extended":                 {extended("COPY (SELECT generate_series(1,3)) TO STDOUT"), sync},
		"out, error inside":             {simple("COPY (SELECT 1/(3-n) FROM generate_series(1,3) n) TO STDOUT"), ""},
		"data that nobody asked for":    {"", good + simple("SELECT 1")},
		"two in one text":               {simple(in + "; " + in), good + good},
	}
}

// PgBouncer's issue 1471: what a client still sends of a COPY that has failed reaches nobody who has the server next.
func TestLateCopyDataReachesNobodyElse(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	late, next := s.wire(t, 1), s.wire(t, 1)
	late.send(pgwire.AppendQuery(nil, "COPY nowhere FROM STDIN"))
	if a := late.answer(); a.code() != "42P01" {
		t.Fatal(a)
	}
	next.must("BEGIN")
	late.send(pgwire.AppendCopyData(nil, []byte(strings.Repeat("1\n", 200_000))))
	late.send(pgwire.AppendBare(nil, pgwire.FrontendCopyDone))
	if got := next.must("SELECT 'mine'"); got != "mine" {
		t.Error(got)
	}
	next.must("COMMIT")
	if got := late.must("SELECT 'goes on'"); got != "goes on" {
		t.Error(got)
	}
}
