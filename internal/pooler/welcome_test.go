package pooler_test

import (
	"testing"
	"time"

	"holdfast/internal/pgwire"
)

// Issue 3, fail fast: a full pool turns away statements, and never who logs in, whatever settings it asks for.
func TestWhoLogsInToAFullPoolIsLetInWhateverItAsksFor(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	for _, ask := range []string{"-c work_mem=9MB", "-c work_mem=9MB -c holdfast.min_lsn=0/1", "-c TimeZone=asia/tokyo -c work_mem=9MB"} {
		holder := s.wire(t, 1)
		pid := holder.must("SELECT pg_backend_pid()")
		holder.must("BEGIN")
		began := time.Now()
		w := s.wire(t, 1, pgwire.Param{Name: "options", Value: ask})
		bad := s.wire(t, 1, pgwire.Param{Name: "options", Value: ask + " -c statement_timeout=soon"})
		if waited := time.Since(began); waited > 4*time.Second { // less than the pool's timeout, of 5 s
			t.Errorf("%s: the log-ins took %s", ask, waited)
		}
		w.send(pgwire.AppendQuery(nil, "SHOW work_mem"))
		s.waiting(t, 1)
		holder.must("COMMIT")
		if a := w.answer(); len(a.rows) != 1 || a.rows[0] != "9MB" {
			t.Errorf("%s: %+v", ask, a)
		}
		for range 3 { // what the server refuses is said when it is asked, and costs neither the client nor the server its connection
			if a := bad.query("SELECT 1"); a.code() != "22023" || a.status != 'I' {
				t.Errorf("%s: %+v; want 22023", ask, a)
			}
		}
		if got := holder.must("SELECT pg_backend_pid()"); got != pid {
			t.Errorf("%s: a client's mistake cost a server connection", ask)
		}
		_, _, _ = holder.conn.Close(), w.conn.Close(), bad.conn.Close()
	}
}
