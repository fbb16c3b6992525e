package pool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/pool"
)

// asked is a ticket and the words that came for it.
type asked struct {
	*rig
	ticket *pool.Ticket[*conn]
	words  chan struct{}
}

// askFor makes a request that must wait.
func (r *rig) askFor(owner string) *asked {
	r.Helper()
	a := &asked{rig: r, words: make(chan struct{}, 100)}
	lease, ticket, err := r.pool.Ask(pool.Request{Owner: owner}, func() { a.words <- struct{}{} })
	if ticket == nil || lease != nil || err != nil {
		r.Fatalf("Ask: %v, %v, %v; want a ticket", lease, ticket, err)
	}
	a.ticket = ticket
	return a
}

// takes checks what Take says, after how many words.
func (a *asked) takes(words int) (*pool.Lease[*conn], error) {
	a.Helper()
	synctest.Wait()
	if len(a.words) != words {
		a.Fatalf("%d words; want %d", len(a.words), words)
	}
	for range words {
		<-a.words
	}
	return a.ticket.Take()
}

func TestWhoCannotWaitIsToldWhenTheConnectionIsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MinSize, c.MaxSize = 1, 1 })
		held, ticket, err := r.pool.Ask(pool.Request{Owner: "a"}, nil)
		if held == nil || ticket != nil || err != nil {
			t.Fatalf("Ask: %v, %v, %v; want the idle connection", held, ticket, err)
		}
		first, second := r.askFor("a"), r.askFor("b")
		if l, err := second.takes(0); l != nil || err != nil {
			t.Errorf("Take too early: %v, %v", l, err)
		}
		held.Release()
		l, err := first.takes(1)
		if l == nil || err != nil || l.Conn != held.Conn {
			t.Fatalf("Take: %v, %v", l, err)
		}
		if again, err := first.takes(0); again != nil || err != nil {
			t.Errorf("a second Take: %v, %v", again, err)
		}
		first.ticket.Cancel()
		l.Release()
		if l, err := second.takes(1); l == nil || err != nil {
			t.Errorf("Take: %v, %v", l, err)
		}
		if s := r.pool.Stats(); s.Waited != 2 || s.Cancelled != 0 || s.Active != 1 {
			t.Errorf("%d waited, %d cancelled, %d lent; want 2, 0, 1", s.Waited, s.Cancelled, s.Active)
		}
		r.verify()
	})
}

func TestWhoCannotWaitIsToldOfTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize, c.MaxWaiting = 1, 1 })
		r.get("a")
		for range 3 { // the same waiter is used again
			began := time.Now()
			a := r.askFor("a")
			if _, ticket, err := r.pool.Ask(pool.Request{}, nil); ticket != nil {
				t.Error("one too many may wait")
			} else {
				r.refused(result{err: err}, pool.CodeQueueFull, 0)
			}
			time.Sleep(4999 * time.Millisecond)
			if l, err := a.takes(0); l != nil || err != nil {
				t.Errorf("Take too early: %v, %v", l, err)
			}
			time.Sleep(time.Millisecond)
			_, err := a.takes(1)
			r.refused(result{err: err, after: time.Since(began)}, pool.CodeTimeout, 5*time.Second)
		}
	})
}

func TestATicketThatGetsADeadConnectionWaitsOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		a := r.askFor("a")
		held.Conn.dead.Store(true)
		held.Release()
		if l, err := a.takes(1); l != nil || err != nil {
			t.Fatalf("Take: %v, %v; want neither", l, err)
		}
		if l, err := a.takes(1); err != nil || l.Conn == held.Conn {
			t.Errorf("Take: %v, %v; want another connection", l, err)
		}
		r.sizes(1)
	})
}

func TestACancelledTicketLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		waits, got, refused := r.askFor("a"), r.askFor("b"), r.askFor("c")
		waits.ticket.Cancel()
		held.Release()
		synctest.Wait()
		got.ticket.Cancel()
		l, err := refused.takes(1)
		if err != nil {
			t.Fatal(err)
		}
		late := r.askFor("d")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		late.ticket.Cancel()
		l.Release()
		r.get("e").Release()
		if s := r.pool.Stats(); s.Cancelled != 2 || s.TimedOut != 1 || s.Waiting != 0 {
			t.Errorf("%d cancelled, %d timed out, %d wait; want 2, 1, 0", s.Cancelled, s.TimedOut, s.Waiting)
		}
		r.sizes(1)
	})
}

// A wake may do what it likes with the pool.
func TestAWakeHoldsNoLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *pool.Config) { c.MaxSize = 1 })
		held := r.get("a")
		got := make(chan *pool.Lease[*conn], 1)
		var ticket *pool.Ticket[*conn]
		_, ticket, _ = r.pool.Ask(pool.Request{}, func() {
			l, _ := ticket.Take()
			got <- l
		})
		others := []*asked{r.askFor("b"), r.askFor("c")}
		held.Release()
		if l := <-got; l == nil || r.pool.Stats().Active != 1 {
			t.Fatal("nothing came")
		}
		if err := r.pool.Configure(pool.Defaults("journal")); err != nil { // room for all: two wakes at once
			t.Fatal(err)
		}
		for _, a := range others {
			if l, err := a.takes(1); l == nil || err != nil {
				t.Errorf("Take: %v, %v", l, err)
			}
		}
	})
}
