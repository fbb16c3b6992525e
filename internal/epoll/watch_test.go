package epoll_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
)

func TestThousandsOfSocketsAreServed(t *testing.T) {
	t.Parallel()
	const n = 2000
	l := start(t)
	got := make([]string, n)
	near, far := make([]*epoll.Conn, n), make([]*epoll.Conn, n)
	done := make(chan struct{})
	left := n
	for i := range n {
		near[i], far[i] = pair(t)
	}
	on(t, l, func() {
		for i := range n {
			var w *epoll.Watch
			w = watch(t, l, near[i].FD(), epoll.In, func(epoll.Events) {
				text, err := drain(near[i])
				if got[i] += text; err == nil {
					return
				}
				if !errors.Is(err, io.EOF) {
					t.Errorf("socket %d: %v", i, err)
				}
				must(t, w.Remove())
				must(t, near[i].Close())
				if left--; left == 0 {
					close(done)
				}
			})
		}
	})
	for _, text := range []string{"one ", "two ", "three"} {
		for i := range n {
			write(t, far[(i*7919)%n], text)
		}
	}
	for i := range n {
		must(t, far[i].Close())
	}
	await(t, done, "thousands of sockets")
	for i, text := range got {
		if text != "one two three" {
			t.Errorf("socket %d got %q", i, text)
		}
	}
}

func TestARemovedWatchIsNotCalledForEventsOfTheSameRound(t *testing.T) {
	t.Parallel()
	const n = 100 // all of them are fetched in one round
	l := start(t)
	near, far := make([]*epoll.Conn, n), make([]*epoll.Conn, n)
	watches := make([]*epoll.Watch, n)
	for i := range n {
		near[i], far[i] = pair(t)
	}
	calls, stale := 0, 0
	on(t, l, func() {
		for i := range n {
			watches[i] = watch(t, l, near[i].FD(), epoll.In, func(epoll.Events) {
				calls++
				for j := range n {
					must(t, watches[j].Remove())
					must(t, watches[j].Remove()) // a second time
				}
				// The same number for another socket, which nobody wrote to, while the old one's event waits.
				other := near[(i+1)%n].FD()
				must(t, unix.Dup3(far[i].FD(), other, unix.O_CLOEXEC))
				w := watch(t, l, other, epoll.In, func(epoll.Events) { stale++ })
				l.Post(func() { must(t, w.Remove()) })
			})
		}
		for i := range n {
			write(t, far[i], "x")
		}
	})
	on(t, l, func() {}) // the round of the events
	on(t, l, func() {
		if calls != 1 || stale != 0 {
			t.Errorf("%d calls after the first one removed all, %d for another socket's events", calls-1, stale)
		}
	})
}

func TestSetChangesWhatIsReportedAndSavesTheSystemCallWhenItDoesNot(t *testing.T) {
	t.Parallel()
	l := start(t)
	a, b := pair(t)
	seen := make(chan epoll.Events, 100)
	var w *epoll.Watch
	on(t, l, func() {
		w = watch(t, l, a.FD(), 0, func(e epoll.Events) { seen <- e; must(t, w.Set(0)) })
		write(t, b, "x")
	})
	on(t, l, func() {
		if len(seen) != 0 {
			t.Error("told of bytes that it did not ask for")
		}
		must(t, w.Set(epoll.In))
	})
	if e := <-seen; e != epoll.In {
		t.Errorf("events %x; want In", e)
	}
	on(t, l, func() { must(t, w.Set(epoll.In|epoll.Out)) })
	if e := <-seen; e != epoll.In|epoll.Out {
		t.Errorf("events %x; want In and Out", e)
	}
	on(t, l, func() {
		must(t, a.Close()) // takes it out of epoll, which every system call notices
		if err := w.Set(0); err != nil {
			t.Errorf("nothing new: %v", err)
		}
		if err := w.Set(epoll.In); !isGone(err) {
			t.Errorf("something new: %v", err)
		}
		if err := w.Remove(); !isGone(err) {
			t.Errorf("remove: %v", err)
		}
	})
}

// isGone reports what epoll says of a closed descriptor: nothing has its number any more, or something else has.
func isGone(err error) bool { return errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOENT) }

func TestADescriptorThatCannotBeWatchedIsAnError(t *testing.T) {
	t.Parallel()
	l := start(t)
	a, _ := pair(t)
	on(t, l, func() {
		w := watch(t, l, a.FD(), epoll.In, nil)
		if _, err := l.Watch(a.FD(), epoll.In, nil); !errors.Is(err, unix.EEXIST) {
			t.Errorf("watched twice: %v", err)
		}
		if _, err := l.Watch(-1, epoll.In, nil); !errors.Is(err, unix.EBADF) {
			t.Errorf("no descriptor: %v", err)
		}
		must(t, w.Remove())
	})
}

func TestAHalfClosedPeerIsAHangupAndStillTakesAnswers(t *testing.T) {
	t.Parallel()
	l := start(t)
	a, b := pair(t)
	type report struct {
		e    epoll.Events
		text string
		err  error
	}
	seen := make(chan report, 1)
	var w *epoll.Watch
	on(t, l, func() {
		w = watch(t, l, a.FD(), epoll.Hangup, func(e epoll.Events) { // without In: bytes alone do not wake us
			text, err := drain(a)
			write(t, a, "answer")
			must(t, w.Remove())
			seen <- report{e, text, err}
		})
	})
	write(t, b, "question")
	on(t, l, func() {})
	must(t, b.CloseWrite())
	if r := <-seen; r.e != epoll.Hangup || r.text != "question" || !errors.Is(r.err, io.EOF) {
		t.Errorf("got %+v; want Hangup, the question and EOF", r)
	}
	if text, err := drain(b); text != "answer" || err != nil {
		t.Errorf("peer got %q, %v", text, err)
	}
}

func TestAResetIsReportedEvenToWhoAsksForNothing(t *testing.T) {
	t.Parallel()
	l := start(t)
	near, far := tcpPair(t)
	a, err := epoll.Take(near)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, a.Close()) }()
	seen := make(chan epoll.Events, 1)
	on(t, l, func() {
		var w *epoll.Watch
		w = watch(t, l, a.FD(), 0, func(e epoll.Events) { must(t, w.Remove()); seen <- e })
	})
	must(t, far.(*net.TCPConn).SetLinger(0))
	must(t, far.Close())
	if e := <-seen; e&epoll.Failed == 0 {
		t.Errorf("events %x; want Failed", e)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("read: %v; want ECONNRESET", err)
	}
}
