package relay

import (
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// asyncpg sends this when its own pool takes a connection back; Npgsql sends much the same.
const asyncpgReset = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;"

// What drivers and frameworks send by themselves to every session, which therefore must pin nobody (trap 8).
func TestTrap08WhatDriversSendToEachSessionPinsNobody(t *testing.T) {
	t.Parallel()
	f := func(driver, sql string, tags ...string) {
		t.Helper()
		r := newRig(t, Transaction)
		said := "Q(" + sql + ")"
		r.say(said, mQuery(sql))
		var in [][]byte
		show := ""
		for _, tag := range tags {
			in = append(in, sTag(tag))
			show += "C "
		}
		r.answer(show+"ZI", append(in, sReady('I'))...)
		if pins := r.c.Pins(); pins != 0 {
			t.Errorf("%s is pinned: %v", driver, pins.PinNames())
		}
	}
	f("asyncpg", asyncpgReset, "SELECT 1", "CLOSE CURSOR ALL", "UNLISTEN", "RESET")
	f("Npgsql", "CLOSE ALL;UNLISTEN *;SELECT pg_advisory_unlock_all();RESET ALL;DISCARD SEQUENCES;DISCARD TEMP",
		"CLOSE CURSOR ALL", "UNLISTEN", "SELECT 1", "RESET", "DISCARD SEQUENCES", "DISCARD TEMP")
	f("Sequelize", "SET standard_conforming_strings=on;SET client_min_messages TO warning;SET TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE", "SET", "SET", "SET")
	f("Django", "SELECT set_config('TimeZone', 'UTC', false)", "SELECT 1")
	f("Django's psycopg 3", "select pg_catalog.set_config ( 'timezone' , $1, false)", "SELECT 1")
	f("pg_dump", "SET DATESTYLE = ISO; SET INTERVALSTYLE = POSTGRES; SET extra_float_digits TO 3", "SET", "SET", "SET")
}

func TestTrap08WhatCannotBeFollowedInATextOfSeveralStatementsPins(t *testing.T) {
	t.Parallel()
	f := func(sql string, tags ...string) {
		t.Helper()
		r := newRig(t, Transaction)
		r.say("Q("+sql+")", mQuery(sql))
		in := [][]byte{}
		show := ""
		for _, tag := range tags {
			in, show = append(in, sTag(tag)), show+"C "
		}
		r.answer(show+"ZI", append(in, sReady('I'))...)
		if r.c.Pins() == 0 {
			t.Errorf("%q pins nobody", sql)
		}
	}
	f(`SET "a" = 1; SELECT 1`, "SET", "SELECT 1")
	f("SET SEED TO 0.5; SET work_mem = '1MB'", "SET", "SET")
	f("SET a.b = 'x\\y'; SELECT 1", "SET", "SELECT 1")
	f("BEGIN; SET work_mem = '1MB'; COMMIT", "BEGIN", "SET", "COMMIT")
	f("SELECT set_config('app.tenant', '1', false)", "SELECT 1")
	f("SELECT set_config(name, '1', false) FROM x", "SELECT 1")
	f("SELECT set_config('TimeZone', 'UTC', false), set_config('work_mem', '1MB', false)", "SELECT 1")
	f("SELECT set_config('Time'\n'Zone', 'UTC', false)", "SELECT 1")
}

func TestSettingsOfATextAreFollowedStatementByStatement(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("Q(SET work_mem = '1MB'; SET TRANSACTION READ ONLY; SET app.x = 'a,b'; SELECT 1)",
		mQuery("SET work_mem = '1MB'; SET TRANSACTION READ ONLY; SET app.x = 'a,b'; SELECT 1"))
	r.answer("C C C C ZI", sTag("SET"), sTag("SET"), sTag("SET"), sTag("SELECT 1"), sReady('I'))
	if got := r.c.settings.all(); len(got) != 2 || got[0].Set != "SET work_mem = '1MB'" || got[1].Set != "SET app.x = 'a,b'" {
		t.Errorf("%+v", got)
	}
	// What failed has undone what was made before it.
	r.say("Q(SET work_mem = '2MB'; SELECT 1 / 0; SET app.x = 'c')", mQuery("SET work_mem = '2MB'; SELECT 1 / 0; SET app.x = 'c'"))
	r.answer("C E(22012 zero) ZI", sTag("SET"), sError("22012", "zero"), sReady('I'))
	if got := r.c.settings.named("work_mem").Set; got != "SET work_mem = '1MB'" {
		t.Errorf("work_mem is made by %q", got)
	}
}

// Issue 3: in session mode all that PostgreSQL can do works; in transaction mode settings of the log-in follow their client. A client that
// asked for a search_path at log-in must not find itself in another schema because its driver resets the session.
func TestTrap09AResetLeadsToWhatTheClientAskedForAtLogIn(t *testing.T) {
	t.Parallel()
	asked := []pgwire.Param{
		{Name: "search_path", Value: "other, public"},
		{Name: "TimeZone", Value: "Asia/Tokyo"},
		{Name: "work_mem", Value: "9MB"},
		{Name: "application_name", Value: "me"},
		{Name: "app.x", Value: "it's"},
	}
	show := mQuery("SELECT current_setting('search_path'), current_setting('TimeZone'), current_setting('work_mem')," +
		" current_setting('application_name'), current_setting('app.x')")
	f := func(steps ...[]byte) {
		t.Helper()
		play := func(c *talk, between func()) (got string) {
			for _, m := range steps {
				c.ask(1, m)
				between()
				got += c.ask(1, show)
			}
			return got
		}
		want := play(directTo(t, pgtest.Database(t), asked...), func() {})
		for _, config := range []houseConfig{{mode: Session, servers: 2, statements: 10}, {mode: Transaction, servers: 2, statements: 10, check: true}} {
			h := newHouse(t, pgtest.Database(t), config)
			other := h.talkTo(t)
			c := h.talkTo(t, asked...)
			got := play(c, func() { other.ask(1, mQuery("SELECT 1")) })
			if problem := differ(got, want); problem != "" {
				t.Errorf("mode %d: %s", config.mode, problem)
			}
			c.close()
			other.close()
			h.close()
		}
	}
	f(mQuery("RESET ALL"))
	f(mQuery(asyncpgReset))
	f(mQuery("SET search_path = x"), mQuery("RESET search_path"), mQuery("RESET work_mem"))
	f(mQuery("SET TIME ZONE 'UTC'; SET work_mem = '1MB'; SELECT 1"), mQuery("RESET TimeZone"), mQuery(asyncpgReset))
	f(join(mParse("", "RESET ALL"), mBind("", ""), mExecute("", 0), mSync()))
	f(mQuery("RESET ALL; SET work_mem = '2MB'; SELECT 1"), mQuery("RESET ALL"))
	f(mQuery("SELECT set_config('TimeZone', 'Europe/Berlin', false)"), mQuery("RESET TimeZone"), mQuery("DISCARD ALL"))
}

// What a session is given anew after a RESET takes the unnamed statement from nobody, and what a client sets in the breath in which it has
// discarded all stands, also where the server has nothing new to report.
func TestTrap09AResetTakesNothingElseAway(t *testing.T) {
	t.Parallel()
	run := func(sql string) []byte { return join(mParse("", sql), mBind("", ""), mExecute("", 0)) }
	play := func(c *talk, between func()) (got string) {
		c.ask(1, join(run("RESET ALL"), mSync()))
		between()
		got = c.ask(1, join(mBind("", ""), mExecute("", 0), mSync()))
		c.ask(1, mQuery("SET TimeZone = 'Europe/Berlin'"))
		c.ask(1, join(run("DISCARD ALL"), run("SET TimeZone = 'Europe/Berlin'"), mSync()))
		between()
		got += c.ask(1, mQuery("SHOW TimeZone"))
		c.ask(1, join(run("DISCARD ALL"), run("SET TimeZone = 'Asia/Tokyo'"), run("RESET TimeZone"), mSync()))
		between()
		return got + c.ask(1, mQuery("SHOW TimeZone"))
	}
	asked := pgwire.Param{Name: "TimeZone", Value: "America/Lima"}
	want := play(directTo(t, pgtest.Database(t), asked), func() {})
	for _, mode := range []Mode{Session, Transaction} {
		h := newHouse(t, pgtest.Database(t), houseConfig{mode: mode, servers: 2, statements: 10, check: true})
		other := h.talkTo(t)
		c := h.talkTo(t, asked)
		if problem := differ(play(c, func() { other.ask(1, mQuery("SELECT 1")) }), want); problem != "" {
			t.Errorf("mode %d: %s", mode, problem)
		}
		c.close()
		other.close()
		h.close()
	}
}
