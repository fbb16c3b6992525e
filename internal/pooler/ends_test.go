package pooler_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgwire"
)

// Trap 17: a client that dies while its query runs takes the query with it, and the next one gets a server that works.
func TestTrap17TheQueryOfADeadClientIsCancelled(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	for endpoint := range 2 {
		w := s.wire(t, endpoint)
		w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(600)"))
		s.running(t, "pg_sleep", 1)
		_ = w.conn.(*net.TCPConn).SetLinger(0) //nolint:errcheck,forcetypeassert // a reset: nobody is there any more
		_ = w.conn.Close()
		s.running(t, "pg_sleep", 0)
		next := s.wire(t, endpoint)
		if got := next.must("SELECT 'next'"); got != "next" {
			t.Error(got)
		}
		_ = next.conn.Close()
	}
}

func TestTheQueryOfAClientThatOnlyHangsUpIsCancelledSoon(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	w := s.wire(t, 1)
	w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(600)"))
	s.running(t, "pg_sleep", 1)
	_ = w.conn.Close()
	s.running(t, "pg_sleep", 0)
}

// Trap 17: a client that closes its side after its last query still wants the answer, however long it is, or short its good-bye.
func TestTrap17AHalfClosedClientGetsItsAnswer(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	for endpoint := range 2 {
		for name, last := range map[string][]byte{
			"nothing":  nil,
			"good-bye": pgwire.AppendTerminate(nil),
		} {
			w := s.wire(t, endpoint)
			w.send(append(pgwire.AppendQuery(nil, "SELECT pg_sleep(0.2), repeat('x', 3000000), 'end'"), last...))
			if err := w.conn.(*net.TCPConn).CloseWrite(); err != nil { //nolint:forcetypeassert // it is one
				t.Fatal(err)
			}
			a, err := w.next()
			if err != nil || len(a.rows) != 1 || len(a.rows[0]) < 3_000_000 || !strings.HasSuffix(a.rows[0], "|end") {
				t.Errorf("endpoint %d, %s: %q of %d rows, %v", endpoint, name, a.types, len(a.rows), err)
			}
			if _, err := w.next(); err == nil || isTimeout(err) {
				t.Errorf("endpoint %d, %s: the connection stays open: %v", endpoint, name, err)
			}
		}
	}
	eventually(t, "the clients are gone", func() bool { return s.pooler.Status().Clients == 0 })
}

// Somebody who waits for a server and hangs up does not stay in the queue for ever.
func TestAWaitingClientThatHangsUpLeavesTheQueue(t *testing.T) {
	t.Parallel()
	s, holders := full(t, 1, 25*time.Second, 0)
	w := s.wire(t, 1)
	w.send(pgwire.AppendQuery(nil, "CREATE TABLE nobody_wants (n int)"))
	s.waiting(t, 1)
	_ = w.conn.(*net.TCPConn).SetLinger(0) //nolint:errcheck,forcetypeassert // a reset
	_ = w.conn.Close()
	s.waiting(t, 0)
	holders[0].must("COMMIT")
	if got := s.wire(t, 1).must("SELECT to_regclass('nobody_wants') IS NULL"); got != "t" {
		t.Error("the query of a client that was gone ran")
	}
}

// The same when it only closes its side, as a program that was ended does: it gets a few seconds, and not the whole time.
func TestAWaitingClientThatClosesItsSideLeavesTheQueue(t *testing.T) {
	t.Parallel()
	s, _ := full(t, 1, 10*time.Minute, 0)
	w := s.wire(t, 1)
	w.send(append(pgwire.AppendQuery(nil, "SELECT 1"), pgwire.AppendTerminate(nil)...))
	s.waiting(t, 1)
	if err := w.conn.(*net.TCPConn).CloseWrite(); err != nil { //nolint:forcetypeassert // it is one
		t.Fatal(err)
	}
	s.waiting(t, 0)
	w.gone()
}

// Trap 5: a client may disappear inside of a COPY; its rows are not there, and the next client gets a clean server.
func TestTrap05ACopyOfAVanishedClientIsUndone(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	s.super(t, "CREATE TABLE copied (n int)")
	s.super(t, "GRANT ALL ON copied TO "+s.role())
	for endpoint := range 2 {
		w := s.wire(t, endpoint)
		w.send(pgwire.AppendQuery(nil, "COPY copied FROM STDIN"))
		if typ, _ := w.one(); typ != 'G' {
			t.Fatalf("%q", typ)
		}
		w.send(pgwire.AppendCopyData(nil, []byte("1\n2\n")))
		_ = w.conn.Close()
		next := s.wire(t, endpoint)
		if got := next.must("SELECT count(*) FROM copied"); got != "0" {
			t.Errorf("%s rows", got)
		}
		_ = next.conn.Close()
	}
}

// A client that reads slowly stops its own server and nobody else, and nothing grows meanwhile.
func TestASlowReaderStopsNobodyElse(t *testing.T) {
	t.Parallel()
	s := sized(3).start(t)
	for endpoint := range 2 {
		slow := s.wire(t, endpoint)
		slow.send(pgwire.AppendQuery(nil, "SELECT repeat('x', 1000000) FROM generate_series(1, 100)"))
		s.running(t, "generate_series", 1)
		before := heap()
		other := s.wire(t, endpoint)
		for range 200 {
			other.must("SELECT 1")
		}
		if grown := heap() - before; grown > 20<<20 {
			t.Errorf("endpoint %d: %d bytes more are used for a result that nobody reads", endpoint, grown)
		}
		if a := slow.answer(); len(a.rows) != 100 || a.code() != "" {
			t.Errorf("endpoint %d: %d rows", endpoint, len(a.rows))
		}
		// The server, which had to stop in between, serves on.
		for range 3 {
			w := s.wire(t, endpoint)
			w.must("SELECT 1")
			_ = w.conn.Close()
		}
		_, _ = slow.conn.Close(), other.conn.Close()
	}
}
