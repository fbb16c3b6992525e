package epoll_test

import (
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"holdfast/internal/epoll"
)

// echo is an owner as the contract of Stream wants it: it sends back what comes, holds no more than one read, stops
// reading while the peer does not take it, and ends when the peer has ended and everything is sent.
type echo struct {
	t      testing.TB
	loop   *epoll.Loop
	stream epoll.Stream
	watch  *epoll.Watch
	rest   []byte
	ended  bool
	gone   *sync.WaitGroup
}

// serve begins on the loop. What is Buffered is not announced by any event.
func (e *echo) serve() {
	e.watch, _ = e.loop.Watch(e.stream.FD(), epoll.In, e)
	if e.stream.Buffered() {
		e.Ready(epoll.In)
	}
}

func (e *echo) Ready(epoll.Events) {
	err := e.send()
	for more := true; err == nil && !e.ended && more; more = e.stream.Buffered() {
		var n int
		buf := e.loop.Scratch()
		n, err = e.stream.Read(buf)
		e.rest = append(e.rest, buf[:n]...) // a copy: the buffer is everybody's
		if errors.Is(err, io.EOF) {
			e.ended, err = true, nil
		}
		if err == nil {
			err = e.send()
		}
	}
	switch {
	case err == nil && e.ended, err != nil && !errors.Is(err, epoll.ErrWouldBlock):
		e.finish(err)
	case len(e.rest) > 0 || e.stream.Pending() > 0:
		must(e.t, e.watch.Set(epoll.Out))
	default:
		must(e.t, e.watch.Set(epoll.In))
	}
}

func (e *echo) send() error {
	if err := e.stream.Flush(); err != nil {
		return err
	}
	n, err := e.stream.Write(e.rest)
	e.rest = e.rest[:copy(e.rest, e.rest[n:])]
	if err == nil && e.stream.Pending() > 0 {
		err = epoll.ErrWouldBlock
	}
	return err
}

func (e *echo) finish(err error) {
	must(e.t, err)
	must(e.t, e.stream.CloseWrite())
	must(e.t, e.watch.Remove())
	must(e.t, e.stream.Close())
	e.gone.Done()
}

// TestEchoes sends random pieces through streams of both kinds while a loop serves all of them, and reads them back
// slowly or fast.
func TestEchoes(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	f := func(name string, each int, wrap func(t *testing.T, near, far net.Conn) (epoll.Stream, net.Conn)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			var served, spoken sync.WaitGroup
			for i := range 20 {
				near, far := tcpPair(t)
				ours, peer := wrap(t, near, far)
				served.Add(1)
				e := &echo{t: t, loop: l, stream: ours, gone: &served}
				on(t, l, e.serve)
				spoken.Go(func() { converse(t, peer, each, uint64(i)) })
			}
			spoken.Wait()
			served.Wait()
		})
	}
	f("plain", 1<<20, func(t *testing.T, near, far net.Conn) (epoll.Stream, net.Conn) {
		c, err := epoll.Take(near)
		if err != nil {
			t.Fatal(err)
		}
		return c, far
	})
	f("TLS", 1<<19, func(t *testing.T, near, far net.Conn) (epoll.Stream, net.Conn) {
		sw := epoll.NewSwitch(near)
		ours, peer := tls.Server(sw, config), tls.Client(far, &tls.Config{InsecureSkipVerify: true})
		done := make(chan error, 1)
		go func() { done <- peer.Handshake() }() // received from below
		if err := errors.Join(ours.Handshake(), <-done); err != nil {
			t.Fatal(err)
		}
		s, err := sw.Secure(ours)
		if err != nil {
			t.Fatal(err)
		}
		return s, peer
	})
}

// converse writes random bytes in random pieces, and reads them back meanwhile until the end.
func converse(t *testing.T, c net.Conn, size int, seed uint64) {
	must(t, c.SetDeadline(time.Now().Add(patience)))
	stream := func() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{byte(seed)}) }
	sizes := rand.New(rand.NewPCG(seed, seed))
	var writing sync.WaitGroup
	writing.Go(func() {
		source, buf := stream(), make([]byte, 100_000)
		for left := size; left > 0; {
			n := min(left, 1+sizes.IntN(1+sizes.IntN(len(buf))))
			_, _ = source.Read(buf[:n])
			if _, err := c.Write(buf[:n]); err != nil {
				t.Error(err)
				return
			}
			left -= n
		}
		must(t, c.(interface{ CloseWrite() error }).CloseWrite())
	})
	got, err := io.ReadAll(c)
	must(t, err)
	writing.Wait()
	want := make([]byte, size)
	_, _ = stream().Read(want)
	if string(got) != string(want) {
		t.Errorf("%d bytes came back of %d, or others", len(got), size)
	}
}
