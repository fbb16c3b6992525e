package relay

import (
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

func TestTrap15StatementsMeanTheSameUnderEachClientsSettings(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	db.Exec(t, "CREATE SCHEMA other", "CREATE TABLE named (a int)", "CREATE TABLE other.named (a text)", "INSERT INTO other.named VALUES ('x')")
	h := newHouse(t, db, houseConfig{mode: Transaction, servers: 2, statements: 10, check: true})
	mdy := h.talkTo(t, pgwire.Param{Name: "DateStyle", Value: "ISO, MDY"})
	dmy := h.talkTo(t, pgwire.Param{Name: "DateStyle", Value: "ISO, DMY"}, pgwire.Param{Name: "search_path", Value: "other"})
	for range 3 { // each on each server
		for name, sql := range map[string]string{"d": "SELECT '01/02/2020'::date", "p": "SELECT * FROM named"} {
			mdy.ask(1, mClose('S', name), mParse(name, sql), mSync())
			dmy.ask(1, mClose('S', name), mParse(name, sql), mSync())
		}
		if got := mdy.ask(1, mBind("", "d"), mExecute("", 0), mSync()); !strings.Contains(got, "2020-01-02") {
			t.Errorf("month first:\n%s", got)
		}
		if got := dmy.ask(1, mBind("", "d"), mExecute("", 0), mSync()); !strings.Contains(got, "2020-02-01") {
			t.Errorf("day first:\n%s", got)
		}
		if got := mdy.ask(1, mBind("", "p"), mExecute("", 0), mSync()); !strings.Contains(got, "SELECT 0") {
			t.Errorf("public:\n%s", got)
		}
		if got := dmy.ask(1, mBind("", "p"), mExecute("", 0), mSync()); !strings.Contains(got, "SELECT 1") {
			t.Errorf("other:\n%s", got)
		}
	}
	// Who changes a setting in a pipeline must not leave to others what was parsed after it.
	mdy.ask(1, mParse("", "SET DateStyle = 'German'"), mBind("", ""), mExecute("", 0),
		mParse("g", "SELECT '03/04/2020'::date"), mBind("", "g"), mExecute("", 0), mSync())
	for range 2 {
		dmy.ask(1, mClose('S', "g"), mParse("g", "SELECT '03/04/2020'::date"), mSync())
		if got := dmy.ask(1, mBind("", "g"), mExecute("", 0), mSync()); !strings.Contains(got, "2020-04-03") {
			t.Errorf("after another client's SET:\n%s", got)
		}
	}
}

func TestTrap15AChangedTableIsToldOnceAndThenTheStatementIsPreparedAnew(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
	h := newHouse(t, db, houseConfig{mode: Transaction, servers: 3, statements: 10, piece: 5, check: true})
	c := h.talkTo(t)
	use := join(mBind("", "s"), mExecute("", 0), mSync())
	c.ask(1, mParse("s", "SELECT * FROM t"), mSync())
	for range 6 {
		c.ask(1, use)
	}
	db.Exec(t, "ALTER TABLE t ADD b int DEFAULT 2")
	if got := c.ask(1, use); !strings.Contains(got, "0A000") {
		t.Errorf("PostgreSQL says that the result changed, but the client sees\n%s", got)
	}
	for range 6 { // also on the servers that did not say so
		if got := c.ask(1, use); !strings.Contains(got, `\x011\x00\x00\x00\x012`) {
			t.Errorf("it sees\n%s", got)
		}
	}
	db.Exec(t, "ALTER TABLE t DROP b")
	for range 6 { // who asks what the result is gets the answer of now
		if got := c.ask(1, mDescribe('S', "s"), mSync()) + c.ask(1, use); strings.Contains(got, "Error") {
			t.Errorf("it sees\n%s", got)
		}
	}
}

func TestTrap15AStatementThatSomebodyTookAwayIsPreparedAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.Database(t), houseConfig{mode: Transaction, servers: 1, statements: 10, piece: 5})
	c, enemy := h.talkTo(t), h.talkTo(t)
	use := join(mBind("", "s"), mExecute("", 0), mSync())
	c.ask(1, mParse("s", "SELECT 'mine'"), mSync())
	for _, said := range [][]byte{
		join(mBind("", "holdfast_1"), mExecute("", 0), mSync()), join(mDescribe('S', "holdfast_1"), mSync()),
	} {
		if got := enemy.ask(1, said); !strings.Contains(got, `26000 prepared statement "holdfast_1" does not exist`) {
			t.Errorf("another client's statement is reached by its name on the server:\n%s", got)
		}
	}
	enemy.ask(1, mClose('S', "holdfast_1"), mSync())
	if got := c.ask(1, use); !strings.Contains(got, "mine") {
		t.Errorf("another client's Close reached it:\n%s", got)
	}
	enemy.ask(1, mQuery("DO $$ BEGIN DEALLOCATE ALL; END $$")) // nobody sees that
	if got := c.ask(1, use); !strings.Contains(got, `26000 prepared statement "s" does not exist`) {
		t.Errorf("it sees\n%s", got)
	}
	if got := c.ask(1, use); !strings.Contains(got, "mine") {
		t.Errorf("it is not prepared anew:\n%s", got)
	}
}

func TestTrap09StartUpParametersAreWhatResetLeadsBackTo(t *testing.T) {
	t.Parallel()
	params := []pgwire.Param{
		{Name: "TimeZone", Value: "Asia/Tokyo"},
		{Name: "application_name", Value: "app"},
		{Name: "search_path", Value: "other, public"},
		{Name: "work_mem", Value: "1MB"},
		{Name: "DateStyle", Value: "ISO, DMY"},
	}
	var d dialogue
	for _, s := range []string{
		"SELECT 1", "SET TimeZone = 'UTC'", "SET application_name = 'x'", "RESET TimeZone", "SET work_mem = '2MB'", "RESET work_mem",
		"SET search_path = public", "SET search_path TO DEFAULT", "SET TIME ZONE DEFAULT", "SET DateStyle = 'German'", "RESET ALL", "SET application_name = 'y'", "DISCARD ALL",
	} {
		d = d.sql(s, "SHOW TimeZone", "SHOW application_name", "SHOW search_path", "SHOW work_mem", "SHOW DateStyle")
	}
	open := func() *pgtest.DB {
		db := pgtest.Database(t)
		db.Exec(t, sessionSchema)
		return db
	}
	direct := directTo(t, open(), params...)
	want := d.play(direct)
	for _, c := range []houseConfig{
		{mode: Transaction, servers: 1, statements: 10, check: true}, {mode: Transaction, servers: 2, statements: 10, piece: 7, check: true},
	} {
		h := newHouse(t, open(), c)
		client, other := h.talkTo(t, params...), h.talkTo(t)
		other.ask(1, mQuery("SET TimeZone = 'Europe/Berlin'"))
		if problem := differ(d.play(client), want); problem != "" {
			t.Errorf("with %d servers: %s", c.servers, problem)
		}
		if got := other.ask(1, mQuery("SHOW TimeZone")); !strings.Contains(got, "Europe/Berlin") {
			t.Errorf("the other client sees\n%s", got)
		}
		for name, value := range direct.known {
			if client.known[name] != value {
				t.Errorf("the client was told that %s is %q, directly it was %q", name, client.known[name], value)
			}
		}
		client.close()
		other.close()
		h.close()
	}
}

func TestSessionModeLeavesNothingToTheNextClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.Database(t), houseConfig{mode: Session, servers: 1, statements: 10, piece: 5, check: true})
	for range 2 {
		c := h.talkTo(t)
		if got := c.ask(1, mQuery("SHOW work_mem")); !strings.Contains(got, "4MB") {
			t.Errorf("the client finds\n%s", got)
		}
		if got := c.ask(1, mParse("s", "SELECT 1"), mBind("", "s"), mExecute("", 0), mSync()); strings.Contains(got, "Error") {
			t.Errorf("the client finds\n%s", got)
		}
		c.ask(5, mQuery("DISCARD ALL"), mQuery("SET work_mem = '1MB'"), mQuery("LISTEN x"), mQuery("CREATE TEMP TABLE a ()"), mQuery("PREPARE s AS SELECT 1"))
		c.close()
	}
}

func TestAClientThatLeavesInTheMiddleTakesItsServerWithIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.Database(t), houseConfig{mode: Transaction, servers: 1, statements: 10, piece: 5, check: true})
	for _, said := range [][]byte{
		mQuery("BEGIN"), mQuery("SELECT pg_sleep(0.05)"), join(mParse("s", "SELECT 1"), mFlush()), mQuery("CREATE TABLE t ()")[:9],
		join(mQuery("COPY pg_class TO STDOUT")), mQuery("LISTEN x"), mQuery("bad"),
	} {
		c := h.talkTo(t)
		c.say(said)
		c.close()
		next := h.talkTo(t)
		if got := next.ask(1, mQuery("SELECT 'mine'")); !strings.Contains(got, "mine") || strings.Count(got, "\n") != 4 {
			t.Errorf("after %q the next client sees\n%s", said, got)
		}
		next.close()
	}
}
