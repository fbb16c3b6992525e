package pooler_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// speaker makes up what a client says: requests of all kinds in any order, many of them wrong.
type speaker struct {
	r *rand.Rand
	b []byte
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (s *speaker) statement() string { return pick(s.r, "", "", "s0", "s1", "s2") }
func (s *speaker) portal() string    { return pick(s.r, "", "", "", "p0", "p1") }

// sql of the extended protocol: one statement with at most one parameter.
func (s *speaker) sql() string {
	return pick(s.r, "SELECT $1::text", "SELECT $1::int + 1", "SELECT generate_series(1, 3), $1::text", "SELECT 'none'", "SELECT 1/0", "SELECT 1/$1::int",
		"SELEKT", "SELECT nothing FROM nowhere", "", "BEGIN", "COMMIT", "ROLLBACK", "INSERT INTO talk VALUES ($1::text::int)", "SELECT count(*) FROM talk",
		"SHOW work_mem", "SET work_mem = '5MB'", "SAVEPOINT a", "ROLLBACK TO a", "DECLARE c CURSOR FOR SELECT 1", "FETCH c", "DELETE FROM talk",
		"DEALLOCATE ALL", dropping, "RESET ALL", "SELECT $1::text, repeat('z', 9000)")
}

const dropping = "DEALLOCATE s1"

// drop says a DEALLOCATE as drivers do: parsed, bound and executed at once, without a name. Kept for later use its name may mean a statement
// that there was not when it was parsed, which is among the limits of the relay (its package comment).
func (s *speaker) drop() {
	s.b = pgwire.AppendBind(pgwire.AppendParse(s.b, "", dropping, nil), "", "", nil, nil, nil)
	s.b = pgwire.AppendClose(pgwire.AppendExecute(s.b, "", 0), pgwire.TargetStatement, "")
}

// text of a simple query.
func (s *speaker) text() string {
	return pick(s.r, "SELECT 1", "SELECT 1; SELECT 2", "SELECT 1/0", "SELECT 1; SELECT 1/0; SELECT 2", "", ";", "BEGIN", "COMMIT", "ROLLBACK", "BEGIN; SELECT 1", "SELECT 1; COMMIT",
		"INSERT INTO talk VALUES (7)", "SELECT count(*) FROM talk", "SHOW work_mem", "SET work_mem = '6MB'", "SET LOCAL work_mem = '9MB'", "RESET work_mem",
		"SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "SELEKT", "DEALLOCATE ALL", "DEALLOCATE s0", "DEALLOCATE PREPARE s1", "DISCARD ALL", "DISCARD PLANS", "CLOSE ALL",
		"SELECT repeat('x', 70000)", "SET TimeZone = 'UTC'", "SHOW TimeZone", "SET TimeZone = 'Nowhere'", "SET work_mem = 'x'", "SELECT 1; DEALLOCATE ALL; SELECT 2",
		"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET default_transaction_read_only = off", "SHOW transaction_read_only")
}

func (s *speaker) say() {
	switch s.r.IntN(20) {
	case 0, 1, 2:
		name, sql := s.statement(), s.sql()
		if sql == dropping {
			s.drop()
			return
		}
		s.b = pgwire.AppendParse(s.b, name, sql, nil)
	case 3, 4, 5, 6:
		var values [][]byte
		if s.r.IntN(4) > 0 {
			values = [][]byte{[]byte(pick(s.r, "1", "0", "x", strings.Repeat("9", 3)))}
		}
		s.b = pgwire.AppendBind(s.b, s.portal(), s.statement(), nil, values, nil)
	case 7:
		s.b = pgwire.AppendDescribe(s.b, pgwire.TargetStatement, s.statement())
	case 8:
		s.b = pgwire.AppendDescribe(s.b, pgwire.TargetPortal, s.portal())
	case 9, 10:
		s.b = pgwire.AppendExecute(s.b, s.portal(), uint32(pick(s.r, 0, 0, 1, 2))) //nolint:gosec // small
	case 11:
		s.b = pgwire.AppendClose(s.b, pick[byte](s.r, pgwire.TargetStatement, pgwire.TargetPortal), pick(s.r, s.statement(), s.portal()))
	case 12:
		s.b = pgwire.AppendFlush(s.b)
	case 13, 14:
		s.b = pgwire.AppendSync(s.b)
	case 15, 16:
		s.b = pgwire.AppendQuery(s.b, s.text())
	case 17:
		s.whole()
	case 18:
		s.copy()
	case 19:
		s.call()
	}
}

// whole says one request that is in order, as most clients do.
func (s *speaker) whole() {
	name := s.statement()
	if name != "" && s.r.IntN(2) == 0 {
		s.b = pgwire.AppendSync(pgwire.AppendClose(s.b, pgwire.TargetStatement, name))
	}
	s.b = append(s.b, asked(name, pick(s.r, "SELECT $1::text", "SELECT $1::int * 2"), "21")...)
	s.b = pgwire.AppendSync(s.b)
}

// copy says a COPY by one of the two protocols, with its data.
func (s *speaker) copy() {
	const in = "COPY talk FROM STDIN"
	extended := s.r.IntN(2) == 0
	if extended {
		s.b = pgwire.AppendSync(s.b)
		s.b = pgwire.AppendBind(pgwire.AppendParse(s.b, "", in, nil), "", "", nil, nil, nil)
		s.b = pgwire.AppendExecute(s.b, "", 0)
		if s.r.IntN(3) == 0 {
			s.b = pgwire.AppendSync(s.b)
		}
	} else {
		s.b = pgwire.AppendQuery(s.b, pick(s.r, in, in+"; SELECT 5", "SELECT 5; "+in))
	}
	for range s.r.IntN(3) {
		s.b = pgwire.AppendCopyData(s.b, []byte(pick(s.r, "1\n", "2\n3\n", "bad\n", strings.Repeat("4\n", 20_000))))
	}
	if s.r.IntN(4) == 0 {
		s.b = pgwire.AppendCopyFail(s.b, "no more")
	} else {
		s.b = pgwire.AppendBare(s.b, pgwire.FrontendCopyDone)
	}
	if extended {
		s.b = pgwire.AppendSync(s.b)
	}
}

// call says a call of int4pl by the old function call protocol (trap 7).
func (s *speaker) call() {
	body := binary.BigEndian.AppendUint32(nil, pick(s.r, uint32(177), 177, 4_000_000_000))
	body = append(body, 0, 1, 0, 1, 0, 2, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 4, 0, 1)
	s.b = binary.BigEndian.AppendUint32(append(s.b, 'F'), uint32(4+len(body))) //nolint:gosec // small
	s.b = append(s.b, body...)
}

// conversation returns what a client says that comes to an end, whatever state it is in by then.
func conversation(seed uint64) []byte {
	s := &speaker{r: rand.New(rand.NewPCG(seed, 1))}
	for range 1 + s.r.IntN(30) {
		s.say()
	}
	return pgwire.AppendQuery(pgwire.AppendSync(s.b), "ROLLBACK; SELECT 'the end'")
}

// hold sends all of it, cut at random, and returns what came back, a line for each message.
func (w *wire) hold(b []byte, r *rand.Rand) (string, error) {
	w.renew()
	go func() { // ends with the connection, at the latest
		for len(b) > 0 {
			n := min(len(b), 1+r.IntN(pick(r, 3, 200, 100_000)))
			if _, err := w.conn.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
		}
	}()
	var all strings.Builder
	for ended := false; ; {
		typ, body, err := w.in.ReadMessage()
		if err != nil {
			return all.String(), err
		}
		switch pgwire.BackendType(typ) {
		case pgwire.NoticeResponse, pgwire.NotificationResponse, pgwire.ParameterStatus:
			continue
		case pgwire.ErrorResponse:
			n, _ := pgwire.ParseNotice(body)
			fmt.Fprintf(&all, "E %s %s\n", n.Severity, n.Code)
		case pgwire.DataRow:
			ended = ended || strings.Contains(string(body), "the end")
			fallthrough
		default:
			fmt.Fprintf(&all, "%c %.80q %d\n", typ, body, len(body))
		}
		if ended && pgwire.BackendType(typ) == pgwire.ReadyForQuery {
			return all.String(), nil
		}
	}
}

// Trap 1, and the heart of it all: whatever a client says, in whatever order and pieces, it reads what it would read from
// PostgreSQL itself.
func TestTrap01AnyConversationIsTheSameThroughAndDirect(t *testing.T) {
	t.Parallel()
	u, span := sized(2), 4*time.Second
	if os.Getenv("HOLDFAST_SOAK") != "" {
		u.server, span = pgtest.Cluster(t), 10*time.Minute // of its own: in a hundred thousand conversations some crash PostgreSQL
	}
	s := u.start(t)
	s.super(t, "CREATE TABLE talk (n int)")
	s.super(t, "GRANT ALL ON talk TO "+s.role())
	first, count := uint64(1), 0 // the same ones each time, as far as time allows; others in a long run
	if os.Getenv("HOLDFAST_SOAK") != "" {
		first = uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	}
	if text := os.Getenv("HOLDFAST_SEED"); text != "" { // of a conversation that went wrong
		first, _ = strconv.ParseUint(text, 10, 64)
		span = time.Nanosecond
		t.Logf("%q", conversation(first))
	}
	for end := time.Now().Add(span); (time.Now().Before(end) || count == 0) && !t.Failed(); count++ {
		seed := first + uint64(count) //nolint:gosec // it counts up
		said := conversation(seed)
		var read [3]string
		crashed := false
		for i, w := range []*wire{s.straight(t), s.wire(t, 0), s.wire(t, 1)} {
			s.super(t, "TRUNCATE talk")
			var err error
			read[i], err = w.hold(said, rand.New(rand.NewPCG(seed, uint64(i)))) //nolint:gosec // a small number
			switch {
			case isTimeout(err):
				read[i] += "\n" + err.Error()
			case err != nil:
				read[i] += "\nthe end of the connection"
			}
			_ = w.conn.Close()
			if crashed = i == 0 && err != nil && s.recovers(t); crashed {
				break
			}
		}
		if crashed {
			t.Logf("seed %d: PostgreSQL itself crashed, asked directly", seed)
			continue
		}
		if strings.Contains(read[0], "ERROR XX000") { // PostgreSQL 18 loses count of its transactions after some function calls
			t.Logf("seed %d: PostgreSQL itself has an internal error", seed)
			continue
		}
		for i, mode := range []string{"session", "transaction"} {
			if got := read[i+1]; got != read[0] && (mode == "session" || !sameButAbort(read[0], got)) {
				t.Errorf("seed %d, %s mode:\n%s", seed, mode, differ(read[0], read[i+1]))
			}
		}
	}
	t.Logf("%d conversations", count)
}

// A client that says something else while the server takes COPY data, which ends the session, sees just that when the relay would have answered
// it: a Close of its own statement, and a Parse of one that the server has. Before, both sides waited for good.
func TestWhatIsNoCopyDataEndsACopyThroughAndDirect(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	s.super(t, "CREATE TABLE talk (n int)")
	s.super(t, "GRANT ALL ON talk TO "+s.role())
	begin := pgwire.AppendSync(pgwire.AppendParse(nil, "s1", "SELECT 1", nil))
	in := pgwire.AppendExecute(pgwire.AppendBind(pgwire.AppendParse(nil, "", "COPY talk FROM STDIN", nil), "", "", nil, nil, nil), "", 0)
	f := func(name string, b []byte) {
		t.Helper()
		b = pgwire.AppendParse(pgwire.AppendSync(b), "s3", "SELECT 3", nil) // it waits for the answer to Sync
		said := slices.Concat(begin, in, b, pgwire.AppendSync(nil), pgwire.AppendQuery(nil, "SELECT 'the end'"))
		var read [3]string
		for i, w := range []*wire{s.straight(t), s.wire(t, 0), s.wire(t, 1)} {
			var err error
			if read[i], err = w.hold(said, rand.New(rand.NewPCG(1, uint64(i)))); err == nil || isTimeout(err) { //nolint:gosec // a small number
				t.Errorf("%s: %v, want the end of the connection; read\n%s", name, err, read[i])
			}
			_ = w.conn.Close()
		}
		if read[1] != read[0] || read[2] != read[0] {
			t.Errorf("%s: session mode:\n%s\ntransaction mode:\n%s", name, differ(read[0], read[1]), differ(read[0], read[2]))
		}
	}
	f("close", pgwire.AppendClose(nil, pgwire.TargetStatement, "s1"))
	f("close after Sync", pgwire.AppendClose(pgwire.AppendSync(nil), pgwire.TargetStatement, "s1"))
	f("parse", pgwire.AppendParse(nil, "s2", "SELECT 1", nil))
	f("parse after Sync", pgwire.AppendParse(pgwire.AppendSync(nil), "s2", "SELECT 1", nil))
}

// sameButAbort reports whether two texts differ only where the relay's documentation says: in an aborted transaction a statement
// that the server lacks is refused for the transaction (25P02), sooner, and not for what is wrong with its use.
func sameButAbort(want, got string) bool {
	a, b := turns(want), turns(got)
	if len(a) != len(b) {
		return false
	}
	aborted := false
	for i := range a {
		if !slices.Equal(a[i], b[i]) && !(aborted && failsSooner(a[i], b[i])) {
			return false
		}
		aborted = strings.HasPrefix(last(b[i]), `Z "E"`)
	}
	return true
}

// turns cuts a text after each ReadyForQuery.
func turns(text string) (all [][]string) {
	var turn []string
	for line := range strings.SplitSeq(text, "\n") {
		if turn = append(turn, line); strings.HasPrefix(line, "Z ") {
			all, turn = append(all, turn), nil
		}
	}
	return append(all, turn)
}

// failsSooner reports whether both turns end with an error, got with that of an aborted transaction, and got is the beginning of want
// until there.
func failsSooner(want, got []string) bool {
	n := len(got) - 2
	return n >= 0 && len(want) >= len(got) && got[n] == "E ERROR 25P02" && slices.Equal(want[:n], got[:n]) &&
		strings.HasPrefix(want[len(want)-2], "E ERROR ") && last(want) == last(got)
}

func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// The comparison forgives that one difference, and no other.
func TestTheComparisonForgivesNoMoreThanIsDocumented(t *testing.T) {
	t.Parallel()
	const begun = "E ERROR 26000\nZ \"E\" 1\n"
	f := func(want, got string, same bool) {
		t.Helper()
		if sameButAbort(want, got) != same {
			t.Errorf("%q and %q: %v", want, got, !same)
		}
	}
	f(begun+"t 2\nn 0\nE ERROR 34000\nZ \"E\" 1", begun+"E ERROR 25P02\nZ \"E\" 1", true)
	f(begun+"E ERROR 08P01\nZ \"E\" 1\nrest", begun+"E ERROR 25P02\nZ \"E\" 1\nrest", true)
	f("E ERROR 08P01\nZ \"E\" 1", "E ERROR 25P02\nZ \"E\" 1", false)
	f(begun+"t 2\nn 0\nZ \"E\" 1", begun+"E ERROR 25P02\nZ \"E\" 1", false)
	f(begun+"E ERROR 25P02\nZ \"E\" 1", begun+"E ERROR 34000\nZ \"E\" 1", false)
	f(begun+"E ERROR 08P01\nZ \"E\" 1\nrest", begun+"E ERROR 25P02\nZ \"E\" 1\nother", false)
	f(begun+"E ERROR 34000\nZ \"E\" 1", begun+"D 1\nE ERROR 25P02\nZ \"E\" 1", false)
}

// recovers reports whether the server has crashed, and waits until it is back.
func (s *site) recovers(t *testing.T) bool {
	t.Helper()
	if _, err := s.try(t, "SELECT 1"); err == nil {
		return false
	}
	eventually(t, "PostgreSQL is back", func() bool {
		_, err := s.try(t, "SELECT 1")
		return err == nil
	})
	return true
}

// differ shows where two texts begin to differ.
func differ(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-4)
	return fmt.Sprintf("message %d\ndirect:\n  %s\nthrough:\n  %s", i,
		strings.Join(a[from:min(len(a), i+4)], "\n  "), strings.Join(b[from:min(len(b), i+4)], "\n  "))
}
