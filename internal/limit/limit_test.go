package limit_test

import (
	"testing"
	"time"

	"holdfast/internal/limit"
)

func TestZeroIsWithoutAnEndUnlessItMeansSomethingElse(t *testing.T) {
	t.Parallel()
	f := func(w limit.Wait, kind limit.Kind, by string) {
		t.Helper()
		if w.Kind != kind || w.By != by {
			t.Errorf("%+v: want %s by %q", w, kind, by)
		}
	}
	none, some := limit.After("x", "k", 0, "e"), limit.After("x", "k", time.Second, "e")
	f(none, limit.Endless, "")
	f(none.OrAtOnce(), limit.AtOnce, "")
	f(none.OrParts("idle"), limit.ByParts, "idle")
	f(none.OrTheirs("statement_timeout"), limit.Theirs, "statement_timeout")
	f(some.OrAtOnce().OrParts("idle").OrTheirs("y"), limit.Bounded, "")
	f(limit.Queue("q", "k", 0, "e"), limit.Endless, "")
	f(limit.Queue("q", "k", 5, "e"), limit.Bounded, "")
}

func TestTheTableStandsBeforeKeysAndNotBeforeWhatNobodyCanSet(t *testing.T) {
	t.Parallel()
	all := limit.Waits{
		limit.After("a", "wait", time.Second, "e"),
		limit.After("b", "", time.Second, "e").At("here"),
		limit.After("c", "total", 0, "e").OrParts("idle"),
		limit.After("d", "", 0, "e").OrTheirs("lock_timeout"),
	}
	got := all.Under("edge").At("there")
	if got[0].Key != "edge.wait" || got[1].Key != "" || got[2].By != "edge.idle" || got[3].By != "lock_timeout" {
		t.Errorf("%+v", got)
	}
	if got[0].Where != "there" || got[1].Where != "here" || all[0].Where != "" {
		t.Errorf("%+v", got)
	}
}
