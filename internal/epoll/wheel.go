package epoll

import (
	"math/bits"
	"time"
)

const (
	tick    = 10 * time.Millisecond
	ring    = 6         // bits of a level's slots
	slots   = 1 << ring // per level; each level's slot is as long as the whole level below
	levels  = 4         // reach 640 ms, 41 s, 44 min and 46 h; what is later comes round again
	forever = time.Duration(-1)
)

// wheel keeps timers by the tick in which they are due: a hierarchical timing wheel (Varghese and Lauck, 1987). A slot
// is a ring of timers with a head that is none. A timer stands in the lowest level that reaches it, never in the slot
// in which the wheel is, and comes down level by level as its time comes near: at most three moves in its life.
type wheel struct {
	origin time.Time
	tick   int64                // the latest that has been fired
	used   [levels]uint64       // bit n: there are timers in slot n
	slots  [levels][slots]Timer // the heads
	due    Timer                // the head of those that are being fired or moved
}

func (w *wheel) init(now time.Time) {
	w.origin = now
	w.due.empty()
	for i := range w.slots {
		for j := range w.slots[i] {
			w.slots[i][j].empty()
		}
	}
}

// empty makes a head of a ring the whole of it.
func (t *Timer) empty() { t.next, t.prev = t, t }

func (t *Timer) unlink() {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
}

// link puts t at the end of a ring.
func (t *Timer) link(head *Timer) {
	t.next, t.prev = head, head.prev
	head.prev.next, head.prev = t, t
}

// tickAt returns the first tick that begins d after now or later, and is not over.
func (w *wheel) tickAt(now time.Time, d time.Duration) int64 {
	at := now.Sub(w.origin) + d
	if at < 0 && d > 0 {
		at = 1<<63 - 1 // beyond the end of time
	}
	due := int64(at / tick)
	if at%tick > 0 {
		due++
	}
	return max(due, w.tick+1)
}

// insert puts a timer into the lowest level that reaches as far as it.
func (w *wheel) insert(t *Timer) {
	level, slot := 0, t.due
	for turn := w.tick; ; turn >>= ring {
		if slot-turn < slots {
			break
		}
		if level == levels-1 {
			slot = turn + slots - 1
			break
		}
		level, slot = level+1, slot>>ring
	}
	t.level, t.slot = uint8(level), uint8(slot&(slots-1))
	t.link(&w.slots[t.level][t.slot])
	w.used[t.level] |= 1 << t.slot
}

// remove takes a timer out. A slot that becomes empty is not to wake the loop.
func (w *wheel) remove(t *Timer) {
	t.unlink()
	if head := &w.slots[t.level][t.slot]; head.next == head {
		w.used[t.level] &^= 1 << t.slot
	}
}

// upcoming returns the next tick in which there is something to do, if there is one.
func (w *wheel) upcoming() (next int64, any bool) {
	for level, used := range w.used {
		if used == 0 {
			continue
		}
		turn := w.tick >> (ring * level)
		ahead := bits.RotateLeft64(used, -int((turn+1)&(slots-1)))
		at := (turn + 1 + int64(bits.TrailingZeros64(ahead))) << (ring * level)
		if !any || at < next {
			next, any = at, true
		}
	}
	return next, any
}

// pause returns how long nothing is due, or forever.
func (w *wheel) pause(now time.Time) time.Duration {
	next, any := w.upcoming()
	if !any {
		return forever
	}
	return max(0, time.Duration(next)*tick-now.Sub(w.origin))
}

// advance fires what is due.
func (w *wheel) advance(now time.Time) {
	target := int64(now.Sub(w.origin) / tick)
	for {
		next, any := w.upcoming()
		if !any || next > target {
			w.tick = max(w.tick, target)
			return
		}
		w.tick = next
		w.cascade()
		w.fire()
	}
}

// cascade hands the timers of the slots that begin now down to lower levels.
func (w *wheel) cascade() {
	for level := levels - 1; level > 0; level-- {
		if w.tick&(1<<(ring*level)-1) != 0 {
			continue
		}
		slot := w.tick >> (ring * level) & (slots - 1)
		w.take(level, slot)
		for t := w.due.next; t != &w.due; t = w.due.next {
			t.unlink()
			w.insert(t)
		}
	}
}

// fire calls the alarms of this tick. They may stop and reset any timer, those of the same tick included.
func (w *wheel) fire() {
	w.take(0, w.tick&(slots-1))
	for t := w.due.next; t != &w.due; t = w.due.next {
		t.unlink()
		t.alarm.Expired(t)
	}
}

// take moves the timers of a slot to due, which is empty.
func (w *wheel) take(level int, slot int64) {
	head := &w.slots[level][slot]
	w.used[level] &^= 1 << slot
	if head.next != head {
		w.due.next, w.due.prev = head.next, head.prev
		w.due.next.prev, w.due.prev.next = &w.due, &w.due
		head.empty()
	}
}
