package pooler_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	"holdfast/internal/pgwire"
)

// cancel sends a cancel request and waits until it has been acted on.
func (s *site) cancel(t testing.TB, endpoint int, pid uint32, key []byte) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.pooler.Addr(endpoint), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(pgwire.AppendCancel(nil, pid, key)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || isTimeout(err) {
		t.Fatalf("a cancel request was answered: %d, %v", n, err)
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error) //nolint:errorlint // as the net package returns it
	return ok && n.Timeout()
}

// Trap 11: a cancel request ends the query of whom it names and of nobody else.
func TestTrap11ACancelReachesTheRightQuery(t *testing.T) {
	t.Parallel()
	s := sized(3).start(t)
	for endpoint := range 2 {
		one, two := s.wire(t, endpoint), s.wire(t, endpoint)
		two.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(1), 'unharmed two'"))
		one.send(pgwire.AppendSync(asked("", "SELECT pg_sleep(60), 'one'")))
		s.running(t, "pg_sleep", 2)
		s.cancel(t, endpoint, one.pid, one.key)
		if a := one.answer(); a.code() != "57014" {
			t.Errorf("endpoint %d: %+v", endpoint, a)
		}
		if a := two.answer(); len(a.rows) != 1 {
			t.Errorf("endpoint %d: somebody else's query was hit: %+v", endpoint, a)
		}
		one.must("SELECT 'goes on'")
		_, _ = one.conn.Close(), two.conn.Close()
	}
}

func TestACancelOfAWrongKeyDoesNothing(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	w := s.wire(t, 0)
	w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(1), 'unharmed'"))
	s.running(t, "pg_sleep", 1)
	wrong := bytes.Clone(w.key)
	wrong[len(wrong)-1] ^= 1
	s.cancel(t, 0, w.pid, wrong)
	s.cancel(t, 0, w.pid, append(bytes.Clone(w.key), 0))
	s.cancel(t, 0, w.pid+1, w.key)
	if a := w.answer(); len(a.rows) != 1 {
		t.Errorf("%+v", a)
	}
}

// A cancel request needs no place in the pool, and takes out of the queue whoever waits there.
func TestACancelWorksWhenThePoolIsFull(t *testing.T) {
	t.Parallel()
	s, holders := full(t, 1, 25*time.Second, 0)
	waiting := s.wire(t, 1)
	for name, request := range map[string][]byte{
		"simple":   pgwire.AppendQuery(nil, "SELECT 'never'"),
		"extended": pgwire.AppendSync(asked("", "SELECT 'never'")),
	} {
		waiting.send(request)
		s.waiting(t, 1)
		s.cancel(t, 1, waiting.pid, waiting.key)
		if a := waiting.answer(); a.types != "EZ" || a.code() != "57014" {
			t.Errorf("%s: %+v", name, a)
		}
		s.waiting(t, 0)
	}
	holders[0].send(pgwire.AppendQuery(nil, "SELECT pg_sleep(60)"))
	s.running(t, "pg_sleep", 1)
	s.cancel(t, 1, holders[0].pid, holders[0].key)
	if a := holders[0].answer(); a.code() != "57014" || a.status != 'E' {
		t.Errorf("running: %+v", a)
	}
	holders[1].must("COMMIT")
	if got := waiting.must("SELECT 'after all'"); got != "after all" {
		t.Error(got)
	}
}

func TestACancelOfAnIdleClientHitsNobody(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	idle, busy := s.wire(t, 1), s.wire(t, 1)
	idle.must("SELECT 1") // the only server was the idle client's, and is the busy one's now
	busy.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(1), 'unharmed'"))
	s.running(t, "pg_sleep", 1)
	for range 10 {
		s.cancel(t, 1, idle.pid, idle.key)
	}
	if a := busy.answer(); len(a.rows) != 1 {
		t.Errorf("%+v", a)
	}
	if got := idle.must("SELECT 'goes on'"); got != "goes on" {
		t.Error(got)
	}
}

// Trap 11, PgBouncer's issue 717: a server whose cancel request is still on its way is nobody else's.
func TestTrap11ALateCancelHitsNobodyElse(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	hasty, next := s.wire(t, 1), s.wire(t, 1)
	for range 60 {
		hasty.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(0.002)"))
		next.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(0.004), 'next'"))
		s.cancel(t, 1, hasty.pid, hasty.key)
		if a := hasty.answer(); a.code() != "" && a.code() != "57014" {
			t.Fatalf("%+v", a)
		}
		if a := next.answer(); a.code() != "" {
			t.Fatalf("a cancel request hit the next client: %+v", a)
		}
	}
}

// Trap 12: keys of protocol 3.2 are long, and those of 3.0 four bytes.
func TestTrap12LongKeysCancelToo(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	w := s.dial(t, 1)
	if err := w.logIn(s, pgwire.Version32); err != nil {
		t.Fatal(err)
	}
	if len(w.key) != 32 || w.minor != 0 {
		t.Fatalf("key of %d bytes, negotiated %d", len(w.key), w.minor)
	}
	w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(60)"))
	s.running(t, "pg_sleep", 1)
	s.cancel(t, 1, w.pid, w.key[:4])
	s.cancel(t, 1, w.pid, w.key)
	if a := w.answer(); a.code() != "57014" {
		t.Errorf("%+v", a)
	}
	if old := s.wire(t, 1); len(old.key) != 4 {
		t.Errorf("a client of protocol 3.0 got a key of %d bytes", len(old.key))
	}
}

// Trap 12: a client that asks for more than there is gets one NegotiateProtocolVersion and goes on.
func TestTrap12ANewerProtocolIsNegotiated(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	w := s.dial(t, 0)
	version := pgwire.Version(3<<16 | 9999)
	err := w.logIn(s, version, pgwire.Param{Name: "_pq_.test_protocol_negotiation", Value: ""})
	if err != nil || w.minor&0xffff != 2 {
		t.Fatalf("%v, negotiated %#x", err, w.minor)
	}
	w.must("SELECT 1")
}
