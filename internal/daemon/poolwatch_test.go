package daemon

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/health"
	"holdfast/internal/pooler"
)

// S0-27: a pool that turned requests away is told to administrators, for as long as it happens and a minute more.
func TestAFullPoolIsAFinding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := pooler.PoolStatus{Name: "app", MaxSize: 4, Active: 4, Waiting: 2}
		w := &poolWatch{status: func() pooler.Status { return pooler.Status{Pools: []pooler.PoolStatus{now}} }, health: health.New(), refused: map[string]uint64{}}
		shows := func() string {
			_ = w.look(t.Context()) // it returns none
			var all []string
			for _, f := range w.health.Snapshot() {
				all = append(all, f.Text)
			}
			return strings.Join(all, "; ")
		}
		if got := shows(); got != "" {
			t.Errorf("before: %s", got)
		}
		now.Refused = 3
		const want = "pool app refused 3 requests within 5s; of 4 connections 4 are held, and 2 wait"
		if got := shows(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		<-time.After(keepFull) // in the time of the bubble
		if got := shows(); got != want {
			t.Errorf("a minute later: %s", got)
		}
		<-time.After(time.Second)
		if got := shows(); got != "" {
			t.Errorf("after that: %s", got)
		}
		now.Refused, now.Down = 9, true
		if got := shows(); got != "" {
			t.Errorf("a pool that is down is not full: %s", got)
		}
	})
}

// S0-21: a pool whose queries are slower than is wanted of its class is told of, if there were enough of them, until they are fast again.
func TestAPoolWithSlowQueriesIsAFinding(t *testing.T) {
	t.Parallel()
	percent := 88.8
	pages := pooler.PoolStatus{Name: "app/pages", Class: "pages", Queries: 99, FastPercent: &percent}
	reports := pooler.PoolStatus{Name: "app/reports", Class: "batch", Queries: 500, FastPercent: &percent}
	w := &poolWatch{
		status: func() pooler.Status {
			return pooler.Status{Pools: []pooler.PoolStatus{pages, reports, {Name: "quiet"}}}
		},
		wanted: func(class string) int { return map[string]int{"pages": 90}[class] }, health: health.New(), refused: map[string]uint64{},
	}
	shows := func(want ...string) {
		t.Helper()
		_ = w.look(t.Context()) // it returns none
		var got []string
		for _, f := range w.health.Snapshot() {
			got = append(got, f.Code+" "+f.Subject+": "+f.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	shows()
	pages.Queries = 100
	shows("pooler_slow app/pages: of the last 100 queries of pool app/pages 88.8 % were answered within 100 ms; 90 % are wanted")
	percent = 90
	shows()
	percent, pages.FastPercent = 1, nil
	shows()
}
