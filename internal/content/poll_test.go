package content

import (
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/coursegen"
	"holdfast/internal/unit"
)

// Without a webhook the branch is looked at by the clock, and a source that fails goes on being looked at.
func TestAPollFindsAPushAndComesBackAfterAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.Poll = unit.Duration(200 * time.Millisecond)
	course := w.course("physics", small(110))
	w.cfg.Sources["broken"] = SourceConfig{Git: t.TempDir()}
	c, e := w.start()
	eventually(t, "the first revision", func() bool { return e.latest("physics").Seq == 1 })
	head := commit(t, course, coursegen.OneQuestion)
	eventually(t, "the push is found", func() bool { return e.latest("physics").Commit.String() == head })
	eventually(t, "one source is in trouble", func() bool {
		s := c.Status()
		return s.Syncs && s.Token != 0 && s.Troubles["sync broken"] != nil && s.Troubles["sync physics"] == nil
	})
	if _, err := coursegen.Generate(t.Context(), w.cfg.Sources["broken"].Git, small(111)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the broken source is there", func() bool { return e.latest("broken").Seq == 1 })
	eventually(t, "the trouble is over", func() bool { return c.Status().Troubles["sync broken"] == nil })
}

// What has its time is done without being asked: a collection, and the verification of parts.
func TestTheRoutineCollectsAndVerifies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.GCEvery, w.cfg.ScrubEvery = hours(24), hours(24)
	w.course("physics", small(112))
	c, e := w.start()
	eventually(t, "the first revision", func() bool { return e.latest("physics").Seq == 1 })
	part := index(t, c, "physics").Parts()[0]
	damage(t, w.store, blob.Name(part.BlobName()))
	run(t, c, "UPDATE {s}.content_parts SET checked = now() - interval '2 days'")
	if err := c.producer.routine(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, c, "physics")
	done := func() int { return count(t, c, "{s}.content_requests WHERE kind = 'gc' AND state = 'done'") }
	eventually(t, "the store is collected", func() bool { return done() == 1 })
	if err := c.producer.routine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, c, "{s}.content_requests WHERE kind = 'gc'"); n != 1 {
		t.Errorf("%d collections within a day; want 1", n)
	}
}
