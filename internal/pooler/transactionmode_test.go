package pooler_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// Traps 1 and 15: a named statement works on whichever server comes, and nobody gets another one's rows.
func TestTrap01PreparedStatementsFollowTheirClientFromServerToServer(t *testing.T) {
	t.Parallel()
	s := sized(3).start(t)
	holders := []*wire{s.wire(t, 1), s.wire(t, 1)}
	clients := []*wire{s.wire(t, 1), s.wire(t, 1)}
	for i, w := range clients {
		w.send(pgwire.AppendSync(pgwire.AppendParse(nil, "mine", fmt.Sprintf("SELECT 'client %d', $1::int * 2, pg_backend_pid()", i), nil)))
		if a := w.answer(); a.types != "1Z" {
			t.Fatal(a)
		}
	}
	seen := map[string]bool{}
	for round := range 9 { // none, one or both of the others hold a server
		for _, h := range holders[:round%3] {
			h.must("BEGIN")
		}
		for i, w := range clients {
			a := w.ask("mine", "", fmt.Sprint(round))
			want := fmt.Sprintf("client %d|%d|", i, 2*round)
			if len(a.rows) != 1 || !strings.HasPrefix(a.rows[0], want) {
				t.Fatalf("round %d: %+v; want %s", round, a, want)
			}
			seen[strings.TrimPrefix(a.rows[0], want)] = true
		}
		for _, h := range holders[:round%3] {
			h.must("COMMIT")
		}
	}
	if len(seen) < 2 {
		t.Errorf("%d servers: the test showed nothing", len(seen))
	}
}

// Trap 8: state that cannot be carried keeps its client where it is, and the next one finds none of it.
func TestTrap08StateThatCannotBeCarriedPinsItsClient(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]struct{ do, look, there, gone string }{
		"temporary table": {"CREATE TEMP TABLE tt AS SELECT 42 AS n", "SELECT to_regclass('pg_temp.tt') IS NOT NULL", "t", "f"},
		"temporary by select": {
			"SELECT 1 AS n INTO TEMPORARY tt", "SELECT to_regclass('pg_temp.tt') IS NOT NULL", "t", "f",
		},
		"advisory lock": {
			"SELECT pg_advisory_lock(4712)",
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4712 AND pid = pg_backend_pid()", "1", "0",
		},
		"cursor with hold": {"DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) FROM pg_cursors", "1", "0"},
		"prepare in SQL":   {"PREPARE p AS SELECT 1", "SELECT count(*) FROM pg_prepared_statements WHERE from_sql", "1", "0"},
		"listen":           {"LISTEN somewhere", "SELECT count(*) FROM pg_listening_channels()", "1", "0"},
		"set_config": {
			"SELECT set_config('my.tenant', 'seven', false)",
			"SELECT coalesce(current_setting('my.tenant', true), '') = 'seven'", "t", "f",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sized(2).start(t)
			one := s.wire(t, 1)
			one.must(state.do)
			pid := one.must("SELECT pg_backend_pid()")
			for range 5 { // others make it hard to come back to the same server by luck
				two := s.wire(t, 1)
				if got := two.must("SELECT pg_backend_pid()"); got == pid {
					t.Fatal("somebody else got the server of a pinned client")
				}
				if got := two.must(state.look); got != state.gone {
					t.Errorf("%s: %q for somebody else, want %q", state.look, got, state.gone)
				}
				if got := one.must(state.look); got != state.there {
					t.Errorf("%s: %q for the client, want %q", state.look, got, state.there)
				}
				_ = two.conn.Close()
			}
			_ = one.conn.Close()
			three, four := s.wire(t, 1), s.wire(t, 1)
			three.must("BEGIN")
			four.must("BEGIN")
			for _, w := range []*wire{three, four} {
				if got := w.must(state.look); got != state.gone {
					t.Errorf("%s: %q after the client left, want %q", state.look, got, state.gone)
				}
			}
		})
	}
}

// Trap 9: settings follow their client, whether the server reports them or not, and are nobody else's.
func TestTrap09SettingsFollowTheirClientFromServerToServer(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	s.super(t, "GRANT pg_monitor TO "+s.role())
	one, two := s.wire(t, 1), s.wire(t, 1)
	for _, set := range []string{
		"SET TimeZone = 'Asia/Tokyo'", "SET work_mem = '7MB'", "SET search_path = pg_catalog", "SET application_name = 'one'",
		"SET DateStyle = 'SQL, DMY'", "SET statement_timeout = 12345", "SET ROLE pg_monitor", "SET my.tenant = 'seven'",
	} {
		one.must(set)
	}
	const look = `SELECT current_setting('TimeZone'), current_setting('work_mem'), current_setting('search_path'),
		current_setting('application_name'), current_setting('DateStyle'), current_setting('statement_timeout'), current_user,
		coalesce(current_setting('my.tenant', true), '')`
	const mine = "Asia/Tokyo|7MB|pg_catalog|one|SQL, DMY|12345ms|pg_monitor|seven"
	fresh := two.must(look)
	for range 10 {
		if got := one.must(look); got != mine {
			t.Fatalf("%q, want %q", got, mine)
		}
		if got := two.must(look); got != fresh {
			t.Fatalf("somebody else: %q, want %q", got, fresh)
		}
	}
	one.must("BEGIN; SET TimeZone = 'UTC'; SET work_mem = '9MB'")
	one.must("ROLLBACK")
	one.must("BEGIN; SET LOCAL work_mem = '11MB'; COMMIT")
	if got := one.must(look); got != mine {
		t.Errorf("after a ROLLBACK: %q, want %q", got, mine)
	}
	one.must("RESET ROLE")
	one.must("RESET ALL")
	if got := one.must(look); strings.Replace(got, "|one|", "|holdfast|", 1) != strings.Replace(fresh, "||", "|holdfast|", 1) && got != fresh {
		t.Errorf("after RESET ALL: %q, want %q", got, fresh)
	}
}

// Trap 8, in the words of PgBouncer's issue 972: DISCARD ALL and DEALLOCATE ALL of a client, also inside of a longer text.
func TestTrap08DiscardAllEmptiesTheClientsListAndTheServers(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	one, two := s.wire(t, 1), s.wire(t, 1)
	prepare := func(w *wire) {
		w.send(pgwire.AppendSync(pgwire.AppendParse(nil, "s", "SELECT 'x' || $1", nil)))
		if a := w.answer(); a.types != "1Z" {
			t.Fatal(a)
		}
	}
	for _, text := range []string{"DISCARD ALL", "DEALLOCATE ALL", "SELECT 1; DEALLOCATE ALL", "/* hm */ deallocate PREPARE all;"} {
		prepare(one)
		prepare(two)
		one.must(text)
		if a := one.ask("s", "", "1"); a.code() != "26000" {
			t.Errorf("after %q the statement still exists: %+v", text, a)
		}
		if a := two.ask("s", "", "1"); len(a.rows) != 1 || a.rows[0] != "x1" {
			t.Errorf("after %q of somebody else: %+v", text, a)
		}
		two.must("DEALLOCATE ALL")
	}
}

// Trap 4: the end of a transaction is what ReadyForQuery says, once for each text or Sync.
func TestTrap04AFailedTransactionKeepsItsServerUntilItIsOver(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	one := s.wire(t, 1)
	one.must("BEGIN; SELECT 1; SELECT 2")
	if a := one.query("SELECT 1/0"); a.status != 'E' || a.code() != "22012" {
		t.Fatal(a)
	}
	two := s.wire(t, 1)
	two.send(pgwire.AppendQuery(nil, "SELECT 'mine'"))
	s.waiting(t, 1)
	if a := one.query("SELECT 1"); a.code() != "25P02" {
		t.Errorf("%+v; want the error of a failed transaction", a)
	}
	one.must("ROLLBACK; BEGIN; SELECT 3")
	s.waiting(t, 1)
	one.must("COMMIT")
	if a := two.answer(); strings.Join(a.rows, "") != "mine" {
		t.Error(a)
	}
}
