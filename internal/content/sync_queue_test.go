package content

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func entries(n int, poll time.Duration) []*entry {
	var all []*entry
	for i := range n {
		all = append(all, &entry{name: fmt.Sprintf("s%02d", i), poll: poll, due: time.Now()})
	}
	return all
}

func asked(source string, id int64) request {
	return request{id: id, source: source, kind: kindSync, arrived: time.Now()}
}

// S4-44: fair order.
func TestWhatIsAskedForGoesFirstButDoesNotStarveTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(entries(20, time.Hour))
		for i := range 8 {
			q.add(asked(fmt.Sprintf("s%02d", 19-i), int64(i)))
			time.Sleep(time.Millisecond)
		}
		var order []string
		for range 11 {
			e, _ := q.next(t.Context())
			order = append(order, e.name)
			q.done(e, false)
		}
		want := "[s19 s18 s17 s00 s16 s15 s14 s01 s13 s12 s02]"
		if fmt.Sprint(order) != want {
			t.Errorf("order %v; want %s: three that were asked for, one whose time has come", order, want)
		}
	})
}

func TestASourceIsSyncedByOneWorkerAndAnswersAllWhoAskedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(entries(1, 0))
		e, none := q.next(t.Context())
		if len(none) != 0 {
			t.Errorf("requests %v", none)
		}
		q.add(asked("s00", 1))
		q.add(asked("s00", 2))
		if again, _, _ := q.pick(); again != nil {
			t.Fatal("a source that is being synced was given out again")
		}
		q.done(e, false)
		if _, requests := q.next(t.Context()); len(requests) != 2 {
			t.Errorf("the next sync answers %v; want both requests", requests)
		}
		if q.add(asked("unknown", 3)) {
			t.Error("a request for an unknown source was taken")
		}
	})
}

func TestASourceThatFailsIsLookedAtLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(entries(1, time.Minute))
		var pauses []time.Duration
		for i := range 7 {
			began := time.Now()
			e, _ := q.next(t.Context())
			pauses = append(pauses, time.Since(began))
			q.done(e, i < 5)
		}
		want := "[0s 2m0s 4m0s 8m0s 8m0s 8m0s 1m0s]"
		if fmt.Sprint(pauses) != want {
			t.Errorf("pauses %v; want %s", pauses, want)
		}
	})
}

func TestASourceWithoutPollIsLookedAtOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(entries(1, 0))
		e, _ := q.next(t.Context())
		q.done(e, false)
		began := time.Now()
		time.AfterFunc(30*time.Hour, func() { q.add(asked("s00", 1)) })
		if _, requests := q.next(t.Context()); len(requests) != 1 || time.Since(began) != 30*time.Hour {
			t.Errorf("looked at after %v with %v", time.Since(began), requests)
		}
	})
}
