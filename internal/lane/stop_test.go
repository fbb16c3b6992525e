package lane_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"holdfast/internal/lane"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/web"
)

func TestALaneSurvivesStartAndStopFromEverywhere(t *testing.T) {
	t.Parallel()
	shelf := newShelf(t, 100)
	lifecycletest.Stress(t, func() lifecycle.Service {
		return web.NewServer(web.Options{
			Name: "x", Listen: "127.0.0.1:0", Handler: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler),
			Front: func(_ context.Context, l net.Listener) (net.Listener, error) {
				return lane.Listen(l, lane.Options{Handler: shelf, Loops: 2})
			},
		})
	})
}

func TestStopLetsAnswersEndAndClosesTheIdle(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 32<<20), lane.Options{Loops: 2})
	idle, busy, half := s.dial(t), s.dial(t), s.dial(t)
	_ = idle.ask("/small")
	busy.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /small HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := busy.in.Peek(1); err != nil {
		t.Fatal(err)
	}
	half.send("GET /small HTTP/1.1\r\n")
	eventually(t, "all are known", func() bool { return s.lane.Load().Stats().Conns == 3 })
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }() // waited for below
	if _, err := idle.in.ReadByte(); err != io.EOF {
		t.Errorf("idle: %v", err)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped while an answer was under way: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if _, b := busy.get("GET"); !same([]byte(b), content(32<<20)) {
		t.Errorf("%d bytes that differ", len(b))
	}
	for _, p := range []*peer{busy, half} {
		if _, err := p.in.ReadByte(); err == nil {
			t.Error("another answer after Stop")
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.addr); err == nil {
		t.Error("accepted after Stop")
	}
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 64<<20), lane.Options{})
	p := s.dial(t)
	p.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := p.in.Peek(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := s.shelf.lent.Load(); n != 0 {
		t.Errorf("%d files were not released", n)
	}
}

func TestStopWaitsForWhatIsWarmedAndThenEndsIt(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/cold", "/never"} {
		shelf := newShelf(t, 100)
		shelf.block = make(chan struct{})
		s := newSite(t, shelf, lane.Options{})
		p := s.dial(t)
		p.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		eventually(t, "it warms", func() bool { return shelf.warmed.Load() == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if path == "/never" {
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		}
		defer cancel()
		stopped := make(chan error, 1)
		go func() { stopped <- s.Stop(ctx) }() // waited for below
		if path == "/cold" {
			eventually(t, "nobody is let in any more", func() bool {
				c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.addr)
				if err == nil {
					_ = c.Close()
				}
				return err != nil
			})
			close(shelf.block)
			if r, b := p.get("GET"); b != "warm now" || !r.Close {
				t.Errorf("body %q, close %v", b, r.Close)
			}
		}
		if err := <-stopped; errors.Is(err, context.DeadlineExceeded) != (path == "/never") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
