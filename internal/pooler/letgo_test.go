package pooler_test

import (
	"testing"
	"time"

	"holdfast/internal/pgwire"
)

// Trap 8, issue 3 and docs/operate/pooler.md: a client is pinned until it lets go, by whatever form it does.
func TestTrap08AClientThatLetsGoIsPinnedNoLonger(t *testing.T) {
	t.Parallel()
	for name, said := range map[string][]string{
		"advisory lock":         {"SELECT pg_advisory_lock(4712)", "SELECT pg_advisory_unlock(4712)"},
		"tried advisory lock":   {"SELECT pg_try_advisory_lock(4712)", "SELECT pg_advisory_unlock(4712)"},
		"shared advisory lock":  {"SELECT pg_advisory_lock_shared(1, 2)", "SELECT pg_advisory_unlock_shared(1, 2)"},
		"locked twice":          {"SELECT pg_advisory_lock(1)", "SELECT pg_advisory_lock(1)", "SELECT pg_advisory_unlock(1)", "SELECT pg_advisory_unlock(1)"},
		"dropped table":         {"CREATE TEMP TABLE tt AS SELECT 42 AS n", "DROP TABLE tt"},
		"table by its schema":   {"CREATE TEMP TABLE tt (id serial PRIMARY KEY, t text)", "DROP TABLE pg_temp.tt"},
		"discarded tables":      {"CREATE TEMP TABLE tt AS SELECT 42 AS n", "DISCARD TEMP"},
		"type and function":     {"CREATE TYPE pg_temp.ty AS (a int)", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP TYPE pg_temp.ty", "DROP FUNCTION pg_temp.f()"},
		"in one transaction":    {"BEGIN", "CREATE TEMP TABLE tt AS SELECT 42 AS n", "SAVEPOINT a", "DROP TABLE tt", "COMMIT"},
		"in one text":           {"CREATE TEMP TABLE tt AS SELECT 42 AS n; DROP TABLE tt"},
		"channel":               {"LISTEN somewhere", "UNLISTEN somewhere"},
		"cursor with hold":      {"DECLARE c CURSOR WITH HOLD FOR SELECT 1", "CLOSE c"},
		"prepare in SQL":        {"PREPARE p AS SELECT 1", "DEALLOCATE p"},
		"prepare, both words":   {"PREPARE p AS SELECT 1", "DEALLOCATE PREPARE p"},
		"set_config":            {"SELECT set_config('my.tenant', 'seven', false)", "RESET ALL"},
		"settings in one text":  {"SET work_mem = '8MB'; SET my.tenant = 'seven'", "RESET ALL"},
		"several things":        {"LISTEN a", "SELECT pg_advisory_lock(1)", "UNLISTEN a", "SELECT pg_advisory_unlock(1)"},
		"role by set_config":    {"SELECT set_config('role', 'none', false)", "RESET ALL"},
		"whatever search_path":  {"SET search_path = nowhere", "LISTEN a", "UNLISTEN a"},
		"in a serializable one": {"SET default_transaction_isolation = serializable", "LISTEN a", "UNLISTEN a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sized(1).start(t)
			for _, extended := range []bool{false, true} {
				one := s.wire(t, 1)
				for _, text := range said {
					if extended && name != "in one text" && name != "settings in one text" {
						if a := one.ask("", text); a.code() != "" || a.status == 0 {
							t.Fatalf("%s: %+v", text, a)
						}
						continue
					}
					one.must(text)
				}
				s.wire(t, 1).must("SELECT 1") // in the only server
				one.must("SELECT 2")
				_ = one.conn.Close()
			}
		})
	}
}

// Trap 8: the other half: who lets go of one thing of two, or not at all, keeps the rest.
func TestTrap08AClientThatHasMoreStaysPinned(t *testing.T) {
	t.Parallel()
	for name, said := range map[string][]string{
		"one of two channels":   {"LISTEN a", "LISTEN b", "UNLISTEN a"},
		"locked twice":          {"SELECT pg_advisory_lock(1)", "SELECT pg_advisory_lock(1)", "SELECT pg_advisory_unlock(1)"},
		"one of two tables":     {"CREATE TEMP TABLE a()", "CREATE TEMP TABLE b()", "DROP TABLE a"},
		"one of two cursors":    {"DECLARE a CURSOR WITH HOLD FOR SELECT 1", "DECLARE b CURSOR WITH HOLD FOR SELECT 1", "CLOSE a"},
		"one of two statements": {"PREPARE a AS SELECT 1", "PREPARE b AS SELECT 1", "DEALLOCATE a"},
		"rolled back":           {"LISTEN a", "BEGIN", "UNLISTEN a", "ROLLBACK"},
		"another setting":       {"SELECT set_config('my.tenant', 'seven', false)", "RESET work_mem"},
		"reset is rolled back":  {"SELECT set_config('my.tenant', 'seven', false)", "BEGIN", "RESET ALL", "ROLLBACK"},
		"set again after it":    {"SELECT set_config('a.b', '1', false)", "BEGIN", "RESET ALL", "SELECT set_config('a.b', '2', false)", "COMMIT"},
		"a role stays":          {"SELECT set_config('role', current_user, false)", "RESET ALL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sized(1).start(t)
			one, two := s.wire(t, 1), s.wire(t, 1)
			for _, text := range said {
				one.must(text)
			}
			two.send(pgwire.AppendQuery(nil, "SELECT 'mine'"))
			s.waiting(t, 1)
			one.must("SELECT 2")
			s.waiting(t, 1)
			_ = one.conn.Close()
			if a := two.answer(); len(a.rows) != 1 {
				t.Error(a)
			}
		})
	}
}

// Trap 8: a question to which the server gives no answer leaves the client as it was, and what the client sent meanwhile is done.
func TestTrap08AClientNoticesNothingOfTheQuestion(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	s.super(t, "REVOKE SELECT ON pg_catalog.pg_locks FROM PUBLIC")
	one, two := s.wire(t, 1), s.wire(t, 1)
	one.must("SELECT pg_advisory_lock(1)")
	one.must("SELECT pg_advisory_unlock(1)")
	two.send(pgwire.AppendQuery(nil, "SELECT 'mine'"))
	s.waiting(t, 1) // nobody knows that it has let go
	one.must("SELECT 2")
	s.super(t, "GRANT SELECT ON pg_catalog.pg_locks TO PUBLIC")
	pipeline := pgwire.AppendQuery(nil, "SELECT pg_advisory_lock(1)")
	pipeline = pgwire.AppendQuery(pgwire.AppendQuery(pipeline, "SELECT pg_advisory_unlock(1)"), "SELECT 'next'")
	one.send(pipeline)
	for _, want := range []string{"", "t", "next"} {
		if a := one.answer(); len(a.rows) != 1 || a.rows[0] != want {
			t.Errorf("%+v, want %q", a, want)
		}
	}
	if a := two.answer(); len(a.rows) != 1 || a.rows[0] != "mine" {
		t.Error(a)
	}
	for range 100 { // the next statement comes while the server is asked, or just before, or after
		one.must("LISTEN a")
		one.send(pgwire.AppendQuery(nil, "UNLISTEN a"))
		time.AfterFunc(200*time.Microsecond, func() { _, _ = one.conn.Write(pgwire.AppendQuery(nil, "SELECT 'next'")) })
		if a := one.answer(); a.types != "CZ" {
			t.Fatal(a)
		}
		if a := one.answer(); len(a.rows) != 1 || a.rows[0] != "next" {
			t.Fatal(a)
		}
	}
	_ = one.conn.Close()
}
