package epoll_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"holdfast/internal/epoll"
)

func TestThePeersEndOfASession(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		f := func(what string, want string, wantErr error, end func(s *session)) {
			t.Helper()
			s := open(t, o)
			end(s)
			text, err := drain(s.ours)
			if text != want || !errors.Is(err, wantErr) || strings.Contains(err.Error(), "beside") {
				t.Errorf("%s: read %q, %v; want %q, %v", what, text, err, want, wantErr)
			}
		}
		f("close_notify behind data", "bye", io.EOF, func(s *session) {
			record := s.say(t, "bye")
			must(t, s.peer.CloseWrite())
			s.feed(t, append(record, s.wire.take()...))
		})
		f("a cut between records", "bye", io.EOF, func(s *session) {
			s.feed(t, s.say(t, "bye"))
			must(t, s.wire.Conn.Close())
		})
		f("a cut within a record", "bye", io.ErrUnexpectedEOF, func(s *session) {
			record := s.say(t, "bye")
			s.feed(t, append(record, s.say(t, "never")[:10]...))
			must(t, s.wire.Conn.Close())
		})
	})
}

func TestOurEndOfASession(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		s := open(t, o)
		write(t, s.ours, "bye")
		must(t, s.ours.CloseWrite())
		s.hears(t, "bye")
		if n, err := s.peer.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("peer read %d, %v; want EOF", n, err)
		}
		if n, err := s.wire.Conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("below TLS peer read %d, %v; want EOF", n, err)
		}
		s.feed(t, s.say(t, "one more thing"))
		if text, err := drain(s.ours); text != "one more thing" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		if _, err := s.ours.Write([]byte("x")); err == nil || errors.Is(err, epoll.ErrWouldBlock) {
			t.Errorf("wrote after CloseWrite: %v", err)
		}
	})
}

func TestClosingTellsThePeer(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, o terms) {
		s := open(t, o)
		write(t, s.ours, "bye")
		must(t, s.ours.Close())
		ciphertext, err := io.ReadAll(s.wire.Conn) // crypto/tls would take the end of the socket for as good
		must(t, err)
		records := 0
		for rest := ciphertext; len(rest) > 0; records++ {
			rest = rest[5+int(rest[3])<<8+int(rest[4]):]
		}
		if records != 2 {
			t.Errorf("the peer got %d records; want one of text and close_notify", records)
		}
	})
}

// Who stops writing while something is pending still gets all of it delivered, and then the end.
func TestCloseWriteWaitsForWhatIsPending(t *testing.T) {
	t.Parallel()
	s := open(t, terms{})
	block := strings.Repeat("0123456789abcdef", 1<<10)
	want := ""
	for s.ours.Pending() == 0 {
		n, err := s.ours.Write([]byte(block))
		if want += block[:n]; err != nil {
			t.Fatal(err)
		}
	}
	must(t, s.ours.CloseWrite())
	if s.ours.Pending() == 0 {
		t.Fatal("nothing is pending")
	}
	heard := make(chan struct{})
	go func() { // awaited below
		defer close(heard)
		s.hears(t, want)
		if _, err := s.peer.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("peer: %v; want EOF", err)
		}
		if _, err := s.wire.Conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("below TLS: %v; want EOF", err)
		}
	}()
	l := start(t)
	on(t, l, func() {
		var w *epoll.Watch
		w = watch(t, l, s.ours.FD(), epoll.Out, func(epoll.Events) {
			if err := s.ours.Flush(); !errors.Is(err, epoll.ErrWouldBlock) {
				must(t, err)
				must(t, w.Remove())
			}
		})
	})
	await(t, heard, "the peer")
}
