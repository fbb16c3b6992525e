package upstream

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// options are those of a pool whose servers nobody asks.
func options(servers ...string) Options {
	c := DefaultConfig()
	c.Health.Interval = unit.Duration(time.Hour)
	return Options{Config: c, Servers: servers, Key: []byte("key"), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// S1-04: servers that stay are the same ones, with all that is known of them.
func TestAReloadKeepsTheServersThatStay(t *testing.T) {
	t.Parallel()
	p, err := New(options("http://10.0.0.1:1", "http://10.0.0.2:1"))
	if err != nil {
		t.Fatal(err)
	}
	one := p.nodes[0]
	p.mu.Lock()
	one.busy, one.requests, one.drained = 1, 7, true
	p.mu.Unlock()
	gone, transport := p.nodes[1], one.transport.Load()
	if err := p.Reload(options("http://10.0.0.3:1", "http://10.0.0.1:1")); err != nil {
		t.Fatal(err)
	}
	if p.nodes[1] != one || one.transport.Load() != transport || !gone.isGone() || len(p.nodes) != 2 {
		t.Errorf("nodes: %+v", p.Status())
	}
	if s := p.Status()[1]; s.State != "draining" || s.Requests != 7 || s.Busy != 1 {
		t.Errorf("what is known: %+v", s)
	}
	o := options("http://10.0.0.1:1")
	o.Config.Timeouts.Header = unit.Duration(time.Second)
	if err := p.Reload(o); err != nil {
		t.Fatal(err)
	}
	if p.nodes[0] != one || one.transport.Load() == transport {
		t.Error("other times need other connections")
	}
	for _, servers := range [][]string{nil, {"ftp://x"}, {"http://10.0.0.1:1", "http://10.0.0.1:1"}} {
		if err := p.Reload(options(servers...)); fault.KindOf(err) != fault.Config || len(p.nodes) != 1 || p.nodes[0] != one {
			t.Errorf("%q: %v, %+v", servers, err, p.Status())
		}
	}
}

func TestIdleWaitsForTheLastRequest(t *testing.T) {
	t.Parallel()
	p, err := New(options("http://10.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	p.busy.Add(1)
	over := make(chan error, 1)
	go func() { over <- p.Idle(t.Context()) }()
	select {
	case err := <-over:
		t.Fatalf("over while a request is under way: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	p.busy.Add(-1)
	if err := <-over; err != nil {
		t.Error(err)
	}
}
