package pooler

import (
	"testing"
	"time"
)

// S0-21: the share is of the last one to two minutes, and 100 ms count as fast.
func TestWhatIsFastIsCountedByTheMinute(t *testing.T) {
	t.Parallel()
	g := &group{}
	add := func(n uint64, each time.Duration) { g.totals.queryTimes.add(each*time.Duration(n), n) } //nolint:gosec // few
	want := func(all, fast uint64) {
		t.Helper()
		if got := g.recent(); got != (speed{all, fast}) {
			t.Errorf("%+v, want %d of %d", got, fast, all)
		}
	}
	want(0, 0)
	add(99, 3*time.Millisecond)
	add(1, 3*time.Second)
	want(100, 99)
	add(1, 100*time.Millisecond)
	add(1, 101*time.Millisecond)
	add(1, time.Hour)
	want(103, 100)
	g.mark()
	want(103, 100)
	add(2, time.Millisecond)
	g.mark()
	want(2, 2)
	g.mark()
	want(0, 0)
}
