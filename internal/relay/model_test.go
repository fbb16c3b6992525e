package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
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
	id int // of the client; what it changes has this in its name
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
		return a.oneOf("CREATE TEMP TABLE tmp (a int)", "INSERT INTO tmp VALUES (1)", "SELECT * FROM tmp", "DROP TABLE tmp", "DISCARD TEMP")
	case 2:
		return "CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT 1 AS a"
	case 3:
		return a.oneOf("DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 5)", "FETCH 2 FROM c", "CLOSE c", "CLOSE ALL")
	case 4:
		return a.oneOf("PREPARE q AS SELECT 42", "EXECUTE q", "DEALLOCATE q")
	case 5:
		return fmt.Sprintf(a.oneOf("SELECT pg_advisory_lock(%d)", "SELECT pg_advisory_unlock(%d)", "SELECT %d, pg_advisory_unlock_all()"), a.id)
	case 6:
		return a.oneOf("SELECT set_config('app.x', 'four', false)", "SELECT set_config('app.x', 'five', true)", "SELECT set_config('work_mem', '5MB', true)")
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
	for range 1 + a.IntN(4) {
		sql := a.command()
		switch a.IntN(6) {
		case 0:
			sql = a.pinning()
		case 1:
			sql = a.oneOf("DEALLOCATE s1", "DEALLOCATE s2")
		}
		g.add("Parse/Bind/Execute "+sql, join(mParse("", sql), mBind("", ""), mExecute("", 0)))
		if a.IntN(3) == 0 {
			g.add("Sync", mSync())
			g.ready++
		}
	}
	g.add("Sync", mSync())
	g.ready++
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

// play runs a script and returns all answers.
func play(c *talk, script []group, show func(i int, g *group, answers []answer)) error {
	for i := range script {
		g := &script[i]
		c.say(g.bytes)
		var answers []answer
		var err error
		if g.ready > 0 {
			answers, err = c.hearReady(g.ready)
		} else {
			answers, err = c.hearEmpty()
		}
		show(i, g, answers)
		if err != nil {
			return fmt.Errorf("group %d: %w", i, err)
		}
	}
	return nil
}

// modelSchema is what scripts find.
func modelSchema(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var b strings.Builder
	b.WriteString(`
		CREATE SCHEMA other;
		CREATE TABLE shared (id int PRIMARY KEY, name text);
		INSERT INTO shared VALUES (1, 'one'), (2, 'two'), (3, 'three');
		CREATE TABLE named (a int);
		CREATE TABLE other.named (a int);
		INSERT INTO other.named VALUES (1), (2);
		CREATE VIEW seen AS SELECT id FROM shared;
		CREATE TABLE closed (a int);
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it is closed'; END $$;
		CREATE TRIGGER closed BEFORE INSERT ON closed FOR EACH STATEMENT EXECUTE FUNCTION refuse();
		DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
		GRANT ALL ON ALL TABLES IN SCHEMA public, other TO reader;
		GRANT USAGE ON SCHEMA other TO reader;
	`)
	for i := range modelClients {
		fmt.Fprintf(&b, "CREATE TABLE own%d (a int); GRANT ALL ON own%d TO reader;", i, i)
	}
	_, err = conn.Exec(ctx, b.String())
	return err
}

const modelClients = 4

// TestRandomConversationsAreTheSameThroughTheRelay plays scripts that were written by chance on PostgreSQL itself and through the
// relay, several at a time, and compares every answer. HOLDFAST_SOAK=1 makes it run for minutes.
func TestRandomConversationsAreTheSameThroughTheRelay(t *testing.T) {
	t.Parallel()
	duration, seed := 2*time.Second, uint64(time.Now().UnixNano())
	if os.Getenv("HOLDFAST_SOAK") != "" {
		duration = 5 * time.Minute
	}
	if text := os.Getenv("HOLDFAST_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	for began := time.Now(); time.Since(began) < duration && !t.Failed(); seed++ {
		modelRound(t, seed)
	}
}

// modelRound plays the scripts of one seed.
func modelRound(t *testing.T, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 2))
	scripts := make([][]group, modelClients)
	for i := range scripts {
		a := &author{Rand: rand.New(rand.NewPCG(seed, uint64(10+i))), id: i}
		scripts[i] = a.script(8 + a.IntN(20))
	}
	straight := pgtest.Template(t, "model", modelSchema)
	want := make([][][]answer, modelClients)
	final := make([]map[string]string, modelClients)
	for i, script := range scripts {
		c := directTo(t, straight)
		want[i] = make([][]answer, len(script))
		if err := play(c, script, func(j int, _ *group, a []answer) { want[i][j] = a }); err != nil {
			t.Fatalf("seed %d, client %d, directly: %v\n%s", seed, i, err, tell(script, want[i], nil))
		}
		final[i] = c.known
		c.close()
	}
	db := pgtest.Template(t, "model", modelSchema)
	var heard listener
	c := houseConfig{
		mode: Transaction, servers: 2 + rnd.IntN(3), statements: []int{2, 5, 100}[rnd.IntN(3)],
		piece: []int{1, 7, 100, 0}[rnd.IntN(4)], seed: seed, check: true,
	}
	if rnd.IntN(2) == 0 {
		c.observer = &heard
	}
	if rnd.IntN(5) == 0 {
		c.mode, c.servers = Session, modelClients
	}
	h := newHouse(t, db, c)
	done := make(chan string, modelClients)
	for i, script := range scripts {
		go func() { done <- compareScript(h.talkTo(t), script, want[i], final[i]) }()
	}
	for i := range scripts {
		if problem := <-done; problem != "" {
			t.Errorf("seed %d (%d of %d): %s", seed, i, len(scripts), problem)
		}
	}
	h.close()
	if len(heard.wrong) > 0 {
		t.Errorf("seed %d: the observer heard: %v", seed, heard.wrong)
	}
}

// compareScript plays a script and returns the first difference to what was answered directly, "" if there is none.
func compareScript(c *talk, script []group, want [][]answer, final map[string]string) (problem string) {
	defer c.close()
	got := make([][]answer, len(script))
	err := play(c, script, func(j int, _ *group, a []answer) {
		got[j] = a
	})
	for j := range script {
		if !alike(got[j], want[j]) {
			return fmt.Sprintf("group %d differs (%v)\n%s", j, err, tell(script[:j+1], want, got))
		}
	}
	if err != nil {
		return err.Error() + "\n" + tell(script, want, got)
	}
	for name, value := range final {
		if c.known[name] != value {
			problem += fmt.Sprintf("%s is %q, directly it is %q\n", name, c.known[name], value)
		}
	}
	if problem != "" {
		problem += tell(script, want, got)
	}
	return problem
}

// alike compares answers. In a failed transaction the server may have to be given a statement once more before it can say what
// is wrong with its use, and then says that the transaction has failed.
func alike(got, want []answer) bool {
	return slices.EqualFunc(got, want, func(a, b answer) bool {
		return a.String() == b.String() ||
			a.typ == pgwire.ErrorResponse && b.typ == a.typ && string(pgwire.NoticeField([]byte(a.body), 'C')) == "25P02"
	})
}

// tell shows a conversation.
func tell(script []group, want, got [][]answer) string {
	var b strings.Builder
	for j := len(script) - 1; j >= 0; j-- { // the last one is of most interest
		fmt.Fprintf(&b, "-- group %d\n", j)
		for _, s := range script[j].said {
			fmt.Fprintf(&b, "   > %s\n", s)
		}
		same := got == nil || alike(got[j], want[j])
		for _, l := range strings.Split(strings.TrimSpace(lines(want[j])), "\n") {
			fmt.Fprintf(&b, "   < %.150s\n", l)
		}
		if !same {
			b.WriteString("   through the relay:\n")
			for _, l := range strings.Split(strings.TrimSpace(lines(got[j])), "\n") {
				fmt.Fprintf(&b, "   < %.150s\n", l)
			}
		}
	}
	return b.String()
}
