package content

import (
	"net"
	"testing"
	"time"
)

// held counts how often it was released.
type held struct{ released chan struct{} }

func newHeld() *held         { return &held{make(chan struct{}, 8)} }
func (h *held) Release()     { h.released <- struct{}{} }
func (h *held) isOver() bool { return len(h.released) == 1 }

func grant(t *testing.T, l *leases, conn *connection, ttl time.Duration) (*lease, *held) {
	t.Helper()
	h := newHeld()
	x, err := l.grant(&lease{source: "s", hold: h}, conn, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return x, h
}

func TestALeaseEndsOnceWhateverEndsIt(t *testing.T) {
	t.Parallel()
	l := newLeases()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	conn := &connection{leases: l}
	l.enter(a, conn)

	x, dropped := grant(t, l, conn, 0)
	_, closed := grant(t, l, conn, 0)
	_, timed := grant(t, l, nil, 20*time.Millisecond)
	y, atEnd := grant(t, l, nil, time.Hour)
	if l.count() != 4 || len(l.list("s")) != 4 || len(l.list("other")) != 0 {
		t.Errorf("%d leases, %d listed", l.count(), len(l.list("s")))
	}
	if !l.drop(x.id) || l.drop(x.id) || !dropped.isOver() {
		t.Error("a lease is dropped once")
	}
	if l.leave(a); !closed.isOver() || !dropped.isOver() {
		t.Error("a lease ends with its connection, and one that was dropped does not end again")
	}
	<-timed.released
	if !l.renew(y.id, time.Hour) || l.renew("unknown", time.Hour) {
		t.Error("renew says whether the lease is there")
	}
	if l.close(); !atEnd.isOver() || l.count() != 0 {
		t.Error("leases end with the service")
	}
}

func TestNoLeaseIsGrantedToAConnectionThatIsOverOrAfterTheEnd(t *testing.T) {
	t.Parallel()
	l := newLeases()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	conn := &connection{leases: l}
	l.enter(a, conn)
	l.leave(a)
	h := newHeld()
	if _, err := l.grant(&lease{hold: h}, conn, 0); err == nil || !h.isOver() {
		t.Errorf("a lease on a closed connection: %v", err)
	}
	l.close()
	h = newHeld()
	if _, err := l.grant(&lease{hold: h}, nil, time.Hour); err == nil || !h.isOver() {
		t.Errorf("a lease after the end: %v", err)
	}
	l.open()
	if _, h := grant(t, l, nil, time.Hour); h.isOver() {
		t.Error("after a new start there are leases again")
	}
	l.close()
}

func TestARenewedLeaseLivesOn(t *testing.T) {
	t.Parallel()
	l := newLeases()
	x, h := grant(t, l, nil, 50*time.Millisecond)
	if !l.renew(x.id, time.Hour) {
		t.Fatal("not renewed")
	}
	_, short := grant(t, l, nil, 150*time.Millisecond)
	<-short.released
	if h.isOver() {
		t.Error("the renewed lease ended at its first time")
	}
	l.close()
}
