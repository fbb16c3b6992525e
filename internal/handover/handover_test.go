package handover_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/handover"
)

// bench is a process with a listener on TCP and one on a Unix socket.
type bench struct {
	t       *testing.T
	table   *handover.Listeners
	tcp     net.Listener
	sock    net.Listener
	path    string
	yielded chan *handover.Heir
}

func newBench(t *testing.T, may error) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfh-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bench{t: t, table: &handover.Listeners{}, path: filepath.Join(dir, "handover.sock"), yielded: make(chan *handover.Heir, 1)}
	ctx := handover.With(t.Context(), b.table)
	listen := func(network, address string) net.Listener {
		l, err := handover.Listen(ctx, network, func(ctx context.Context) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, network, address)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	b.tcp, b.sock = listen("tcp", "127.0.0.1:0"), listen("unix", filepath.Join(dir, "s"))
	g := handover.NewGiver(b.path, b.table, func() error { return may }, func(h *handover.Heir) { b.yielded <- h }, slog.New(slog.DiscardHandler))
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		b.table.Release()
	})
	return b
}

// close closes the listeners as features do.
func (b *bench) close() {
	b.sock.(*net.UnixListener).SetUnlinkOnClose(!b.table.Shared())
	_, _ = b.tcp.Close(), b.sock.Close()
}

// answer shows that who connects is accepted by a listener of the table.
func answer(t *testing.T, table *handover.Listeners, address, path string) {
	t.Helper()
	for network, at := range map[string]string{"tcp": address, "unix": path} {
		c, err := net.DialTimeout(network, at, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "hello")
		_ = c.Close()
		l, err := table.Listen(t.Context(), network, never)
		if err != nil {
			t.Fatal(err)
		}
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if said, err := io.ReadAll(in); string(said) != "hello" || err != nil {
			t.Errorf("%s: %q, %v", network, said, err)
		}
		_, _ = in.Close(), l.Close()
	}
}

// committed is a successor that the predecessor has agreed to.
func (b *bench) committed() (*handover.Offer, *handover.Heir) {
	b.t.Helper()
	offer, err := handover.Ask(b.t.Context(), b.path)
	if err == nil {
		err = offer.Commit(b.t.Context())
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return offer, <-b.yielded
}

func never(context.Context) (net.Listener, error) { return nil, errors.New("bound anew") }

// Who connects while nobody accepts is served by the successor.
func TestTheSuccessorAcceptsWhoWaitedInTheBacklog(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	offer, heir := b.committed()
	address, path := b.tcp.Addr().String(), b.sock.Addr().String()
	b.close()
	table := offer.Listeners()
	defer table.Release()
	if !table.Shared() || !b.table.Shared() {
		t.Error("one of them takes the sockets for its own alone")
	}
	if err := offer.Ready(); err != nil {
		t.Error(err)
	}
	if err := heir.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if table.Shared() {
		t.Error("the successor does not take the sockets for its own")
	}
	answer(t, table, address, path)
	if left := table.Leftover(); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestAPredecessorThatMayNotGiveSaysWhyAndGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, errors.New("its PostgreSQL is its own"))
	for range 2 {
		offer, err := handover.Ask(t.Context(), b.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := offer.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "its PostgreSQL is its own") {
			t.Errorf("commit: %v", err)
		}
		if err := offer.Close(); err != nil {
			t.Error(err)
		}
	}
	if b.table.Given() {
		t.Error("the sockets are given away")
	}
}

// A successor that dies after its question changes nothing, and the next one is heard.
func TestASuccessorThatVanishesIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for range 3 {
		offer, err := handover.Ask(t.Context(), b.path)
		if err != nil {
			t.Fatal(err)
		}
		_ = offer.Close()
	}
	select {
	case <-b.yielded:
		t.Error("it yielded to nobody")
	default:
	}
	go func() { c, _ := net.Dial("tcp", b.tcp.Addr().String()); _ = c.Close() }()
	c, err := b.tcp.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// A successor that ends after its commit, but before it is ready, leaves everything to the predecessor.
func TestThePredecessorTakesBackWhatItsSuccessorDidNotLiveToServe(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	offer, heir := b.committed()
	address, path := b.tcp.Addr().String(), b.sock.Addr().String()
	b.close()
	table := offer.Listeners()
	if err := offer.Close(); err != nil {
		t.Error(err)
	}
	table.Release()
	if err := heir.Wait(t.Context()); err == nil {
		t.Error("it is taken for ready")
	}
	for range 2 { // whoever takes them back may fail, too
		again, err := b.table.TakeBack()
		if err != nil {
			t.Fatal(err)
		}
		answer(t, again, address, path)
		again.Release()
	}
}

// A predecessor that is told to end does not wait for its successor.
func TestWaitingForTheSuccessorEndsWithTheContext(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	offer, err := handover.Ask(t.Context(), b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer offer.Close()
	if err := offer.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (<-b.yielded).Wait(ctx); err == nil {
		t.Error("the successor is taken for ready")
	}
}

// A listener that is closed while the process goes on is closed for those who connect, too, and is not handed over.
func TestAForgottenListenerRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	address := b.tcp.Addr().String()
	b.table.Forget(b.tcp)
	_ = b.tcp.Close()
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("somebody waits in the backlog of nobody")
	}
	offer, err := handover.Ask(t.Context(), b.path)
	if err != nil {
		t.Fatal(err)
	}
	table := offer.Listeners()
	if err := offer.Close(); err != nil {
		t.Error(err)
	}
	if left := table.Leftover(); len(left) != 1 || left[0] != "unix" {
		t.Errorf("offered: %q", left)
	}
}

func TestNobodyToAskIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := handover.Ask(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("somebody answers")
	}
}
