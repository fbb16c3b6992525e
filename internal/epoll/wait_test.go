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
	l.MayNap(NewNaps(1), 5*time.Millisecond)
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

// As many loops nap as may; the others are told to sleep.
func TestOnlySoManyLoopsNapAtOnce(t *testing.T) {
	t.Parallel()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(l.bell, []byte{1, 0, 0, 0, 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	naps := NewNaps(2)
	for _, step := range []struct {
		others int32
		naps   *Naps
		want   int
	}{{0, nil, 0}, {0, naps, 1}, {1, naps, 1}, {2, naps, 0}, {0, naps, 1}} {
		l.MayNap(step.naps, 5*time.Millisecond)
		naps.now.Store(step.others)
		if n := l.nap(forever); n != step.want || naps.now.Load() != step.others {
			t.Errorf("with %d others: %d events, then %d nap", step.others, n, naps.now.Load())
		}
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
