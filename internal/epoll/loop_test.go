package epoll_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/epoll"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
)

func TestALoopKeepsTheContractOfServices(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		l, err := epoll.New()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}, epoll.ErrStopped)
}

func TestStopTellsHowManyDescriptorsWereStillWatched(t *testing.T) {
	t.Parallel()
	l, err := epoll.New()
	if err != nil {
		t.Fatal(err)
	}
	must(t, l.Start(t.Context()))
	a, b := pair(t)
	on(t, l, func() {
		watch(t, l, a.FD(), epoll.In, nil)
		must(t, watch(t, l, b.FD(), epoll.In, nil).Remove())
	})
	for range 2 {
		var left *epoll.WatchedError
		if err := l.Stop(t.Context()); !errors.As(err, &left) || left.Count != 1 {
			t.Errorf("Stop: %v; want one descriptor left", err)
		}
	}
	write(t, a, "still open")
}

func TestPostedFunctionsRunInOrderAndNoneBeforeStartOrAfterStop(t *testing.T) {
	t.Parallel()
	l := create(t)
	var ran []int
	post := func(n int) bool { return l.Post(func() { ran = append(ran, n) }) }
	if post(-1) {
		t.Error("a loop that has not started took a function")
	}
	must(t, l.Start(t.Context()))
	for n := range 1000 {
		if !post(n) {
			t.Fatal("a running loop took no function")
		}
	}
	must(t, l.Stop(t.Context()))
	if post(1001) {
		t.Error("a stopped loop took a function")
	}
	if len(ran) != 1000 || !slices.IsSorted(ran) || ran[0] != 0 {
		t.Errorf("ran %d functions: %v", len(ran), ran)
	}
}

func TestAStormOfPostsFromManyGoroutinesLosesNothing(t *testing.T) {
	t.Parallel()
	const posters, each = 16, 2000
	l := create(t)
	must(t, l.Start(t.Context()))
	var last [posters]int
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for n := 1; n <= each; n++ {
				l.Post(func() {
					if last[p] != n-1 {
						t.Errorf("poster %d: function %d ran after %d", p, n, last[p])
					}
					last[p] = n
				})
			}
		})
	}
	all.Wait()
	on(t, l, func() {
		for p, n := range last {
			if n != each {
				t.Errorf("poster %d: %d functions ran; want %d", p, n, each)
			}
		}
	})
}

func TestWhatPostTookRunsBeforeStopReturns(t *testing.T) {
	t.Parallel()
	for range 50 {
		l, err := epoll.New()
		if err != nil {
			t.Fatal(err)
		}
		must(t, l.Start(t.Context()))
		var taken, ran atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for l.Post(func() { ran.Add(1) }) {
					taken.Add(1)
				}
			})
		}
		must(t, l.Stop(context.Background()))
		atStop := ran.Load()
		all.Wait()
		if ran.Load() != atStop || taken.Load() != atStop {
			t.Fatalf("took %d, ran %d until Stop and %d in all", taken.Load(), atStop, ran.Load())
		}
	}
}

func TestTheBellRingsOnceForASleepingLoopAndNeverForOneThatIsAwake(t *testing.T) {
	t.Parallel()
	l := create(t)
	rings := 0
	l.CountRings(func(n int) {
		if rings += n; n > 1 {
			t.Errorf("the bell rang %d times for one sleep", n)
		}
	})
	must(t, l.Start(t.Context()))
	count := func() (n int) { on(t, l, func() { n = rings }); return n }

	busy, free := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(busy); <-free })
	await(t, busy, "the loop's sleep")
	before := rings // the loop waits for us: no race
	for range 1000 {
		l.Post(func() {})
	}
	settled := make(chan int)
	l.Post(func() { // on the loop
		for range 1000 {
			l.Post(func() {})
		}
		l.Post(func() { settled <- rings })
	})
	close(free)
	if after := <-settled; after-before > 1 { // one ring may be that for the function that kept it busy
		t.Errorf("the bell rang %d times for a loop that was awake", after-before)
	}

	for range 300 { // a sleeping loop, and several posts at once
		for range 10 {
			l.Post(func() {})
		}
		count()
	}
}

func TestDeferredFunctionsRunAfterEverythingElseOfTheirRound(t *testing.T) {
	t.Parallel()
	l := start(t)
	a, b := pair(t)
	var order []string
	note := func(what string) func() { return func() { order = append(order, what) } }
	done := make(chan struct{})
	on(t, l, func() {
		var w *epoll.Watch
		w = watch(t, l, a.FD(), epoll.In, func(epoll.Events) {
			note("event")()
			must(t, w.Remove())
			l.Post(func() { note("posted")(); l.Defer(note("deferred by posted")) })
			l.Defer(func() {
				note("deferred")()
				l.Defer(func() { note("deferred by deferred")(); l.Defer(func() { close(done) }) })
			})
		})
		write(t, b, "x")
	})
	await(t, done, "deferred functions")
	on(t, l, func() {
		want := []string{"event", "posted", "deferred", "deferred by posted", "deferred by deferred"}
		if !slices.Equal(order, want) {
			t.Errorf("order %q; want %q", order, want)
		}
	})
}

func TestNowMovesOnBetweenRounds(t *testing.T) {
	t.Parallel()
	l := start(t)
	var first, second, third time.Time
	on(t, l, func() { first, second = l.Now(), l.Now() })
	on(t, l, func() { third = l.Now() })
	if !first.Equal(second) || !third.After(first) {
		t.Errorf("%v, %v in one round, %v in the next", first, second, third)
	}
}

func TestStoppingABusyLoopEndsItsRoundFirst(t *testing.T) {
	t.Parallel()
	l, err := epoll.New()
	if err != nil {
		t.Fatal(err)
	}
	must(t, l.Start(t.Context()))
	a, b := pair(t)
	rounds := 0
	started := make(chan struct{})
	on(t, l, func() {
		watch(t, l, a.FD(), epoll.In, func(epoll.Events) { // never reads: ready for ever
			if rounds++; rounds == 100 {
				close(started)
			}
		})
		write(t, b, "x")
	})
	await(t, started, "a busy loop's hundredth round")
	var left *epoll.WatchedError
	if err := l.Stop(t.Context()); !errors.As(err, &left) {
		t.Error(err)
	}
	after := rounds
	if l.Post(func() {}) || rounds != after {
		t.Error("the loop went on after Stop")
	}
}
