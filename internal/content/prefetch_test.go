package content

import (
	"fmt"
	"testing"
	"time"

	"holdfast/internal/coursegen"
)

// S4-27: on a publish the chunks that were used on this machine are fetched before anybody asks for them; a source that nobody
// uses here is left alone.
func TestAPublishIsFetchedAheadWhereTheSourceIsUsed(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 41, Questions: 5})
	id := course.Questions()[0]
	one := w.node()
	publish(t, one)
	two := w.node(func(o *Options) { o.Config.Sync = false })
	idle := w.node(func(o *Options) { o.Config.Sync = false })
	within(t, 10*time.Second, func() (bool, string) {
		_, err := two.Ensure(t.Context(), want("render:"+id))
		return err == nil, "nothing yet"
	})
	write(t, course, map[string]string{"questions/" + id + "/question.html": "<p>new</p>"})
	publish(t, one)
	within(t, 10*time.Second, func() (bool, string) {
		return stats(t, two).Prefetched > 0, "nothing was fetched ahead"
	})
	within(t, 10*time.Second, func() (bool, string) {
		a := ensure(t, two, "render:"+id)
		if a.Revision == course.Head && len(a.Cold) > 0 {
			t.Errorf("fetched when it was asked for: %q", a.Cold)
		}
		return a.Revision == course.Head, a.Revision
	})
	if s := stats(t, idle); s.Fetches != 0 || s.InUse != 0 {
		t.Errorf("where nobody uses the source: %+v", s)
	}
}

// With switch_when_warm "current" stays what it was until what is used of the next revision is here: no caller waits.
func TestSwitchWhenWarmMakesNobodyWait(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 42, Questions: 4})
	id := course.Questions()[0]
	store := &fragile{Store: w.store}
	one := w.node()
	publish(t, one)
	two := w.node(func(o *Options) { o.Store, o.Config.Sync, o.Config.SwitchWhenWarm = store, false, true })
	within(t, 10*time.Second, func() (bool, string) {
		_, err := two.Ensure(t.Context(), want("render:"+id))
		return err == nil, "nothing yet"
	})
	old := course.Head
	store.down.Store(true)
	write(t, course, map[string]string{"questions/" + id + "/question.html": "<p>new</p>"})
	publish(t, one)
	within(t, 10*time.Second, func() (bool, string) { return len(stats(t, two).Troubles) > 0, "the prefetch does not fail" })
	for range 20 {
		if a := ensure(t, two, "render:"+id); a.Revision != old || len(a.Cold) > 0 {
			t.Fatalf("before the next revision is here: %s, %q", a.Revision, a.Cold)
		}
	}
	store.down.Store(false)
	within(t, 20*time.Second, func() (bool, string) {
		a := ensure(t, two, "render:"+id)
		if len(a.Cold) > 0 {
			t.Errorf("a caller waited for %q", a.Cold)
		}
		return a.Revision == course.Head, a.Revision
	})
}

// Explicit prefetch, as before an exam: all of a revision, or part of it; then a call finds everything.
func TestPrefetchBeforeAnExam(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 43, Questions: 6})
	c := w.node()
	publish(t, c)
	id := course.Questions()[2]
	a, err := c.Prefetch(t.Context(), PrefetchRequest{Source: "course", Want: []string{"question:" + id}})
	if err != nil || a.Fetched == 0 || a.Chunks != a.Fetched {
		t.Errorf("one question: %+v, %v", a, err)
	}
	all, err := c.Prefetch(t.Context(), PrefetchRequest{Source: "course"})
	if err != nil || all.Chunks <= len(course.Questions()) || all.Fetched != all.Chunks-a.Chunks {
		t.Errorf("everything: %+v, %v", all, err)
	}
	if stats(t, c).Leases != 0 {
		t.Error("prefetch keeps a lease")
	}
	if got := ensure(t, c, "all"); len(got.Cold) != 0 {
		t.Errorf("after a prefetch these are cold: %q", got.Cold)
	}
}

// S4-38: a pin is kept in PostgreSQL, has a name and an end, and is taken back by its name.
func TestAPinIsShownAndTakenBack(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 44, Questions: 1})
	c := w.node()
	publish(t, c)
	old := course.Head
	commit(t, course, coursegen.OneQuestion)
	publish(t, c)
	p, err := c.Pin(t.Context(), PinRequest{Source: "course", Revision: old[:10], Name: "exam", For: hours(2)})
	if err != nil || p.Revision != old || p.Until == nil || time.Until(*p.Until) < time.Hour {
		t.Fatalf("%+v, %v", p, err)
	}
	if p, err = c.Pin(t.Context(), PinRequest{Source: "course", Revision: old, Name: "exam"}); err != nil || p.Until != nil {
		t.Errorf("pinned again without an end: %+v, %v", p, err)
	}
	s, err := c.Show(t.Context(), ShowRequest{Source: "course", Chunks: true})
	if err != nil || len(s.Revisions) != 2 || len(s.Revisions[1].Pins) != 1 || s.Revisions[1].Pins[0] != "exam" || len(s.ChunkList) == 0 {
		t.Errorf("%+v, %v", s.Revisions, err)
	}
	u, err := c.Unpin(t.Context(), UnpinRequest{Source: "course", Name: "exam"})
	if err != nil || u.Removed != 1 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := c.Pin(t.Context(), PinRequest{Source: "course"}); err == nil {
		t.Error("a pin without a name")
	}
	if _, err := c.Unpin(t.Context(), UnpinRequest{Source: "nowhere", Name: "x"}); err == nil {
		t.Error("a pin of an unknown source")
	}
}

// S4-20 and the purge of secrets: what was purged is gone from the cache at once, leased or not, and is not given again.
func TestWhatWasPurgedIsGoneFromTheCache(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 45, Questions: 2})
	write(t, course, map[string]string{"serverFilesCourse/key.txt": "secret"})
	one := w.node()
	publish(t, one)
	two := w.node(func(o *Options) { o.Config.Sync = false })
	file := ""
	for _, c := range []*Content{one, two} {
		within(t, 10*time.Second, func() (bool, string) {
			a, err := c.Ensure(t.Context(), want("serverFilesCourse"))
			file = a.Dir + "/serverFilesCourse/key.txt"
			return err == nil && exists(file), "not there yet"
		})
	}
	q := PurgeRequest{Source: "course", Path: "serverFilesCourse/key.txt", Reason: "leaked"}
	if _, err := one.Purge(t.Context(), q, nil); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, func() (bool, string) { return !exists(file), "the file is there still" })
	within(t, 10*time.Second, func() (bool, string) {
		a, err := two.Ensure(t.Context(), want("serverFilesCourse"))
		return err != nil || !exists(a.Dir+"/serverFilesCourse/key.txt"), "the file came back"
	})
}

// E-61: what the configuration says is to be on every machine is fetched at its start, which holds back its readiness, and after
// each publish, also what is new then and was never asked for.
func TestAMachineFetchesAtItsStartWhatItIsToHave(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 44, Questions: 3})
	one := w.node()
	publish(t, one)
	store := &fragile{Store: w.store}
	store.down.Store(true)
	source := w.cfg.Sources["course"]
	source.Prefetch = []string{"all"}
	w.cfg.Sources = map[string]SourceConfig{"course": source, "never": {Git: course.Dir, Branch: "no-such-branch", Prefetch: []string{"all"}}}
	two := w.node(func(o *Options) { o.Store, o.Config.Sync = store, false })
	within(t, 20*time.Second, func() (bool, string) {
		return stats(t, two).Troubles["fetch course ahead"] != "" && fmt.Sprint(two.Warming()) == "[course]", fmt.Sprint("outstanding ", two.Warming())
	})
	store.down.Store(false)
	within(t, 20*time.Second, func() (bool, string) { return len(two.Warming()) == 0, fmt.Sprint("outstanding ", two.Warming()) })
	if a := ensure(t, two, "all"); len(a.Cold) > 0 {
		t.Errorf("not fetched: %q", a.Cold)
	}
	commit(t, course, coursegen.Add)
	publish(t, one)
	within(t, 20*time.Second, func() (bool, string) {
		s := two.reader().sources()["course"].ready.Load()
		return s != nil && s.Commit.String() == course.Head, "not yet"
	})
	if a := ensure(t, two, "all"); a.Revision != course.Head || len(a.Cold) > 0 {
		t.Errorf("a new question was not fetched ahead: %s, %q", a.Revision, a.Cold)
	}
}
