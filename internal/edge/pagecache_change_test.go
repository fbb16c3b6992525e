package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/httpcache"
	"holdfast/internal/upstream"
)

// teller is the other nodes.
type teller struct {
	*changes
	registry *prometheus.Registry
	orders   [][]string
	told     map[string]bool
	err      error
}

func newTeller() *teller {
	t := &teller{registry: prometheus.NewRegistry(), told: map[string]bool{}}
	t.changes = newChanges(&purgeJournal{log: slog.New(slog.DiscardHandler), report: func(error) {}}, t.registry)
	t.tell = func(_ context.Context, p httpcache.Purge) error {
		if t.err != nil {
			return t.err
		}
		t.orders = append(t.orders, p.URLs)
		for _, u := range p.URLs {
			t.told[u] = true
		}
		return p.Check()
	}
	return t
}

// refused is what the metric counts.
func (c *teller) refused(t *testing.T) float64 {
	t.Helper()
	all, err := c.registry.Gather()
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	return all[0].GetMetric()[0].GetCounter().GetValue()
}

// by is a request of a visitor.
func by(t *testing.T, address string) context.Context {
	return withVisit(t.Context(), &visit{Visitor: upstream.Visitor{Addr: netip.MustParseAddr(address)}})
}

func TestChangesOfOneMomentAreOneOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTeller()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.run(ctx) }()
		c.note(by(t, "192.0.2.1"), []string{"https://h/1"})
		synctest.Wait()
		if len(c.orders) != 1 {
			t.Errorf("the first change waits: %v", c.orders)
		}
		for i := range 10 {
			c.note(by(t, "192.0.2.2"), []string{fmt.Sprintf("https://h/%d", i), "https://h/list"})
		}
		time.Sleep(changePause)
		synctest.Wait()
		if len(c.orders) != 2 || len(c.orders[1]) != 11 {
			t.Errorf("the orders are %v", c.orders)
		}
		c.note(by(t, "192.0.2.2"), []string{"https://h/last"})
		cancel()
		<-done
		if !c.told["https://h/last"] {
			t.Error("the last change was not told")
		}
	})
}

// A visitor who changes thousands of addresses neither fills the database nor keeps what others change from being told.
func TestWhatVisitorsHaveOthersToldIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTeller()
		for i := range 1000 {
			c.note(by(t, fmt.Sprintf("2001:db8::%x", i+1)), []string{fmt.Sprintf("https://h/flood/%d", i)}) // one line has all of these
		}
		c.note(by(t, "192.0.2.7"), []string{"https://h/news"})
		c.flush(t.Context())
		if len(c.told) != changeEach+1 || !c.told["https://h/news"] || c.refused(t) != 1000-changeEach {
			t.Errorf("%d addresses told, %v not", len(c.told), c.refused(t))
		}
		bytes := 0
		for second := range 3600 { // many visitors, for an hour
			for i := range 100 {
				c.note(by(t, fmt.Sprintf("198.51.%d.%d", i, second%250)), []string{fmt.Sprintf("https://h/%0100d", second*100+i)})
			}
			time.Sleep(time.Second)
			c.flush(t.Context())
		}
		for u := range c.told {
			bytes += len(u)
		}
		if limit := changeBurst + changeRate*3700; bytes > limit || bytes < changeRate*3000 {
			t.Errorf("%d bytes told in an hour, at most %d", bytes, limit)
		}
		c.note(by(t, "192.0.2.8"), []string{"https://h/" + string(make([]byte, changeLongest))})
		if len(c.waiting) != 0 {
			t.Error("an address of any length is told")
		}
	})
}

func TestChangesWaitWhileTheDatabaseDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTeller()
		c.err = errors.New("no connection")
		for i := range 2 * changeWaiting {
			c.note(by(t, fmt.Sprintf("10.0.%d.%d", i/250%250, i%250)), []string{fmt.Sprintf("https://h/%d", i)})
		}
		c.flush(t.Context())
		if n := len(c.waiting); n != changeWaiting || len(c.told) != 0 {
			t.Fatalf("%d wait, %d told", n, len(c.told))
		}
		c.err = nil
		c.flush(t.Context())
		for _, o := range c.orders {
			if len(o) > httpcache.MaxURLs {
				t.Errorf("an order with %d addresses", len(o))
			}
		}
		if len(c.told) != changeWaiting {
			t.Errorf("%d told", len(c.told))
		}
	})
}
