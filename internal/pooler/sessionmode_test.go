package pooler_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgwire"
)

// S2-33: what a session leaves behind is there for it, across its transactions, and gone for the next client, who gets the
// same server.
func TestSessionStateLastsAsLongAsItsClientAndNotLonger(t *testing.T) {
	t.Parallel()
	states := map[string]struct{ do, look, there, gone string }{
		"temporary table": {"CREATE TEMP TABLE tt AS SELECT 42 AS n", "SELECT to_regclass('pg_temp.tt') IS NOT NULL", "t", "f"},
		"advisory lock": {
			"SELECT pg_advisory_lock(4711)",
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND pid = pg_backend_pid()", "1", "0",
		},
		"cursor with hold":   {"DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) FROM pg_cursors", "1", "0"},
		"setting":            {"SET work_mem = '7MB'", "SHOW work_mem", "7MB", "4MB"},
		"reported setting":   {"SET TimeZone = 'Asia/Tokyo'", "SELECT current_setting('TimeZone') = 'Asia/Tokyo'", "t", "f"},
		"custom setting":     {"SELECT set_config('my.tenant', 'seven', false)", "SELECT coalesce(current_setting('my.tenant', true), '') = 'seven'", "t", "f"},
		"prepared statement": {"PREPARE p AS SELECT 1", "SELECT count(*) FROM pg_prepared_statements", "1", "0"},
		"listen":             {"LISTEN somewhere", "SELECT count(*) FROM pg_listening_channels()", "1", "0"},
		"sequence":           {"CREATE TEMP SEQUENCE q; SELECT nextval('q')", "SELECT to_regclass('pg_temp.q') IS NOT NULL", "t", "f"},
		"role":               {"SET ROLE pg_monitor", "SELECT current_user = 'pg_monitor'", "t", "f"},
	}
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sized(1).start(t)
			s.super(t, "GRANT pg_monitor TO "+s.role())
			one := s.wire(t, 0)
			pid := one.must("SELECT pg_backend_pid()")
			one.must(state.do)
			one.must("SELECT 1")
			if got := one.must(state.look); got != state.there {
				t.Errorf("%s: %q for the client itself, want %q", state.look, got, state.there)
			}
			one.send(pgwire.AppendTerminate(nil))
			two := s.wire(t, 0)
			if got := two.must("SELECT pg_backend_pid()"); got != pid {
				t.Errorf("another server, %s instead of %s: it was not cleaned but closed", got, pid)
			}
			if got := two.must(state.look); got != state.gone {
				t.Errorf("%s: %q for the next client, want %q", state.look, got, state.gone)
			}
		})
	}
}

// A client that disappears in the middle of a transaction leaves neither its locks nor its rows to anybody.
func TestATransactionOfAVanishedClientIsRolledBackAtOnce(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	for endpoint := range 2 {
		one := s.wire(t, endpoint)
		one.must("CREATE TABLE IF NOT EXISTS left_over (n int)")
		one.must("BEGIN; INSERT INTO left_over VALUES (1); LOCK left_over IN ACCESS EXCLUSIVE MODE")
		began := time.Now()
		_ = one.conn.Close()
		two := s.wire(t, endpoint)
		if got := two.must("SELECT count(*) FROM left_over"); got != "0" {
			t.Errorf("endpoint %d: %s rows of a transaction that never ended", endpoint, got)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("endpoint %d: its lock was held for another %v", endpoint, took)
		}
		_ = two.conn.Close()
	}
}

func TestNotificationsArriveAtAClientThatListensAndDoesNothing(t *testing.T) {
	t.Parallel()
	s := sized(3).start(t)
	for endpoint := range 2 {
		listener, sender := s.connect(t, endpoint), s.wire(t, endpoint)
		if _, err := listener.Exec(t.Context(), "LISTEN news"); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"one", strings.Repeat("x", 7000), ""} {
			sender.must("NOTIFY news, '" + text + "'")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			n, err := listener.WaitForNotification(ctx)
			cancel()
			if err != nil || n.Channel != "news" || n.Payload != text {
				t.Fatalf("endpoint %d: %+v, %v; want %q", endpoint, n, err, text)
			}
		}
	}
}

// Cursors inside transactions, with FETCH and with row limits of the extended protocol (trap 3: Flush and PortalSuspended
// release nothing).
func TestTrap03PortalsStayOpenBetweenFlushes(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	for endpoint := range 2 {
		w := s.wire(t, endpoint)
		b := pgwire.AppendParse(nil, "", "SELECT generate_series(1, 5)", nil)
		b = pgwire.AppendBind(b, "p", "", nil, nil, nil)
		w.send(pgwire.AppendFlush(pgwire.AppendExecute(b, "p", 2)))
		var got string
		for range 5 { // ParseComplete, BindComplete, two rows, PortalSuspended
			typ, _ := w.one()
			got += string(typ)
		}
		if got != "12DDs" {
			t.Fatalf("endpoint %d: %q", endpoint, got)
		}
		other := s.wire(t, endpoint)
		other.must("SELECT 'somebody else meanwhile'")
		w.send(pgwire.AppendFlush(pgwire.AppendExecute(nil, "p", 2)))
		w.send(pgwire.AppendSync(pgwire.AppendExecute(nil, "p", 0)))
		if a := w.answer(); strings.Join(a.rows, "") != "345" || a.types != "DDsDCZ" {
			t.Errorf("endpoint %d: %q %v; want the rest of the rows", endpoint, a.types, a.rows)
		}
	}
}

func TestCopyRunsBothWays(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	s.super(t, "CREATE TABLE words (n int, w text)")
	s.super(t, "GRANT ALL ON words TO "+s.role())
	for endpoint := range 2 {
		conn := s.connect(t, endpoint)
		var rows [][]any
		for i := range 20_000 {
			rows = append(rows, []any{i, strings.Repeat("w", i%100)})
		}
		n, err := conn.CopyFrom(t.Context(), pgx.Identifier{"words"}, []string{"n", "w"}, pgx.CopyFromRows(rows))
		if err != nil || n != 20_000 {
			t.Fatalf("endpoint %d: %d, %v", endpoint, n, err)
		}
		var out strings.Builder
		if _, err := conn.PgConn().CopyTo(t.Context(), &out, "COPY (SELECT n FROM words ORDER BY n) TO STDOUT"); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 20_000 {
			t.Errorf("endpoint %d: %d lines", endpoint, lines)
		}
		if _, err := conn.Exec(t.Context(), "TRUNCATE words"); err != nil {
			t.Fatal(err)
		}
	}
}
