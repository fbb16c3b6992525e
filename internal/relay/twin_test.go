package relay

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// dialogue is a script of messages; each step says how many ReadyForQuerys end it.
type dialogue []struct {
	ready int
	said  [][]byte
}

// with adds a step.
func (d dialogue) with(ready int, messages ...[]byte) dialogue {
	return append(d, struct {
		ready int
		said  [][]byte
	}{ready, messages})
}

// sql adds steps of one simple query each.
func (d dialogue) sql(statements ...string) dialogue {
	for _, s := range statements {
		d = d.with(1, mQuery(s))
	}
	return d
}

// run adds steps of one statement each by the extended protocol.
func (d dialogue) run(statements ...string) dialogue {
	for _, s := range statements {
		d = d.with(1, mParse("", s), mBind("", ""), mExecute("", 0), mSync())
	}
	return d
}

func (d dialogue) play(c *talk) string {
	var b strings.Builder
	for _, step := range d {
		var said []string
		for _, m := range step.said {
			said = append(said, frontend(m))
		}
		fmt.Fprintf(&b, "> %.300s\n%s", strings.Join(said, " "), c.ask(step.ready, step.said...))
	}
	return b.String()
}

// playDialogue plays a dialogue directly and through the relay in several ways, and compares all answers. Another client's work comes
// between, on the same servers.
func playDialogue(t *testing.T, schema string, d dialogue) {
	t.Helper()
	open := func() *pgtest.DB {
		db := pgtest.Database(t)
		if schema != "" {
			db.Exec(t, schema)
		}
		return db
	}
	want := d.play(directTo(t, open()))
	for _, c := range []houseConfig{
		{mode: Session, servers: 1, statements: 10, piece: 30},
		{mode: Transaction, servers: 2, statements: 10, piece: 11, check: true},
		{mode: Transaction, servers: 3, statements: 2, piece: 1, check: true},
		{mode: Transaction, servers: 2, statements: 2, check: true},
	} {
		h := newHouse(t, open(), c)
		client := h.talkTo(t)
		if problem := differ(d.play(client), want); problem != "" {
			t.Errorf("mode %d, %d servers, %d statements, pieces of %d: %s", c.mode, c.servers, c.statements, c.piece, problem)
		}
		client.close()
		h.close()
	}
}

func TestTrap03CursorsWithRowLimitsAreTheSame(t *testing.T) {
	t.Parallel()
	rows := "SELECT generate_series(1, 5)"
	playDialogue(t, "", dialogue{}.
		with(1, mParse("s", rows), mSync()).
		with(1, mBind("", "s"), mExecute("", 2), mFlush(), mExecute("", 2), mFlush(), mExecute("", 2), mSync()).
		with(1, mExecute("", 2), mSync()). // the portal ended with its transaction
		sql("BEGIN").
		with(1, mBind("p", "s"), mBind("q", "s"), mExecute("p", 1), mSync()).
		with(1, mExecute("p", 1), mExecute("q", 3), mClose('S', "s"), mSync()).
		with(1, mExecute("p", 0), mClose('P', "p"), mExecute("q", 0), mSync()).
		with(1, mExecute("p", 0), mSync()).
		sql("ROLLBACK", "SELECT 1"))
}

// call is a FunctionCall with text arguments.
func call(oid uint32, args ...string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{'F', 0, 0, 0, 0}, oid)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(args)))
	for _, a := range args {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(a))), a...)
	}
	b = append(b, 0, 0)
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-1))
	return b
}

func TestTrap07FastpathCallsAreTheSame(t *testing.T) {
	t.Parallel()
	const int4pl, int4div = 177, 154 // pg_proc
	playDialogue(t, "", dialogue{}.
		with(1, call(int4pl, "40", "2")).
		with(3, call(int4pl, "1", "2"), call(int4div, "1", "0"), call(4_000_000_000, "1")).
		sql("BEGIN").
		with(1, call(int4div, "1", "0")).
		with(1, call(int4pl, "1", "2")).
		sql("ROLLBACK").
		with(1, mBind("", "none"), call(int4pl, "3", "4"), mSync()))
}

func TestTrap05CopyIsTheSameWithErrorsAtEachPoint(t *testing.T) {
	t.Parallel()
	run := func(sql string) []byte { return join(mParse("", sql), mBind("", ""), mExecute("", 0)) }
	data := mCopyData("1\n2\n")
	bad := mCopyData("bad\n")
	d := dialogue{}
	for _, in := range []string{"COPY t FROM STDIN", "COPY nowhere FROM STDIN", "COPY seen FROM STDIN", "COPY closed FROM STDIN"} {
		d = d.
			with(2, mQuery(in), data, mCopyDone(), mQuery("SELECT count(*) FROM t")).
			with(2, mQuery(in), bad, data, mCopyDone(), mQuery("SELECT count(*) FROM t")).
			with(2, mQuery(in), data, mCopyFail(), mQuery("SELECT count(*) FROM t")).
			with(2, mQuery(in), mCopyFail(), data, mCopyDone(), data, mQuery("SELECT count(*) FROM t")).
			with(2, mQuery(in+"; SELECT 5; "+in), data, mCopyDone(), data, mCopyDone(), mQuery("SELECT 6")).
			with(1, run(in), data, mCopyDone(), mSync()).
			with(1, run(in), bad, data, mCopyDone(), mSync()).
			with(1, run(in), data, mCopyFail(), mSync()).
			with(1, run(in), mFlush(), data, mFlush(), mCopyDone(), run("SELECT 7"), mSync()).
			with(2, run(in), data, mCopyDone(), mSync(), run("SELECT count(*) FROM t"), mSync()).
			sql("BEGIN").
			with(1, run(in), bad, mCopyDone(), mSync()).
			sql("ROLLBACK")
	}
	for _, in := range []string{"COPY t FROM STDIN", "COPY nowhere FROM STDIN"} { // these say at once whether they take data
		early := 1
		if strings.Contains(in, "nowhere") {
			early = 2 // the first Sync is answered, for there is no COPY
		}
		d = d.
			with(early, run(in), mSync(), data, mCopyDone(), mSync()).
			with(early, run(in), mSync(), bad, data, mCopyDone(), mSync()).
			with(early+1, run(in), mSync(), bad, mCopyFail(), mSync(), run("SELECT 8"), mSync())
	}
	playDialogue(t, copySchema, d.
		sql("COPY t TO STDOUT", "COPY (SELECT 1 / (3 - n) FROM generate_series(1, 9) n) TO STDOUT", "COPY t TO STDOUT; SELECT 1").
		run("COPY t TO STDOUT", "COPY (SELECT 1 / (3 - n) FROM generate_series(1, 9) n) TO STDOUT").
		with(1, run("COPY t TO STDOUT"), run("COPY t TO STDOUT"), mSync()).
		with(1, data, mCopyDone(), mQuery("SELECT count(*) FROM t")))
}

const copySchema = `CREATE TABLE t (a int); CREATE VIEW seen AS SELECT a FROM t; CREATE TABLE closed (a int);
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it is closed'; END $$;
	CREATE TRIGGER closed BEFORE INSERT ON closed FOR EACH STATEMENT EXECUTE FUNCTION refuse();`

func TestTrap05ACopyThatFailsBeforeItReadsLeavesNothingToTheNextClient(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	db.Exec(t, copySchema)
	h := newHouse(t, db, houseConfig{mode: Transaction, servers: 1, statements: 10, piece: 3, check: true})
	for range 20 {
		c := h.talkTo(t)
		c.say(mParse("", "COPY closed FROM STDIN"), mBind("", ""), mExecute("", 0), mSync(), mCopyData("1\n"), mCopyDone(), mSync(), mQuery(""))
		answers, err := c.hearEmpty()
		if err != nil {
			t.Fatal(err, lines(answers))
		}
		if n := strings.Count(lines(answers), "ReadyForQuery"); n != 3 { // both Syncs were answered
			t.Errorf("%d ReadyForQuerys\n%s", n, lines(answers))
		}
		next := h.talkTo(t)
		if got := next.ask(1, mQuery("SELECT 'mine'")); !strings.Contains(got, "mine") {
			t.Fatalf("the next client sees\n%s", got)
		}
		c.close()
		next.close()
	}
}

func TestTrap08SessionStateIsTheSameInTransactionMode(t *testing.T) {
	t.Parallel()
	show := []string{
		"SHOW work_mem", "SHOW search_path", "SELECT current_user, session_user", "SHOW TimeZone", "SELECT coalesce(current_setting('app.x', true), '')",
		"SHOW default_transaction_read_only", "SHOW default_transaction_isolation",
	}
	d := dialogue{}
	for _, way := range []func(dialogue, ...string) dialogue{dialogue.sql, dialogue.run} {
		for _, s := range []string{
			"SET work_mem = '1MB'", "SET search_path TO other, public", "SET ROLE reader", "RESET ROLE", "SET SESSION AUTHORIZATION reader",
			"RESET SESSION AUTHORIZATION", "SET TIME ZONE 'Asia/Tokyo'", "SET app.x = 'one'", "RESET work_mem", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
			"RESET default_transaction_read_only", "SET default_transaction_isolation = 'serializable'", "SET LOCAL app.x = 'two'", "SET nonsense = 1",
			"SET work_mem TO DEFAULT", "RESET ALL", "SET app.x TO 'three'", "DISCARD ALL", "SELECT set_config('app.x', 'four', true)",
			"SELECT set_config('app.x', 'five', false)", "SET application_name = 'six'", "DISCARD ALL",
		} {
			d = way(way(d, s), show...)
		}
		d = way(way(d, "BEGIN", "SET work_mem = '2MB'", "SET TIME ZONE 'Europe/Berlin'", "ROLLBACK"), show...)
		d = way(way(d, "BEGIN", "SET work_mem = '3MB'", "SET TIME ZONE 'Europe/Berlin'", "COMMIT"), show...)
		d = way(way(d, "BEGIN", "SET LOCAL work_mem = '4MB'", "SHOW work_mem", "COMMIT"), show...)
		d = way(way(d, "BEGIN", "SAVEPOINT a", "SET work_mem = '5MB'", "ROLLBACK TO a", "COMMIT"), show...)
		d = way(way(d, "BEGIN", "SET work_mem = '6MB'", "SAVEPOINT a", "SELECT 1 / 0", "ROLLBACK TO a", "COMMIT"), show...)
		d = way(way(d, "BEGIN", "SET work_mem = '7MB'", "SELECT 1 / 0", "COMMIT"), show...)
		d = way(way(d, "DISCARD ALL"), show...)
	}
	d = d.sql("SET work_mem = '8MB'; SET app.x = 'seven'").sql(show...).sql("RESET work_mem; SELECT 1").sql(show...)
	playDialogue(t, sessionSchema, d)
}

const sessionSchema = `CREATE SCHEMA other;
	DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;`

func TestTrap08WhatCannotBeCarriedPinsTheClient(t *testing.T) {
	t.Parallel()
	playDialogue(t, "", dialogue{}.
		sql("CREATE TEMP TABLE tmp (a int)", "INSERT INTO tmp VALUES (1)").
		run("SELECT count(*) FROM tmp", "INSERT INTO tmp VALUES (1)", "SELECT count(*) FROM tmp").
		sql("DISCARD ALL", "SELECT count(*) FROM tmp").
		run("CREATE TEMP TABLE tmp (a int)", "SELECT count(*) FROM tmp", "SELECT 1").
		sql("DISCARD ALL", "BEGIN", "CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT 1 AS a", "SELECT a + 0 FROM gone", "COMMIT", "SELECT a + 0 FROM gone").
		sql("PREPARE q AS SELECT 42", "EXECUTE q", "SELECT 1", "EXECUTE q", "DEALLOCATE q", "EXECUTE q", "DISCARD ALL").
		sql("DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 5)", "FETCH 2 FROM c", "SELECT 1", "FETCH 2 FROM c", "CLOSE ALL", "FETCH 1 FROM c").
		sql("SELECT pg_advisory_lock(77)", "SELECT 1", "SELECT pg_advisory_unlock(77)", "SELECT pg_advisory_unlock(77)", "SELECT pg_advisory_unlock_all()").
		run("SELECT pg_advisory_lock(78)", "SELECT 1", "SELECT pg_advisory_unlock(78)", "SELECT pg_advisory_unlock_all()").
		sql("LISTEN a", "SELECT pg_listening_channels()", "UNLISTEN *", "SELECT pg_listening_channels()").
		sql("BEGIN", "LISTEN b", "ROLLBACK", "SELECT pg_listening_channels()", "UNLISTEN *; LISTEN c", "SELECT pg_listening_channels()"))
}

func TestTrap08NotificationsReachTheClientThatListens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.Database(t), houseConfig{mode: Transaction, servers: 2, statements: 10, piece: 3, check: true})
	c, other := h.talkTo(t), h.talkTo(t)
	c.ask(1, mQuery("LISTEN news"))
	other.ask(1, mQuery("NOTIFY news, 'first'"))
	if a, err := c.hear(); err != nil || a.typ != pgwire.NotificationResponse || !strings.Contains(a.body, "first") {
		t.Fatal(a, err)
	}
	c.ask(1, mQuery("UNLISTEN *"))
	other.ask(1, mQuery("NOTIFY news, 'second'"))
	if got := c.ask(1, mQuery("SELECT 1")); strings.Contains(got, "second") {
		t.Errorf("it does not listen any more\n%s", got)
	}
}

func TestTrap15PreparedStatementsAreTheSameOverServers(t *testing.T) {
	t.Parallel()
	use := func(name string, value ...string) []byte {
		return join(mBind("", name, value...), mExecute("", 0), mSync())
	}
	prepare := func(name, sql string, oids ...uint32) []byte { return join(mParse(name, sql, oids...), mSync()) }
	d := dialogue{}
	for range 2 {
		d = d.with(1, prepare("a", "SELECT $1::int + 1")).with(1, use("a", "1")).with(1, use("a", "2")).with(1, use("a", "x")).with(1, use("a", "3")).
			with(1, prepare("a", "SELECT 2")).                        // 42P05
			with(1, prepare("a", "SELECT nothing")).                  // its own error first
			with(1, mClose('S', "a"), prepare("a", "SELECT $1", 25)). // the same text with other types
			with(1, prepare("b", "SELECT $1", 23)).with(1, use("a", "x")).with(1, use("b", "x")).with(1, use("b", "5")).
			with(1, prepare("c", "SELECT 3")).with(1, prepare("d", "SELECT 4")).with(1, prepare("e", "SELECT 5")).
			with(1, use("c")).with(1, use("d")).with(1, use("e")).with(1, use("c")).with(1, use("a", "y")).
			with(1, mDescribe('S', "c"), mDescribe('S', "d"), mSync()).with(1, mDescribe('S', "none"), mSync()).with(1, use("none")).
			with(5, use("c"), use("d"), use("none"), use("e"), use("c")).
			with(1, mBind("", "c"), mExecute("", 0), mBind("", "d"), mExecute("", 0), mBind("", "e"), mExecute("", 0), mBind("", "c"), mExecute("", 0), mSync()).
			with(1, prepare("f", "SELECT nothing")).with(1, use("f")).with(1, prepare("f", "SELECT 6")).with(1, use("f")).
			with(1, mParse("g", "SELECT 7"), mParse("h", "SELECT nothing"), mParse("i", "SELECT 8"), mSync()).with(1, use("g")).with(1, use("i")).
			sql("BEGIN").with(1, use("c")).with(1, prepare("a", "SELECT 9")).with(1, use("c")).with(1, prepare("j", "SELECT 4")).sql("ROLLBACK").with(1, use("j")).
			sql("BEGIN").with(1, prepare("k", "SELECT 10")).sql("ROLLBACK").with(1, use("k")). // it outlives the transaction
			sql("DEALLOCATE c").with(1, use("c")).sql("DEALLOCATE c", `DEALLOCATE PREPARE "d"`).with(1, use("d")).run("DEALLOCATE e").with(1, use("e")).
			with(1, prepare("c", "SELECT 3")).with(1, use("c")).sql("DEALLOCATE ALL").with(1, use("c")).with(1, prepare("c", "SELECT 11")).with(1, use("c")).
			run("DEALLOCATE ALL").with(1, use("c")).with(1, prepare("c", "SELECT 12")).with(1, use("c")).sql("DISCARD ALL").with(1, use("c")).
			with(1, prepare("c", "SELECT 13")).with(1, mParse("", "DEALLOCATE ALL"), mBind("", ""), mExecute("", 0), mParse("c", "SELECT 14"), mBind("", "c"), mExecute("", 0), mSync()).
			with(1, use("c")).with(1, mClose('S', "c"), mClose('S', "c"), mClose('S', "none"), use("c")).run("DISCARD ALL").with(1, use("c"))
	}
	playDialogue(t, "", d)
}

func TestTrap15TheUnnamedStatementIsTheClientsOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.Database(t), houseConfig{mode: Transaction, servers: 1, statements: 10, piece: 4})
	a, b := h.talkTo(t), h.talkTo(t)
	a.ask(1, mParse("", "SELECT 'of a'"), mSync())
	if got := b.ask(1, mBind("", ""), mExecute("", 0), mSync()); !strings.Contains(got, "26000") {
		t.Errorf("a client without an unnamed statement runs\n%s", got)
	}
	b.ask(1, mParse("", "SELECT 'of b'"), mSync())
	for range 2 {
		if got := a.ask(1, mBind("", ""), mExecute("", 0), mSync()); !strings.Contains(got, "of a") {
			t.Errorf("a sees\n%s", got)
		}
		if got := b.ask(1, mDescribe('S', ""), mBind("", ""), mExecute("", 0), mSync()); !strings.Contains(got, "of b") {
			t.Errorf("b sees\n%s", got)
		}
	}
}
