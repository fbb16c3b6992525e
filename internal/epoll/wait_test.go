package epoll

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A nap ends with an event, whether or not a timer is due at some time; without one it ends.
func TestANapEndsWithAnEvent(t *testing.T) {
	t.Parallel()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if n := l.nap(time.Millisecond); n != 0 || l.brisk {
		t.Errorf("nothing happened: %d events", n)
	}
	if _, err := unix.Write(l.bell, []byte{1, 0, 0, 0, 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	for _, pause := range []time.Duration{forever, time.Millisecond, time.Hour} {
		l.brisk = false
		if n := l.nap(pause); n != 1 || !l.brisk {
			t.Errorf("a nap of at most %v ended with %d events", pause, n)
		}
	}
}
