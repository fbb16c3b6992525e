package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// reshaped is a database whose tables are changed between what clients do.
type reshaped struct {
	t  testing.TB
	db *pgtest.DB
	h  *house

	mu      sync.RWMutex // held for writing by who changes a table; protects the following
	columns [3]int       // how many each table has
	retyped bool         // types have changed, too: the error may be right though the number of columns is the same
}

// Trap 15: TestTrap15ChangedTablesShowToNobodyWhoPreparesAfterwards lets clients prepare and use statements in many ways, and changes
// the tables between, through the relay and beside it. A client that has prepared after a change never sees an error from before it,
// and everybody gets rows as they are now. HOLDFAST_SOAK=1 makes it run for minutes.
func TestTrap15ChangedTablesShowToNobodyWhoPreparesAfterwards(t *testing.T) {
	t.Parallel()
	duration, seed := time.Second, uint64(1)
	if os.Getenv("HOLDFAST_SOAK") != "" {
		duration, seed = 3*time.Minute, uint64(time.Now().UnixNano())
	}
	for began := time.Now(); time.Since(began) < duration && !t.Failed(); seed++ {
		reshapeRound(t, seed)
	}
}

func reshapeRound(t *testing.T, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 3))
	r := &reshaped{t: t, db: pgtest.Database(t), columns: [3]int{2, 2, 2}}
	for i := range r.columns {
		r.db.Exec(t, fmt.Sprintf("CREATE TABLE t%d (k int DEFAULT 7, v1 int)", i), fmt.Sprintf("INSERT INTO t%d DEFAULT VALUES", i))
	}
	r.h = newHouse(t, r.db, houseConfig{
		mode: Transaction, servers: 1 + rnd.IntN(4), statements: []int{2, 5, 100}[rnd.IntN(3)], piece: []int{1, 7, 100, 0}[rnd.IntN(4)], seed: seed, check: true,
	})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			a := &reshaper{Rand: rand.New(rand.NewPCG(seed, uint64(20+i))), reshaped: r, c: r.h.talkTo(t)}
			for range 15 {
				if problem := a.step(); problem != "" {
					t.Errorf("seed %d, client %d: %s", seed, i, problem)
					return
				}
			}
			a.c.close()
		})
	}
	wg.Wait()
	r.h.close()
}

// reshaper is one client.
type reshaper struct {
	*rand.Rand
	*reshaped
	c    *talk
	said []string

	described int // columns of the statement "old", as told; 0: it has to be prepared
}

func (a *reshaper) step() string {
	if a.IntN(3) == 0 {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.change()
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.IntN(3) == 0 {
		return a.goOn()
	}
	return a.prepareAndUse()
}

// goOn uses, without asking for a description, a statement whose description was told some time ago, perhaps before a change: rows are as described,
// or PostgreSQL's error says that they are not any more.
func (a *reshaper) goOn() string {
	if a.described == 0 {
		a.c.say(mClose('S', "old"), mParse("old", "SELECT * FROM t0 LIMIT 1"), mDescribe('S', "old"), mSync())
		answers, err := a.c.hearReady(1)
		if err != nil || len(answers) != 5 || answers[3].typ != pgwire.RowDescription {
			return fmt.Sprintf("the description: %v\n%s", err, lines(answers))
		}
		a.described = int(answers[3].body[1])
		return ""
	}
	block := a.IntN(3) == 0
	if block {
		if problem := a.hear(1, "BEGIN", mQuery("BEGIN")); problem != "" {
			return problem
		}
	}
	problem := a.hear(1, fmt.Sprintf("%d columns as described", a.described), mBind("", "old"), mExecute("", 0), mSync())
	if strings.HasPrefix(problem, "ErrorResponse 0A000") && a.described != a.columns[0] || strings.HasPrefix(problem, "ErrorResponse 0A000") && a.retyped {
		problem, a.described = "", 0
	}
	if block {
		problem += a.hear(1, "ROLLBACK", mQuery("ROLLBACK"))
	}
	return problem
}

// change changes a table, and perhaps takes that back.
func (a *reshaper) change() string {
	i := a.IntN(len(a.columns))
	sql, columns := fmt.Sprintf("ALTER TABLE t%d ADD v%d int DEFAULT 5", i, a.columns[i]), a.columns[i]+1
	switch {
	case a.columns[i] > 2 && a.IntN(2) == 0:
		sql, columns = fmt.Sprintf("ALTER TABLE t%d DROP v%d", i, a.columns[i]-1), a.columns[i]-1
	case a.IntN(3) == 0:
		sql, columns = fmt.Sprintf("ALTER TABLE t%d ALTER v1 TYPE %s", i, []string{"int", "text USING v1::text", "bigint USING v1::bigint"}[a.IntN(3)]), a.columns[i]
		if strings.HasSuffix(sql, "int") && !strings.HasSuffix(sql, "bigint") {
			sql += " USING v1::int"
		}
	}
	a.retyped = a.retyped || i == 0 && a.columns[i] >= columns
	switch a.IntN(3) {
	case 0:
		a.db.Exec(a.t, sql)
	case 1:
		if problem := a.hear(1, sql, mQuery(sql)); problem != "" {
			return problem
		}
	default: // and it is used before it is undone
		before := a.columns[i]
		a.columns[i] = columns
		problem := a.hear(1, "BEGIN; "+sql, mQuery("BEGIN; "+sql)) + a.use(i, a.prepare(i, "undone"), "undone") + a.hear(1, "ROLLBACK", mQuery("ROLLBACK"))
		a.columns[i] = before
		return problem
	}
	a.columns[i] = columns
	return ""
}

// prepare returns the messages that prepare a statement anew.
func (a *reshaper) prepare(i int, name string) []byte {
	sql := fmt.Sprintf([]string{"SELECT * FROM t%d WHERE k = 7 LIMIT 1", "TABLE t%d LIMIT 1", "UPDATE t%d SET k = 7 RETURNING *"}[a.IntN(3)], i)
	return join(mClose('S', name), mParse(name, sql))
}

// prepareAndUse prepares a statement and uses it a few times, in transactions or not.
func (a *reshaper) prepareAndUse() string {
	i, name := a.IntN(len(a.columns)), []string{"s1", "s2"}[a.IntN(2)]
	block := a.IntN(3) == 0
	var problem string
	if block {
		problem = a.hear(1, "BEGIN", mQuery("BEGIN"))
	}
	first := a.prepare(i, name)
	if a.IntN(2) == 0 {
		problem += a.hear(1, "Parse", first, mSync())
		first = nil
	}
	if a.IntN(3) == 0 {
		problem += a.hear(1, "Describe", first, mDescribe('S', name), mSync())
		first = nil
	}
	for range 1 + a.IntN(4) {
		problem += a.use(i, first, name)
		first = nil
	}
	if block {
		problem += a.hear(1, "COMMIT", mQuery("COMMIT"))
	}
	return problem
}

// use uses a statement once or more in one go.
func (a *reshaper) use(i int, first []byte, name string) string {
	said := [][]byte{first}
	ready := 1
	for range 1 + a.IntN(3) {
		said = append(said, mBind("", name))
		if a.IntN(2) == 0 {
			said = append(said, mDescribe('P', ""))
		}
		said = append(said, mExecute("", 0))
		if a.IntN(3) == 0 {
			said = append(said, mSync())
			ready++
		}
	}
	return a.hear(ready, fmt.Sprintf("%d columns of t%d by %s", a.columns[i], i, name), append(said, mSync())...)
}

// hear says something and returns what is wrong with the answer.
func (a *reshaper) hear(ready int, what string, said ...[]byte) (problem string) {
	a.said = append(a.said, what+": "+frontend(join(said...)))
	a.c.say(said...)
	answers, err := a.c.hearReady(ready)
	if err != nil {
		problem = err.Error()
	}
	want := 0
	_, _ = fmt.Sscanf(what, "%d columns", &want)
	for _, m := range answers {
		switch {
		case m.typ == pgwire.ErrorResponse:
			problem += m.String()
		case m.typ == pgwire.DataRow && (m.body[0] != 0 || int(m.body[1]) != want):
			problem += fmt.Sprintf("a row of %d columns", m.body[1])
		}
	}
	if problem != "" {
		problem = fmt.Sprintf("%s\nafter\n  %s\n%s", problem, strings.Join(a.said[max(0, len(a.said)-8):], "\n  "), lines(answers))
	}
	return problem
}

// TestTrap15ADriverThatHandlesTheErrorGoesOn: what pgx does when its own statement has grown old works through the relay as it does directly.
func TestTrap15ADriverThatHandlesTheErrorGoesOn(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
	for _, servers := range []int{1, 3} {
		h := newHouse(t, db, houseConfig{mode: Transaction, servers: servers, statements: 10, piece: 50, check: true})
		conn := h.connect(t)
		failures := 0
		for round := range 12 {
			if round%4 == 3 {
				db.Exec(t, fmt.Sprintf("ALTER TABLE t ADD b%d_%d int DEFAULT 2", servers, round))
			}
			rows, err := conn.Query(context.Background(), "SELECT * FROM t")
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				if _, err := rows.Values(); err != nil {
					t.Error(err)
				}
			}
			if rows.Err() == nil {
				continue
			}
			if failures++; !strings.Contains(rows.Err().Error(), "0A000") || round%4 != 3 {
				t.Errorf("%d servers, round %d: %v", servers, round, rows.Err())
			}
		}
		if failures > 3 {
			t.Errorf("%d servers: %d failures after 3 changes", servers, failures)
		}
	}
}
