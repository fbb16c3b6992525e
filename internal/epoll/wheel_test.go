package epoll

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is what the wheel has to do, said in the simplest way: a table of due times.
type model struct {
	t      *testing.T
	rand   *rand.Rand
	loop   *Loop // does not run: the test moves its time
	timers []*Timer
	due    map[*Timer]time.Time
	fired  int
}

// Expired checks that this timer is due, then does something to others, as a real owner would.
func (m *model) Expired(t *Timer) {
	m.fired++
	due, ok := m.due[t]
	switch now := m.loop.now; {
	case !ok:
		m.t.Fatal("a timer fired that does not run")
	case due.After(now):
		m.t.Fatalf("a timer fired %v early", due.Sub(now))
	case t.Running():
		m.t.Fatal("a timer runs while it fires")
	}
	delete(m.due, t)
	for range m.rand.IntN(3) {
		m.step()
	}
}

// step resets or stops a random timer.
func (m *model) step() {
	t := m.timers[m.rand.IntN(len(m.timers))]
	_, runs := m.due[t]
	if m.rand.IntN(4) == 0 {
		if t.Stop() != runs {
			m.t.Fatal("Stop and model disagree")
		}
		delete(m.due, t)
		return
	}
	d := m.anyDuration()
	t.Reset(d)
	m.due[t] = m.loop.now.Add(max(d, 0))
}

// anyDuration returns a duration of any order of magnitude, up to weeks; and sometimes one at the edge of a level.
func (m *model) anyDuration() time.Duration {
	if m.rand.IntN(4) == 0 {
		return tick<<(ring*m.rand.IntN(levels+1)) + time.Duration(m.rand.IntN(3)-1)*tick
	}
	return time.Duration(m.rand.Int64N(int64(1)<<(10+m.rand.IntN(41)))) - 10
}

// check compares the wheel with the table.
func (m *model) check() {
	first, some := m.loop.timers.upcoming()
	for _, t := range m.timers {
		due, runs := m.due[t]
		if t.Running() != runs {
			m.t.Fatal("Running and model disagree")
		}
		if runs && m.loop.now.Sub(due) >= tick {
			m.t.Fatalf("a timer is %v late", m.loop.now.Sub(due))
		}
	}
	if some != (len(m.due) > 0) || some && first <= m.loop.timers.tick {
		m.t.Fatalf("the loop would wake up: %v, at tick %d; %d timers run", some, first, len(m.due))
	}
}

func TestTheWheelDoesWhatAPlainTableDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		l := &Loop{now: time.Now()}
		l.timers.init(l.now)
		m := &model{t: t, rand: rand.New(rand.NewPCG(seed, 1)), loop: l, due: map[*Timer]time.Time{}}
		for range 1 + m.rand.IntN(50) {
			timer := new(Timer)
			timer.Init(l, m)
			m.timers = append(m.timers, timer)
		}
		for range 500 {
			for range m.rand.IntN(5) {
				m.step()
			}
			pause := l.timers.pause(l.now)
			if pause == forever || m.rand.IntN(3) == 0 { // an event comes first, or the loop was away for a while
				pause = max(m.anyDuration(), 0)
			}
			l.now = l.now.Add(pause)
			l.timers.advance(l.now)
			m.check()
		}
		if m.fired == 0 {
			t.Fatal("no timer fired")
		}
	}
}

// A loop that sleeps exactly as long as the wheel says finds each timer due within a tick, and wakes up for each at
// most once per level.
func TestTheWheelSleepsAsLongAsItCan(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		l := &Loop{now: time.Now()}
		l.timers.init(l.now)
		m := &model{t: t, rand: random, loop: l, due: map[*Timer]time.Time{}}
		l.now = l.now.Add(time.Duration(random.Int64N(int64(100 * time.Hour))))
		l.timers.advance(l.now)
		d := time.Duration(random.Int64N(int64(40 * time.Hour)))
		due, wakeups := l.now.Add(d), 0
		timer := l.After(d, func() {})
		for timer.Running() {
			l.now = l.now.Add(l.timers.pause(l.now))
			l.timers.advance(l.now)
			wakeups++
		}
		if late := l.now.Sub(due); late < 0 || late > tick || wakeups > levels {
			t.Fatalf("a timer of %v fired %v late after %d wake-ups", d, late, wakeups)
		}
		m.check()
	}
}

func TestTimersOfOneTickFireInTheOrderInWhichTheyWereSet(t *testing.T) {
	t.Parallel()
	l := &Loop{now: time.Now()}
	l.timers.init(l.now)
	var order []int
	for i := range 10 {
		l.After(5*time.Millisecond, func() { order = append(order, i) })
	}
	l.now = l.now.Add(time.Second)
	l.timers.advance(l.now)
	if len(order) != 10 || !slices.IsSorted(order) {
		t.Errorf("fired in the order %v", order)
	}
}
