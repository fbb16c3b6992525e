package relay

import (
	"strings"
	"sync"
	"testing"

	"holdfast/internal/pgtest"
)

// listener is an observer that writes down what it hears, and what it should not hear.
type listener struct {
	mu    sync.Mutex // protects the following
	begun []string
	heard []string
	wrong []string
}

func (l *listener) Begin(text []byte) Note {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = append(l.begun, string(text))
	return Note(len(l.begun))
}

func (l *listener) End(n Note, tag, sqlstate []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > Note(len(l.begun)) || (len(tag) == 0) == (len(sqlstate) == 0) {
		l.wrong = append(l.wrong, "End of what did not begin, or neither with success nor with an error")
	}
	text := "?"
	if n > 0 {
		text = l.begun[n-1]
	}
	l.heard = append(l.heard, text+": "+string(tag)+string(sqlstate))
}

func TestTheObserverHearsOfEachStatementInBothModes(t *testing.T) {
	t.Parallel()
	for _, c := range []houseConfig{{mode: Session, servers: 1}, {mode: Transaction, servers: 2, statements: 1}} {
		var l listener
		c.piece, c.seed, c.observer = 7, 5, &l
		h := newHouse(t, pgtest.Database(t), c)
		d := dialogue{}.
			sql("SELECT 1", "SELECT 2; SELECT 3", "SELECT 1 / 0", "bad").
			run("SELECT 4").
			with(1, mParse("a", "SELECT $1::int"), mSync()).
			with(1, mBind("", "a", "1"), mExecute("", 0), mBind("", "a", "x"), mExecute("", 0), mSync()).
			with(1, mParse("b", "SELECT generate_series(1, 3)"), mBind("", "b"), mExecute("", 2), mExecute("", 2), mSync()).
			with(1, mBind("", "none"), mExecute("", 0), mSync()).
			with(1, mParse("", "SELECT "+strings.Repeat(" ", 2*maxText)+"5"), mBind("", ""), mExecute("", 0), mSync()).
			with(1, mClose('S', "a"), mBind("", "a"), mSync())
		c1 := h.talkTo(t)
		d.play(c1)
		c1.close()
		h.close()
		want := "SELECT 1: SELECT 1|SELECT 2; SELECT 3: SELECT 1|SELECT 2; SELECT 3: SELECT 1|SELECT 1 / 0: 22012|bad: 42601|SELECT 4: SELECT 1|" +
			"SELECT $1::int: SELECT 1|SELECT $1::int: 22P02|SELECT generate_series(1, 3): PORTAL SUSPENDED|SELECT generate_series(1, 3): SELECT 1|: 26000|SELECT: SELECT 1|: 26000"
		for i := range l.heard {
			l.heard[i] = strings.Join(strings.Fields(strings.Replace(l.heard[i], "5: ", ": ", 1)), " ") // how much of a long text is there is chance
			l.heard[i] = strings.Replace(l.heard[i], "SELECT : ", "SELECT: ", 1)
		}
		if got := strings.Join(l.heard, "|"); got != want || len(l.wrong) > 0 {
			t.Errorf("mode %d: heard\n%s\nwant\n%s\n%v", c.mode, got, want, l.wrong)
		}
	}
}

// S2-38: of several portals each Execute is told of with its own statement, also of one that was not bound last: else who deletes could be
// written down as one who reads.
func TestTheObserverHearsWhichPortalRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []houseConfig{{mode: Session, servers: 2}, {mode: Transaction, servers: 2, statements: 5}} {
		var l listener
		c.piece, c.seed, c.observer, c.check = 7, 5, &l, true
		h := newHouse(t, pgtest.Database(t), c)
		d := dialogue{}.
			with(1, mParse("a", "SELECT 1"), mParse("b", "SELECT 2"), mParse("c", "SET work_mem = '2MB'"), mSync()).
			with(1, mBind("", "c"), mBind("p", "a"), mBind("q", "b"), mExecute("p", 0), mExecute("", 0), mExecute("q", 0), mSync()).
			with(1, mExecute("p", 0), mSync()).
			sql("SHOW work_mem")
		c1, other := h.talkTo(t), h.talkTo(t)
		d.play(c1)
		other.ask(1, mQuery("SELECT 3"))
		if got := c1.ask(1, mQuery("SHOW work_mem")); !strings.Contains(got, "2MB") {
			t.Errorf("mode %d: work_mem is %q", c.mode, got)
		}
		c1.close()
		other.close()
		h.close()
		want := "SELECT 1: SELECT 1|SET work_mem = '2MB': SET|SELECT 2: SELECT 1|EXECUTE portal: 34000|SHOW work_mem: SHOW|SELECT 3: SELECT 1|SHOW work_mem: SHOW"
		if got := strings.Join(l.heard, "|"); got != want || len(l.wrong) > 0 {
			t.Errorf("mode %d: heard\n%s\nwant\n%s\n%v", c.mode, got, want, l.wrong)
		}
	}
}
