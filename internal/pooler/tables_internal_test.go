package pooler

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/console"
)

// Averages are those of the last minute that is over; in the first one, since the start.
func TestAveragesAreOfTheLastPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a averages
		var done atomic.Pointer[console.Counters]
		done.Store(&console.Counters{})
		read := func() map[string]console.Counters { return map[string]console.Counters{"app": *done.Load()} }
		average := func() console.Counters { return a.of(reading{time.Now(), read()})["app"] }
		go a.run(read)(t.Context())
		synctest.Wait()
		is := func(when string, queries int64, each time.Duration) {
			t.Helper()
			if got := average(); got.Queries != queries || got.QueryTime != each {
				t.Errorf("%s: %d queries a second, %v each; want %d and %v", when, got.Queries, got.QueryTime, queries, each)
			}
		}
		<-time.After(10 * time.Second)
		done.Store(&console.Counters{Queries: 100, QueryTime: 100 * time.Millisecond})
		is("after ten seconds", 10, time.Millisecond)
		<-time.After(51 * time.Second)
		is("after a minute", 1, time.Millisecond)
		done.Store(&console.Counters{Queries: 6100, QueryTime: 12100 * time.Millisecond})
		is("before the next minute is over", 1, time.Millisecond)
		<-time.After(time.Minute)
		is("after it", 100, 2*time.Millisecond)
		<-time.After(time.Minute)
		is("after one without queries", 0, 0)
	})
}

// However many users there are, the series have a bound: the first hundred pairs have their own, and keep them.
func TestMetricsHaveABound(t *testing.T) {
	t.Parallel()
	m := newGroupMeters()
	of := func(user int) pair {
		return m.pairOf(&group{front: &endpoint{name: "door"}, key: groupKey{database: "app", user: fmt.Sprint("user", user)}})
	}
	all := map[pair]bool{}
	for user := range 3 * maxSeries {
		all[of(user)] = true
	}
	if len(all) != maxSeries+1 || !all[pair{"door", "other", "other"}] || of(1) != (pair{"door", "app", "user1"}) {
		t.Errorf("%d series, the first user is %v", len(all), of(1))
	}
}
