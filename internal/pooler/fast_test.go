package pooler_test

import (
	"testing"

	"holdfast/internal/pooler"
)

// S0-21: with one slow query in a hundred the status of the pool says 99 %.
func TestTheStatusSaysHowManyQueriesAreFast(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	w := s.wire(t, 1)
	for range 99 {
		w.must("SELECT 1")
	}
	w.must("SELECT pg_sleep(0.4)")
	var one pooler.PoolStatus
	eventually(t, "all are counted", func() bool {
		for _, p := range s.pooler.Status().Pools {
			if p.Endpoint == "127.0.0.2:0" {
				one = p
			}
		}
		return one.Queries >= 100
	})
	// Some of the others may be slow as well where the machine is busy.
	if one.FastPercent == nil || *one.FastPercent > 99 || *one.FastPercent < 50 {
		t.Errorf("%+v", one)
	}
}

func TestAClassHasItsOwnShareOfFastQueries(t *testing.T) {
	t.Parallel()
	c := pooler.DefaultConfig()
	c.Limits = map[string]pooler.Limit{"pages": {FastPercent: 99}, "batch": {FastPercent: -1}, "other": {}}
	for class, want := range map[string]int{"": 90, "other": 90, "pages": 99, "batch": 0} {
		if got := c.FastWanted(class); got != want {
			t.Errorf("%q: %d, want %d", class, got, want)
		}
	}
	c.FastPercent = 101
	if p := c.Validate(); len(p) != 1 {
		t.Errorf("%v", p)
	}
}
