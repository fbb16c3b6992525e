package epoll_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
)

// kinds runs a test for both versions and both roles.
func kinds(t *testing.T, f func(t *testing.T, o terms)) {
	t.Helper()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, dial := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, client %v", tls.VersionName(version), dial), func(t *testing.T) {
				t.Parallel()
				f(t, terms{version: version, weAreDial: dial})
			})
		}
	}
}

func TestARecordCutAtAnyByteArrivesWhole(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		s := open(t, o)
		size := len(s.say(t, "to learn the size"))
		s = open(t, o)
		for cut := 1; cut < size; cut++ {
			text := fmt.Sprintf("message %4d ....", cut) // as long as the first
			record := s.say(t, text[:17-1]+"!")
			if len(record) != size {
				t.Fatalf("a record of %d bytes; want %d", len(record), size)
			}
			s.feed(t, record[:cut])
			if got, err := drain(s.ours); got != "" || err != nil || s.ours.Buffered() {
				t.Fatalf("after %d bytes: %q, %v", cut, got, err)
			}
			s.feed(t, record[cut:])
			if got, err := drain(s.ours); got != text[:16]+"!" || err != nil {
				t.Fatalf("cut at %d: %q, %v", cut, got, err)
			}
		}
		write(t, s.ours, "answer")
		s.hears(t, "answer")
	})
}

func TestManyRecordsByteByByteArriveInOrder(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		s := open(t, o)
		want := strings.Repeat("0123456789", 700)
		records := append(s.say(t, want[:3000]), s.say(t, want[3000:])...)
		got := ""
		for i := range records {
			s.feed(t, records[i:i+1])
			text, err := drain(s.ours)
			if got += text; err != nil {
				t.Fatal(err)
			}
		}
		if got != want {
			t.Errorf("%d bytes arrived of %d, or others", len(got), len(want))
		}
	})
}

func TestNewKeysAreAgreedOnByteByByte(t *testing.T) {
	t.Parallel()
	s := open(t, terms{})
	w := scribeOf(t, s)
	var stream []byte
	want := ""
	for i, ends := range [][]int{{}, {1}, {4}, {2, 3}} { // whole, and in pieces that stand in records of their own
		want += fmt.Sprint("before ", i)
		stream = append(stream, w.record(applicationRecord, fmt.Append(nil, "before ", i))...)
		stream = append(stream, w.keyUpdate(ends...)...)
	}
	stream = append(stream, w.record(applicationRecord, []byte(" after"))...)
	got := ""
	for i := range stream {
		s.feed(t, stream[i:i+1])
		text, err := drain(s.ours)
		if got += text; err != nil {
			t.Fatalf("after %d of %d bytes, %q: %v", i+1, len(stream), got, err)
		}
	}
	if got != want+" after" {
		t.Errorf("read %q; want %q", got, want+" after")
	}
	if s.ours.Pending() != 0 {
		t.Errorf("%d bytes of our own new keys were not sent", s.ours.Pending())
	}
	write(t, s.ours, "with our fifth keys")
	s.hears(t, "with our fifth keys")
}

func TestTicketsAfterTheHandshakeAreTakenByteByByte(t *testing.T) {
	t.Parallel()
	s := open(t, terms{weAreDial: true, tickets: true, auth: tls.RequestClientCert, passes: 1})
	ticket := s.wire.take()
	if len(ticket) == 0 || s.keys.tickets != 0 {
		t.Fatalf("%d bytes of tickets kept, %d taken during the handshake", len(ticket), s.keys.tickets)
	}
	for i := range ticket {
		s.feed(t, ticket[i:i+1])
		if text, err := drain(s.ours); text != "" || err != nil {
			t.Fatalf("after %d bytes: %q, %v", i+1, text, err)
		}
	}
	if s.keys.tickets == 0 {
		t.Error("no ticket was taken")
	}
	s.feed(t, s.say(t, "hello"))
	if text, err := drain(s.ours); text != "hello" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestTicketsThatCameWithTheHandshakeAreTaken(t *testing.T) {
	t.Parallel()
	s := open(t, terms{weAreDial: true, tickets: true})
	if text, err := drain(s.ours); text != "" || err != nil || s.keys.tickets == 0 {
		t.Errorf("read %q, %v; %d tickets", text, err, s.keys.tickets)
	}
}

// The client's last message of the handshake and its first query come in one segment: nothing will ever make the
// descriptor readable, and still there is something to read.
func TestBytesThatCameWithTheHandshakeAreBuffered(t *testing.T) {
	t.Parallel()
	s := open(t, terms{passes: 1, beforeFeed: func(s *session) {
		_, _ = s.peer.Write([]byte("select 1"))
		_, _ = s.wire.Conn.Write(s.wire.take())
	}})
	fds := []unix.PollFd{{Fd: int32(s.ours.FD()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); n != 0 || err != nil {
		t.Fatalf("poll: %d, %v: the test needs a descriptor that is not readable", n, err)
	}
	if !s.ours.Buffered() {
		t.Error("not Buffered: the owner would wait for ever")
	}
	if text, err := drain(s.ours); text != "select 1" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	if s.ours.Buffered() {
		t.Error("still Buffered after a Read that would block")
	}
}

// The same with the first part of a query: where records end is known from before the switch.
func TestARecordThatBeganWithTheHandshakeEndsOnTheLoop(t *testing.T) {
	t.Parallel()
	var rest []byte
	s := open(t, terms{passes: 1, beforeFeed: func(s *session) {
		_, _ = s.peer.Write([]byte("select 1"))
		first := s.wire.take()
		_, _ = s.wire.Conn.Write(first[:len(first)-10])
		rest = first[len(first)-10:]
	}})
	if text, err := drain(s.ours); text != "" || err != nil {
		t.Fatalf("read %q, %v", text, err)
	}
	buf := make([]byte, 100)
	for _, record := range [][]byte{rest, s.say(t, "select 1")} {
		s.feed(t, record)
		if n, err := s.ours.Read(buf); string(buf[:n]) != "select 1" || err != nil || s.ours.Buffered() {
			t.Errorf("read %q, %v, Buffered %v", buf[:n], err, s.ours.Buffered())
		}
	}
}

func TestRecordsThatCameTogetherAreBuffered(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		s := open(t, o)
		buf := make([]byte, 2) // less than a record holds, too
		for _, texts := range [][]string{{"one", "two"}, {"twelve"}} {
			var records []byte
			for _, text := range texts {
				records = append(records, s.say(t, text)...)
			}
			s.feed(t, records)
			got := ""
			for more := true; more; more = s.ours.Buffered() {
				n, err := s.ours.Read(buf)
				if got += string(buf[:n]); err != nil && !errors.Is(err, epoll.ErrWouldBlock) {
					t.Fatal(err)
				}
			}
			if want := strings.Join(texts, ""); got != want {
				t.Errorf("read %q until nothing was Buffered; want %q", got, want)
			}
		}
	})
}

func TestWhatThePeerDoesNotReadWaitsInsideAndIsBounded(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		s := open(t, o)
		want := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
		heard := make(chan struct{})
		rest, most := want, 0
		for begun := false; len(rest) > 0 || s.ours.Pending() > 0; {
			n, err := s.ours.Write([]byte(rest))
			rest, most = rest[n:], max(most, s.ours.Pending())
			switch {
			case err == nil:
			case !errors.Is(err, epoll.ErrWouldBlock):
				t.Fatal(err)
			case s.ours.Pending() == 0:
				t.Fatal("ErrWouldBlock with nothing Pending")
			case !begun:
				begun = true
				if n, err := s.ours.Write([]byte("x")); n != 0 || !errors.Is(err, epoll.ErrWouldBlock) {
					t.Fatalf("took %d bytes while others wait: %v", n, err)
				}
				go func() { s.hears(t, want); close(heard) }() // awaited below
			default:
				_, _ = unix.Poll([]unix.PollFd{{Fd: int32(s.ours.FD()), Events: unix.POLLOUT}}, 1000)
			}
			if err := s.ours.Flush(); err != nil && !errors.Is(err, epoll.ErrWouldBlock) {
				t.Fatal(err)
			}
		}
		await(t, heard, "the peer")
		if most > 70<<10 {
			t.Errorf("%d bytes waited inside; want 64 KiB and their headers at most", most)
		}
	})
}

func TestAPeerThatAsksForNewKeysForEverAndNeverReadsIsAnError(t *testing.T) {
	t.Parallel()
	s := open(t, terms{})
	w := scribeOf(t, s)
	for range 100_000 {
		s.feed(t, append(w.keyUpdate(), w.record(applicationRecord, []byte("x"))...))
		if _, err := drain(s.ours); err != nil {
			if !strings.Contains(err.Error(), "asks for new keys") {
				t.Errorf("read: %v", err)
			}
			if s.ours.Pending() > 256<<10 {
				t.Errorf("%d bytes wait", s.ours.Pending())
			}
			if _, err := s.ours.Write([]byte("x")); err == nil {
				t.Error("the session still writes")
			}
			return
		}
	}
	t.Errorf("%d bytes wait, and no error", s.ours.Pending())
}

func TestAForgedRecordIsAnErrorOfWhichThePeerIsTold(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		s := open(t, o)
		record := s.say(t, "hello")
		record[len(record)-1] ^= 1
		s.feed(t, record)
		for range 2 {
			if text, err := drain(s.ours); text != "" || err == nil || errors.Is(err, io.EOF) {
				t.Errorf("read %q, %v", text, err)
			}
		}
		_, err := s.peer.Read(make([]byte, 1))
		if err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("peer: %v", err)
		}
	})
}

func TestASessionCanOnlyBeTakenWholeAndOnce(t *testing.T) {
	t.Parallel()
	near, _ := unixPair(t)
	sw := epoll.NewSwitch(near)
	config := &tls.Config{InsecureSkipVerify: true}
	if _, err := sw.Secure(tls.Client(sw, config)); err == nil {
		t.Error("took a session without a handshake")
	}
	if _, err := sw.Secure(tls.Client(near, config)); err == nil {
		t.Error("took a session over another connection")
	}
	s := open(t, terms{})
	ours, ok := s.ours.Session().NetConn().(*epoll.Switch)
	if !ok {
		t.Fatal("no Switch below")
	}
	if _, err := ours.Secure(s.ours.Session()); err == nil {
		t.Error("took a session twice")
	}
}

func TestASessionKnowsItsAddresses(t *testing.T) {
	t.Parallel()
	s := open(t, terms{dial: tcpPair})
	local, remote := s.wire.RemoteAddr().String(), s.wire.LocalAddr().String()
	below := s.ours.Session().NetConn()
	if s.ours.LocalAddr() != local || s.ours.RemoteAddr() != remote ||
		below.LocalAddr().String() != local || below.RemoteAddr().String() != remote {
		t.Errorf("addresses %s, %s; want %s, %s", s.ours.LocalAddr(), s.ours.RemoteAddr(), local, remote)
	}
}

func TestAClosedSessionDoesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, terms{})
	must(t, s.ours.Close())
	must(t, s.ours.Close())
	if _, err := s.ours.Read(make([]byte, 1)); err == nil || errors.Is(err, epoll.ErrWouldBlock) {
		t.Errorf("read: %v", err)
	}
	if _, err := s.ours.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write: %v; want closed", err)
	}
	if s.ours.FD() != -1 || s.ours.Pending() != 0 {
		t.Errorf("descriptor %d, %d bytes pending", s.ours.FD(), s.ours.Pending())
	}
}
