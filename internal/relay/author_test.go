package relay

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// group is a piece of a script: messages that are sent at once, and how to know when all of it is answered.
type group struct {
	bound bool // the unnamed portal is of this group
	bytes []byte
	said  []string
	ready int // ReadyForQuerys to wait for, 0: up to the one after the EmptyQueryResponse at the end
}

func (g *group) add(said string, message []byte) {
	if said == "Sync" || strings.HasPrefix(said, "Query") {
		g.bound = false
	}
	g.bound = g.bound || strings.HasPrefix(said, `Bind ""`)
	g.said, g.bytes = append(g.said, said), append(g.bytes, message...)
}

// author writes scripts by chance. What it writes depends on its seed alone.
type author struct {
	*rand.Rand
	id    int // of the client; what it changes has this in its name
	major int // of PostgreSQL
}

func (a *author) oneOf(list ...string) string { return list[a.IntN(len(list))] }

// question returns a statement that returns rows, with the number of its parameters.
func (a *author) question() (sql string, params int) {
	switch a.IntN(14) {
	case 0:
		return "SELECT $1::int + 1 AS n", 1
	case 1:
		return "SELECT $1::text || $2::text", 2
	case 2:
		return "SELECT * FROM shared ORDER BY id", 0
	case 3:
		return "SELECT generate_series(1, $1::int)", 1
	case 4:
		return "SELECT 10 / $1::int", 1
	case 5:
		return fmt.Sprintf("SELECT count(*) FROM own%d", a.id), 0
	case 6:
		return "SHOW " + a.oneOf("TimeZone", "work_mem", "search_path", "statement_timeout", "DateStyle"), 0
	case 7:
		return "SELECT current_user, coalesce(current_setting('app.x', true), '')", 0
	case 8:
		return "SELECT no_such_column", 0
	case 9:
		return fmt.Sprintf("INSERT INTO own%d VALUES ($1::int) RETURNING a", a.id), 1
	case 10:
		return "SELECT repeat('x', $1::int * 3000)", 1
	case 11:
		return "SELECT count(*) FROM named", 0 // in search_path
	case 12:
		return "SELECT '2020-02-01 12:00+00'::timestamptz", 0
	default:
		return fmt.Sprintf("SELECT %d", a.IntN(8)), 0
	}
}

// command returns a statement without parameters that changes something.
func (a *author) command() string {
	switch a.IntN(24) {
	case 0, 1, 2, 3:
		return "BEGIN"
	case 4, 5, 6:
		return "COMMIT"
	case 7, 8:
		return "ROLLBACK"
	case 9:
		return a.oneOf("SAVEPOINT a", "ROLLBACK TO a", "RELEASE a")
	case 10:
		return a.oneOf("SET TimeZone = 'Europe/Berlin'", "SET TimeZone TO DEFAULT", "RESET TimeZone", "SET TIME ZONE 'UTC'", "SET LOCAL TimeZone = 'Asia/Tokyo'")
	case 11:
		return a.oneOf("SET work_mem = '1MB'", "SET work_mem = '2MB'", "RESET work_mem", "SET LOCAL work_mem = '3MB'", "SET SESSION work_mem = 4096")
	case 12:
		return a.oneOf("SET search_path = other, public", "RESET search_path", "SET search_path TO public") // not SET LOCAL: what is prepared is not parsed again
	case 13:
		return a.oneOf("SET ROLE reader", "RESET ROLE", "SET LOCAL ROLE reader", "SET ROLE none")
	case 14:
		return a.oneOf("SET app.x = 'one'", "SET app.x TO 'two'", "RESET app.x", "SET LOCAL app.x = 'three'")
	case 15:
		return a.oneOf("DISCARD ALL", "DEALLOCATE ALL", "RESET ALL", "DISCARD PLANS", "SET nonsense = 1")
	case 16:
		return fmt.Sprintf("INSERT INTO own%d VALUES (%d)", a.id, a.IntN(9))
	case 17:
		return fmt.Sprintf("DELETE FROM own%d", a.id)
	case 18:
		return "SELECT 1 / 0"
	case 19:
		return "INSERT INTO shared VALUES (1)" // it is there
	default:
		return fmt.Sprintf("UPDATE own%d SET a = a + 1", a.id)
	}
}

// pinning returns a statement of those that make state and let go of it.
func (a *author) pinning() string {
	switch a.IntN(8) {
	case 0:
		return a.oneOf("LISTEN one", "UNLISTEN *", "LISTEN two", "UNLISTEN one")
	case 1:
		return a.oneOf("CREATE TEMP TABLE tmp (a int)", "INSERT INTO tmp VALUES (1)", "SELECT a + 0 FROM tmp", "DROP TABLE tmp", "DISCARD TEMP")
	case 2:
		return "CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT 1 AS a"
	case 3:
		return a.oneOf("DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 5)", "FETCH 2 FROM c", "CLOSE c", "CLOSE ALL")
	case 4:
		return a.oneOf("PREPARE q AS SELECT 42", "EXECUTE q", "DEALLOCATE q")
	case 5:
		return fmt.Sprintf(a.oneOf("SELECT pg_advisory_lock(%d)", "SELECT pg_try_advisory_lock_shared(%d)", "SELECT pg_advisory_unlock(%d)", "SELECT %d, pg_advisory_unlock_all()"), a.id)
	case 6:
		return a.oneOf("SELECT set_config('app.x', 'four', false)", "SELECT set_config('app.x', 'five', true)", "SELECT set_config('work_mem', '5MB', true)", "SELECT set_config('role', 'reader', false)", "RESET ALL")
	default:
		return a.oneOf("SET LOCAL work_mem = '6MB'; SELECT 1", "SET work_mem = '7MB'; SHOW work_mem", "RESET work_mem; SHOW work_mem", "BEGIN; SET app.x = 'six'")
	}
}

// script writes groups. It ends in no transaction.
func (a *author) script(groups int) (script []group) {
	for range groups {
		switch a.IntN(8) {
		case 0:
			script = append(script, a.simple())
		case 1:
			script = append(script, a.copies())
		case 2:
			script = append(script, a.mixed())
		case 3:
			script = append(script, a.commands())
		default:
			script = append(script, a.extended())
		}
	}
	var end group
	end.add("Query ROLLBACK", mQuery("ROLLBACK"))
	end.ready = 1
	return append(script, end)
}

// simple is simple queries, some of several statements.
func (a *author) simple() (g group) {
	for range 1 + a.IntN(3) {
		var sql string
		switch a.IntN(6) {
		case 0:
			sql = a.pinning()
		case 1:
			sql = a.command() + "; " + a.command()
		case 2:
			sql = a.oneOf("DEALLOCATE s1", "DEALLOCATE PREPARE s2", `DEALLOCATE "s3"`, "DEALLOCATE s4", "")
		case 3:
			sql = fmt.Sprintf("SELECT %d", a.IntN(9))
		default:
			sql = a.command()
		}
		g.add("Query "+sql, mQuery(sql))
		g.ready++
	}
	return g
}

// commands is one or a few commands by the extended protocol, as drivers send them.
func (a *author) commands() (g group) {
	drops := false
	for range 1 + a.IntN(4) {
		sql := a.command()
		switch a.IntN(6) {
		case 0:
			sql = a.pinning()
		case 1:
			sql, drops = a.oneOf("DEALLOCATE s1", "DEALLOCATE s2"), true
		}
		g.add("Parse/Bind/Execute "+sql, join(mParse("", sql), mBind("", ""), mExecute("", 0)))
		if a.IntN(3) == 0 {
			g.add("Sync", mSync())
			g.ready++
		}
	}
	g.add("Sync", mSync())
	g.ready++
	if drops { // which cannot be bound again later, when its name may mean another statement: see the limits in doc.go
		g.add("Parse SELECT 1", join(mParse("", "SELECT 1"), mSync()))
		g.ready++
	}
	return g
}

// extended is messages of the extended protocol in any order.
func (a *author) extended() (g group) {
	for range 1 + a.IntN(12) {
		a.message(&g)
		if a.IntN(6) == 0 {
			g.add("Sync", mSync())
			g.ready++
		}
	}
	g.add("Sync", mSync())
	g.ready++
	return g
}

// Names s1 and s2 are those of questions, s3 and s4 those of commands.
func (a *author) message(g *group) {
	name := a.oneOf("", "", "s1", "s1", "s2", "s2", "s3", "s4")
	portal := a.oneOf("", "", "", "p1", "p2")
	kind := a.IntN(14)
	if kind >= 8 && portal == "" && !g.bound {
		portal = "p1" // PostgreSQL 15 crashes when the unnamed portal of a failed simple query is executed
	}
	switch kind {
	case 0, 1:
		sql, _ := a.question()
		if name == "s3" || name == "s4" {
			sql = a.command()
		}
		g.add(fmt.Sprintf("Parse %q %s", name, sql), mParse(name, sql))
	case 2, 3, 4, 5:
		if name == "s3" || name == "s4" {
			g.add(fmt.Sprintf("Bind %q %q", portal, name), mBind(portal, name))
			return
		}
		a.whole(g, name, portal)
	case 6:
		values := []string{"1", "0", "x"}[:a.IntN(3)]
		g.add(fmt.Sprintf("Bind %q %q %q", portal, name, values), mBind(portal, name, values...))
	case 7:
		if name == "s3" || name == "s4" {
			name = "s1"
		}
		g.add(fmt.Sprintf("Describe S %q", name), mDescribe('S', name))
	case 8:
		g.add(fmt.Sprintf("Describe P %q", portal), mDescribe('P', portal))
	case 9, 10, 11:
		rows := a.IntN(3)
		g.add(fmt.Sprintf("Execute %q %d", portal, rows), mExecute(portal, uint32(rows)))
	case 12:
		kind := a.oneOf("S", "S", "P")[0]
		if kind == 'P' {
			name = portal
		}
		g.add(fmt.Sprintf("Close %c %q", kind, name), mClose(kind, name))
	default:
		g.add("Flush", mFlush())
	}
}

// whole is a statement that is likely to work, from Parse to Execute.
func (a *author) whole(g *group, name, portal string) {
	sql, params := a.question()
	values := []string{"3", "4"}[:params]
	if name != "" && a.IntN(4) > 0 {
		g.add(fmt.Sprintf("Close S %q", name), mClose('S', name))
	}
	g.add(fmt.Sprintf("Parse %q %s", name, sql), mParse(name, sql))
	g.add(fmt.Sprintf("Bind %q %q %q", portal, name, values), mBind(portal, name, values...))
	if a.IntN(2) == 0 {
		g.add(fmt.Sprintf("Describe P %q", portal), mDescribe('P', portal))
	}
	g.add(fmt.Sprintf("Execute %q 0", portal), mExecute(portal, 0))
}

// mixed is messages of both protocols without a Sync between. Its end shows itself by an empty query.
func (a *author) mixed() (g group) {
	for range 1 + a.IntN(8) {
		switch a.IntN(5) {
		case 0:
			if a.major >= 18 { // it does not end what began without a Sync, and fails later: "unexpected state STARTED"
				g.add("Sync", mSync())
			}
			sql := a.command()
			g.add("Query "+sql, mQuery(sql))
		case 1:
			g.add("Sync", mSync())
		case 2:
			g.add("stray CopyData", join(mCopyData("1\n"), mCopyDone()))
		default:
			a.message(&g)
		}
	}
	a.end(&g)
	return g
}

func (a *author) end(g *group) {
	g.add("Sync", mSync())
	g.add("Query of nothing", mQuery(""))
}

// copies is a COPY in one direction, by either protocol, with mistakes.
func (a *author) copies() (g group) {
	sql := a.oneOf(
		fmt.Sprintf("COPY own%d FROM STDIN", a.id), fmt.Sprintf("COPY own%d FROM STDIN", a.id), fmt.Sprintf("COPY own%d FROM STDIN", a.id),
		fmt.Sprintf("COPY own%d (nothing) FROM STDIN", a.id), "COPY seen FROM STDIN", "COPY closed FROM STDIN", "COPY shared TO STDOUT",
		fmt.Sprintf("COPY own%d FROM STDIN WITH (FORMAT binary)", a.id),
	)
	early := false
	if a.IntN(2) == 0 {
		if a.IntN(3) == 0 {
			sql += "; " + sql
		}
		g.add("Query "+sql, mQuery(sql))
	} else {
		name := a.oneOf("", "s5", "s6")
		g.add("Parse/Bind/Execute "+sql, join(mClose('S', name), mParse(name, sql), mBind("", name), mExecute("", 0)))
		early = a.IntN(3) == 0
	}
	if early {
		g.add("Sync", mSync())
	}
	for range a.IntN(4) {
		g.add("CopyData", mCopyData(a.oneOf("1\n", "2\n3\n", "4\n", "bad\n")))
	}
	end := mCopyDone()
	said := "CopyDone"
	if a.IntN(4) == 0 {
		end, said = mCopyFail(), "CopyFail"
	}
	g.add(said, end)
	if !early && a.IntN(4) == 0 {
		g.add("CopyData", mCopyData("5\n"))
		g.add("CopyDone", mCopyDone())
	}
	g.add("CopyDone", mCopyDone()) // a second COPY may wait for it
	a.end(&g)
	return g
}
