package epoll

import "time"

// Alarm is told, on the loop, that its timer's time has come. An owner of several timers compares the pointer.
type Alarm interface{ Expired(t *Timer) }

// Timer calls its Alarm once after a time. It is made to be a field of its owner: Init, then Reset as often as wanted;
// nothing of it allocates. It must not be copied or given to Init while it runs. On the loop only, or before Start.
type Timer struct {
	next, prev *Timer // its neighbours in a ring of the wheel; nil while it does not run
	due        int64  // the tick in which it fires
	loop       *Loop
	alarm      Alarm
	level      uint8 // its place in the wheel
	slot       uint8
}

type alarmFunc func()

func (f alarmFunc) Expired(*Timer) { f() }

// After calls f after d, counted from Now.
func (l *Loop) After(d time.Duration, f func()) *Timer {
	t := new(Timer)
	t.Init(l, alarmFunc(f))
	t.Reset(d)
	return t
}

// Init makes a timer ready for use; it does not run yet.
func (t *Timer) Init(l *Loop, a Alarm) { *t = Timer{loop: l, alarm: a} }

// Reset lets the timer run for d, counted from the loop's Now, whether it runs already or not. It fires at the first
// tick of 10 ms after that.
func (t *Timer) Reset(d time.Duration) {
	w := &t.loop.timers
	if t.Running() {
		w.remove(t)
	}
	t.due = w.tickAt(t.loop.now, d)
	w.insert(t)
}

// Stop keeps the alarm from being called, and reports whether it would have been. Stopping a timer that does not run,
// or was never made ready, does nothing.
func (t *Timer) Stop() bool {
	if !t.Running() {
		return false
	}
	t.loop.timers.remove(t)
	return true
}

// Running reports whether the alarm is still to be called.
func (t *Timer) Running() bool { return t.next != nil }
