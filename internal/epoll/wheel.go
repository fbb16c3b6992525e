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

// wheel keeps timers in rings by the tick in which they are due: a hashed hierarchical timing wheel (Varghese and
// Lauck, 1987).
type wheel struct {
	origin time.Time
	tick   int64 // the last one that is over
	used   [levels]uint64
	slots  [levels][slots]Timer // heads of rings
}

func (w *wheel) init(now time.Time) {
	w.origin = now
	for i := range w.slots {
		for j := range w.slots[i] {
			w.slots[i][j].empty()
		}
	}
}

// empty makes a head of a ring the whole of it.
func (t *Timer) empty() { t.next, t.prev = t, t }

func (t *Timer) unlink() {
	if t.next == nil {
		return
	}
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
	slot &= slots - 1
	t.link(&w.slots[level][slot])
	w.used[level] |= 1 << slot
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
		var list Timer
		w.take(level, slot, &list)
		for t := list.next; t != &list; t = list.next {
			t.unlink()
			w.insert(t)
		}
	}
}

// fire calls the alarms of this tick. They may stop and reset any timer, those of the same tick included.
func (w *wheel) fire() {
	var list Timer
	w.take(0, w.tick&(slots-1), &list)
	for t := list.next; t != &list; t = list.next {
		t.unlink()
		t.alarm.Expired(t)
	}
}

// take moves the timers of a slot to another ring.
func (w *wheel) take(level int, slot int64, list *Timer) {
	head := &w.slots[level][slot]
	list.empty()
	w.used[level] &^= 1 << slot
	if head.next != head {
		list.next, list.prev = head.next, head.prev
		list.next.prev, list.prev.next = list, list
		head.empty()
	}
}
