package pooler_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/audit"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
)

// lines returns the records of statements since the last call: class, rows, SQLSTATE and request. A record without class or
// fingerprint is a fault.
func (a *witnessed) lines(t *testing.T) (lines []string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.all {
		if r.Event != audit.Statement {
			continue
		}
		if r.Fingerprint == 0 || r.Time.IsZero() {
			t.Errorf("a record without fingerprint or time: %+v", r)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", r.Statement, r.Rows, r.SQLSTATE, r.RequestID)))
	}
	a.all = nil
	return lines
}

// Issue 3, "who did it": no statement goes unrecorded, however many a client sends before it reads an answer.
func TestAPipelineHidesNoStatementFromTheRecord(t *testing.T) {
	t.Parallel()
	record := &witnessed{}
	s := setup{plug: func(o *pooler.Options) { o.Auditor = record }}.start(t)
	s.super(t, "CREATE TABLE talk AS SELECT generate_series(1, 3) AS n")
	s.super(t, "GRANT ALL ON talk TO "+s.role())
	for endpoint, mode := range []string{"session", "transaction"} {
		w := s.wire(t, endpoint)
		var want []string
		for round, n := range []int{8, 20, 300, 9} {
			record.lines(t)
			want = []string{"DELETE 0"}
			said := asked("", "DELETE FROM talk WHERE n > 5")
			for i := range n {
				said = append(said, asked("", fmt.Sprintf("SELECT %d AS a%d", i, i))...)
				want = append(want, "SELECT 1")
			}
			w.send(pgwire.AppendSync(said))
			w.answer()
			if got := record.lines(t); !slices.Equal(got, want) {
				t.Errorf("%s mode, round %d, %d statements: %d records: %.300q", mode, round, n+1, len(got), got)
			}
		}
		// A portal that is run again after many others, and never to its end.
		w.must("BEGIN")
		open := pgwire.AppendBind(pgwire.AppendParse(nil, "", "SELECT n FROM talk", nil), "p", "", nil, nil, nil)
		w.send(pgwire.AppendSync(pgwire.AppendExecute(open, "p", 1)))
		w.answer()
		for range 100 {
			w.must("SHOW work_mem")
		}
		record.lines(t)
		w.send(pgwire.AppendSync(pgwire.AppendExecute(nil, "p", 1)))
		if a := w.answer(); len(a.rows) != 1 {
			t.Fatal(a)
		}
		if got := record.lines(t); !slices.Equal(got, []string{"SELECT -1"}) {
			t.Errorf("%s mode: a portal that stopped at its limit: %q", mode, got)
		}
		w.must("COMMIT")
		record.lines(t)
		call := binary.BigEndian.AppendUint32(nil, 177) // int4pl
		call = append(call, 0, 1, 0, 1, 0, 2, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 4, 0, 1)
		w.send(append(binary.BigEndian.AppendUint32([]byte{'F'}, uint32(4+len(call))), call...)) //nolint:gosec // small
		w.answer()
		if got := record.lines(t); !slices.Equal(got, []string{"CALL -1"}) {
			t.Errorf("%s mode: a function call: %q", mode, got)
		}
		s.leavesBehind(t, w, record, mode)
	}
}

// leavesBehind checks that what runs when its client leaves is recorded.
func (s *site) leavesBehind(t *testing.T, w *wire, record *witnessed, mode string) {
	t.Helper()
	w.send(pgwire.AppendQuery(nil, "DELETE FROM talk WHERE pg_sleep(60) IS NOT NULL"))
	eventually(t, "the statement runs", func() bool {
		n, err := s.try(t, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DELETE%sleep%' AND state = 'active' AND datname = current_database()")
		return err == nil && n == "1"
	})
	_ = w.conn.Close()
	var got []string
	eventually(t, "the statement of a client that left is recorded", func() bool {
		got = append(got, record.lines(t)...)
		return len(got) > 0
	})
	if !slices.Equal(got, []string{"DELETE -1 08006"}) && !slices.Equal(got, []string{"DELETE -1 57014"}) {
		t.Errorf("%s mode: a statement under way when its client left: %q", mode, got)
	}
}

// docs/formats.md: request_id is what the client says, by a comment of one statement or by a setting.
func TestTheRecordNamesTheWebRequestThatTheClientNames(t *testing.T) {
	t.Parallel()
	record := &witnessed{}
	s := setup{plug: func(o *pooler.Options) { o.Auditor = record }}.start(t)
	for endpoint, mode := range []string{"session", "transaction"} {
		w := s.wire(t, endpoint, pgwire.Param{Name: "options", Value: "-c holdfast.request_id=at-login"})
		for _, text := range []string{
			"SELECT 1", "SELECT 1 /*route='a%2Fb',request_id='r%2F1'*/",
			"SELECT 1 /* why */ /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/",
			"SET holdfast.request_id = 'r-2'", "SELECT 1", "set HOLDFAST.request_id to 'r-3';", "SELECT 1", "SET holdfast.request_id = DEFAULT", "SELECT 1",
		} {
			w.must(text)
		}
		want := []string{
			"SELECT 1  at-login", "SELECT 1  r/1", "SELECT 1  5bd66ef5095369c7b0d1f8f4bd33716a",
			"SET -1  r-2", "SELECT 1  r-2", "SET -1  r-3", "SELECT 1  r-3", "SET -1", "SELECT 1",
		}
		if got := record.lines(t); !slices.Equal(got, want) {
			t.Errorf("%s mode:\n%q, want\n%q", mode, got, want)
		}
		_ = w.conn.Close()
	}
}

// docs/formats.md: the record of a log-in that was denied says how the person tried to log in.
func TestTheRecordOfADeniedLogInNamesTheMethod(t *testing.T) {
	t.Parallel()
	record := &witnessed{}
	g := gated(t, byQuery(pgauth.Rule{Users: []string{"ada"}, Class: "interactive"}), func(c *pooler.Config) {
		c.Endpoints[0].ProxyProtocol = []string{"127.0.0.0/8"}
	}, func(o *pooler.Options) { o.Auditor = record })
	g.super(t, "CREATE ROLE ada LOGIN PASSWORD 'another'")
	var refused *refusedError
	if _, err := g.at(t, "ada", "127.0.0.1", "psql", false); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Fatalf("%v; want 28P01", err)
	}
	eventually(t, "it is recorded", func() bool {
		record.mu.Lock()
		defer record.mu.Unlock()
		return len(record.all) == 1 && record.all[0].Event == audit.Denied && record.all[0].Method == "scram" && record.all[0].User == "ada"
	})
	// A balancer that sends no header is itself the one who came.
	if err := g.dial(t, 0).enter(pgwire.AppendStartup(nil, pgwire.Version30, g.startup()), ""); err == nil {
		t.Fatal("it is let in without a header")
	}
	eventually(t, "it is recorded", func() bool {
		record.mu.Lock()
		defer record.mu.Unlock()
		return len(record.all) == 2 && record.all[1].Event == audit.Denied && record.all[1].Client.Addr().IsLoopback()
	})
}
