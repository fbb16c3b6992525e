package epoll_test

import (
	"slices"
	"testing"
	"time"

	"holdfast/internal/epoll"
)

func TestTimersFireInOrderAndNeverEarly(t *testing.T) {
	t.Parallel()
	l := start(t)
	var fired []time.Duration
	done := make(chan struct{})
	waits := []time.Duration{120 * time.Millisecond, 0, 31 * time.Millisecond, 10 * time.Millisecond, 75 * time.Millisecond, -time.Hour}
	on(t, l, func() {
		begin := l.Now()
		for _, d := range waits {
			l.After(d, func() {
				if waited := l.Now().Sub(begin); waited < d {
					t.Errorf("a timer of %v fired after %v", d, waited)
				}
				if fired = append(fired, d); len(fired) == len(waits) {
					close(done)
				}
			})
		}
	})
	await(t, done, "timers")
	on(t, l, func() {
		if !slices.IsSorted(fired[2:]) || fired[0] > 0 || fired[1] > 0 {
			t.Errorf("fired in the order %v", fired)
		}
	})
}

// On a machine with nothing else to do a timer is at most 20 ms late; here the best of ten has to be.
func TestTimersOfAnIdleLoopFireInTime(t *testing.T) {
	t.Parallel()
	l := start(t)
	best := time.Hour
	for i := range 10 {
		d := time.Duration(i) * 7 * time.Millisecond
		late := make(chan time.Duration)
		l.Post(func() {
			begin := l.Now()
			l.After(d, func() { late <- l.Now().Sub(begin) - d })
		})
		best = min(best, <-late)
	}
	if best < 0 || best > 20*time.Millisecond {
		t.Errorf("the best of ten timers was %v late", best)
	}
}

// owner has two timers inside, as a session would.
type owner struct {
	query, idle epoll.Timer
	expired     []*epoll.Timer
	done        chan struct{}
}

func (o *owner) Expired(t *epoll.Timer) {
	o.expired = append(o.expired, t)
	if t == &o.idle {
		close(o.done)
	}
}

func TestTimersInsideTheirOwner(t *testing.T) {
	t.Parallel()
	l := start(t)
	o := &owner{done: make(chan struct{})}
	on(t, l, func() {
		if o.query.Stop() || o.query.Running() {
			t.Error("a timer that was never made ready runs")
		}
		o.query.Init(l, o)
		o.idle.Init(l, o)
		o.query.Reset(time.Hour)
		if !o.query.Running() || !o.query.Stop() || o.query.Stop() || o.query.Running() {
			t.Error("a timer has to be running until it is stopped, once")
		}
		o.query.Reset(time.Hour)
		o.query.Reset(0)
		o.idle.Reset(20 * time.Millisecond)
	})
	await(t, o.done, "the idle timer")
	on(t, l, func() {
		if !slices.Equal(o.expired, []*epoll.Timer{&o.query, &o.idle}) || o.idle.Running() {
			t.Errorf("expired: %v", o.expired)
		}
	})
}

func TestTimersDoNotAllocate(t *testing.T) {
	l := create(t)
	o := &owner{}
	o.query.Init(l, o)
	if n := testing.AllocsPerRun(1000, func() {
		o.query.Reset(30 * time.Second)
		o.query.Reset(time.Second)
		o.query.Stop()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
