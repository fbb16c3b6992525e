package cacheserver_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/cacheserver"
	"holdfast/internal/unit"
)

func login(t testing.TB, s *cacheserver.Server) *peer {
	t.Helper()
	p := dial(t, "tcp", s.Addr())
	p.want("OK", "AUTH "+password)
	return p
}

func TestNobodyGetsInWithoutThePassword(t *testing.T) {
	t.Parallel()
	s, c := start(t, nil)
	p := dial(t, "tcp", s.Addr())
	for _, command := range []string{"GET a", "NOSUCH", "SUBSCRIBE a", "INFO", "EVAL x 0", "MULTI", "CONFIG GET save", "CLIENT LIST"} {
		p.want("-NOAUTH Authentication required.", command)
	}
	p.want("-WRONGPASS invalid username-password pair or user is disabled.", "AUTH wrong")
	p.want("-WRONGPASS invalid username-password pair or user is disabled.", "AUTH admin "+password)
	p.want("-NOAUTH Authentication required.", "GET a")
	p.want("OK", "AUTH default "+password)
	p.want("$nil", "GET a")
	if private := dial(t, "unix", c.Socket); private.do("SET", "a", "1") != "OK" {
		t.Error("the socket asks for more than its mode")
	}
	guess := dial(t, "tcp", s.Addr())
	for range 10 {
		guess.do("AUTH", "guess")
	}
	if _, err := guess.in.ReadByte(); err != io.EOF {
		t.Errorf("after ten guesses: %v", err)
	}
	if s.Status().Denied != 12 {
		t.Errorf("%d denials counted", s.Status().Denied)
	}
}

func TestBeforeTheLogInOnlyLittleIsRead(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nil)
	p := dial(t, "tcp", s.Addr())
	_, _ = p.conn.Write([]byte("*2\r\n$3\r\nGET\r\n$1000000\r\n"))
	if got := show(p.read()); got != "-ERR Protocol error: invalid bulk length" {
		t.Error(got)
	}
	web := dial(t, "tcp", s.Addr())
	_, _ = web.conn.Write([]byte("POST / HTTP/1.1\r\nHost: localhost\r\n\r\nFLUSHALL\r\n"))
	if got := show(web.read()); !strings.Contains(got, "not a web server") {
		t.Error(got)
	}
	if _, err := web.in.ReadByte(); err == nil {
		t.Error("a browser may go on")
	}
}

func TestMemoryStaysWithinItsBound(t *testing.T) {
	t.Parallel()
	s, _ := start(t, func(c *cacheserver.Config) { c.MaxMemory, c.MaxValue = 2e6, 1e5 })
	p := login(t, s)
	for i := range 100 {
		p.do("SET", fmt.Sprint("string", i), strings.Repeat("x", 50_000))
		p.do("SADD", fmt.Sprint("set", i%3), fmt.Sprint("member", i), strings.Repeat("y", 20_000)+fmt.Sprint(i))
		p.do("HSET", fmt.Sprint("hash", i%3), fmt.Sprint("field", i), strings.Repeat("z", 20_000))
		if st := s.Status(); st.Bytes > 2e6 {
			t.Fatalf("%d bytes", st.Bytes)
		}
	}
	if st := s.Status(); st.Evictions == 0 || st.Entries == 0 {
		t.Errorf("%+v", st)
	}
	if got := p.do("APPEND", "string99", strings.Repeat("x", 60_000)); !strings.Contains(got, "maximum allowed size") {
		t.Error(got)
	}
	if got := p.do("SET", "a", strings.Repeat("x", 100_001)); !strings.Contains(got, "invalid bulk length") {
		t.Error(got)
	}
}

func TestAReplyThatIsTooLargeIsAnErrorInItsPlace(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nil)
	p := login(t, s)
	p.do("SET", "big", strings.Repeat("x", 10_000_000))
	many := append([]string{"MGET"}, strings.Fields(strings.Repeat("big ", 10))...)
	if got := p.do(many...); !strings.HasPrefix(got, "-ERR reply larger") {
		t.Errorf("%.80s", got)
	}
	p.do("MULTI")
	for range 10 {
		p.do("GET", "big")
	}
	p.send("EXEC")
	v := p.read()
	if len(v.List) != 10 || len(v.List[5].Text) != 10_000_000 || !strings.HasPrefix(v.List[6].Err(), "ERR reply larger") || v.List[9].Err() == "" {
		t.Errorf("%d replies; the sixth of %d bytes, the seventh %q", len(v.List), len(v.List[5].Text), v.List[6].Err())
	}
	p.want("PONG", "PING")
}

func TestThereAreOnlySoManyClients(t *testing.T) {
	t.Parallel()
	s, _ := start(t, func(c *cacheserver.Config) { c.MaxClients = 2 })
	login(t, s)
	login(t, s)
	third := dial(t, "tcp", s.Addr())
	if got := show(third.read()); got != "-ERR max number of clients reached" {
		t.Error(got)
	}
}

func TestASubscriberThatDoesNotReadIsCut(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nil)
	slow, quick, sender := login(t, s), login(t, s), login(t, s)
	slow.want("*[subscribe news 1]", "SUBSCRIBE news")
	quick.want("*[psubscribe n* 1]", "PSUBSCRIBE n*")
	message := strings.Repeat("x", 1_000_000)
	for i := range 40 { // more than the slow one's socket and mailbox hold
		sender.do("PUBLISH", "news", message)
		if v := quick.read(); len(v.List) != 4 || len(v.List[3].Text) != len(message) {
			t.Fatalf("the quick one lost message %d", i)
		}
	}
	sender.want("1", "PUBLISH news last")
	if show(quick.read()) != "*[pmessage n* news last]" {
		t.Error("the quick one lost the last")
	}
}

// Rows S1-25, E-11: an invalidation reaches every process that listens; confirmations and messages keep their order.
func TestMessagesReachAllWhoListen(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nil)
	a, b, sender := login(t, s), login(t, s), login(t, s)
	b.do("HELLO", "3")
	a.want("*[subscribe x 1]", "SUBSCRIBE x")
	b.want(">[subscribe x 1]", "SUBSCRIBE x")
	sender.want("2", "PUBLISH x hello")
	if got := show(a.read()) + show(b.read()); got != "*[message x hello]>[message x hello]" {
		t.Error(got)
	}
	b.want("OK", "SET k v") // RESP3 may go on
	if got := a.do("GET", "k"); !strings.Contains(got, "only (P|S)SUBSCRIBE") {
		t.Error(got)
	}
	a.want("*[pong ]", "PING")
	a.want("*[unsubscribe x 0]", "UNSUBSCRIBE")
	a.want("v", "GET k")
	sender.want("1", "PUBLISH x again")
}

// Row S1-28: SETEX of one second is gone at 1.1 s.
func TestAKeyIsGoneWhenItsSecondIsOver(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nil)
	p := login(t, s)
	began := time.Now()
	p.want("OK", "SETEX k 1 v")
	for time.Since(began) < 900*time.Millisecond {
		if got := p.do("GET", "k"); got != "v" && time.Since(began) < 950*time.Millisecond {
			t.Fatalf("%s after %s", got, time.Since(began))
		}
		<-time.After(50 * time.Millisecond)
	}
	<-time.After(time.Until(began.Add(1100 * time.Millisecond)))
	p.want("$nil", "GET k")
	p.want("0", "DBSIZE")
	if st := s.Status(); st.Expired != 1 {
		t.Errorf("%+v", st)
	}
}

func TestTransactionsAreWholeAndWatchesNoticed(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nil)
	var all sync.WaitGroup
	for range 4 {
		p := login(t, s)
		all.Go(func() {
			for done := 0; done < 50; {
				p.do("WATCH", "n")
				n := 0
				_, _ = fmt.Sscan(p.do("GET", "n"), &n)
				p.do("MULTI")
				p.do("SET", "n", fmt.Sprint(n+1))
				p.do("INCR", "sum")
				if p.do("EXEC") != "*nil" {
					done++
				}
			}
		})
	}
	all.Wait()
	login(t, s).want("*[200 200]", "MGET n sum")
}

func TestIdleClientsAreClosedWhenAsked(t *testing.T) {
	t.Parallel()
	s, _ := start(t, func(c *cacheserver.Config) { c.IdleTimeout = unit.Duration(50 * time.Millisecond) })
	p := login(t, s)
	if _, err := p.in.ReadByte(); err != io.EOF {
		t.Error(err)
	}
}
