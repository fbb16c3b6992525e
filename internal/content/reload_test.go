package content

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
)

// reload gives a process other sources.
func reload(t *testing.T, c *Content, change func(*Config)) {
	t.Helper()
	cfg := c.cfg().Config
	cfg.Sources = maps.Clone(cfg.Sources)
	change(&cfg)
	if err := c.Reload(cfg); err != nil {
		t.Fatal(err)
	}
}

// S4-44: an administrator adds the first course to a machine that runs.
func TestTheFirstSourceComesWithAReload(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 71, Questions: 2})
	source := w.cfg.Sources["course"]
	w.cfg.Sources = map[string]SourceConfig{}
	c := w.node()
	if _, err := c.Ensure(t.Context(), want("elements")); fault.CodeOf(err) != "content_no_source" {
		t.Errorf("ensure without a source: %v", err)
	}
	if _, err := c.GC(t.Context(), GCRequest{}, nil); fault.CodeOf(err) != "content_no_source" {
		t.Errorf("a collection without a source: %v", err)
	}
	if s := stats(t, c); s.Stale || s.Holder || exists(c.cfg().Socket) {
		t.Errorf("without a source the process works: %+v", s)
	}
	reload(t, c, func(cfg *Config) { cfg.Sources["course"] = source })
	publish(t, c)
	if a := ensure(t, c, "render:"+course.Questions()[0]); a.Revision != course.Head {
		t.Errorf("revision %s; want %s", a.Revision, course.Head)
	}
	if !exists(c.cfg().Socket) {
		t.Error("the socket is not there")
	}
}

// A source that leaves the configuration takes no lease away, and what is being synced ends as it began. When it comes back, all
// is as it was.
func TestAReloadDisturbsNothingThatHasBegun(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 72, Questions: 2})
	other := w.course("other", coursegen.Options{Seed: 73, Questions: 1})
	source, added := w.cfg.Sources["course"], w.cfg.Sources["other"]
	delete(w.cfg.Sources, "other")
	building, goOn := make(chan struct{}), make(chan struct{})
	second := false
	c := w.node(func(o *Options) {
		o.Observe = func(name, step string) {
			if name == "course" && step == "building" && second {
				close(building)
				<-goOn
			}
		}
	})
	publish(t, c)
	held := ensure(t, c, "elements")
	head := write(t, course, map[string]string{"elements/new.txt": "new"})
	second = true
	done := make(chan Report, 1)
	go func() {
		report, err := c.Sync(t.Context(), SyncRequest{Source: "course"}, nil)
		if err != nil {
			t.Error(err)
		}
		done <- report
	}()
	<-building
	reload(t, c, func(cfg *Config) { delete(cfg.Sources, "course"); cfg.Sources["other"] = added })
	if _, err := c.Ensure(t.Context(), want("elements")); fault.CodeOf(err) != "content_no_source" {
		t.Errorf("a source that is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(held.Dir, "elements")); err != nil || stats(t, c).Leases != 1 {
		t.Errorf("the lease: %v, %d held", err, stats(t, c).Leases)
	}
	second = false
	close(goOn)
	if report := <-done; !report.Published || report.Commit != head {
		t.Errorf("the sync under way: %+v", report)
	}
	within(t, 20*time.Second, func() (bool, string) {
		a, err := c.Ensure(t.Context(), EnsureRequest{Source: "other", Want: []string{"elements"}, Lease: LeaseNone})
		return err == nil && a.Revision == other.Head, "the new source is not synced by itself"
	})
	reload(t, c, func(cfg *Config) { cfg.Sources["course"] = source })
	within(t, 20*time.Second, func() (bool, string) {
		a, err := c.Ensure(t.Context(), want("elements"))
		return err == nil && a.Revision == head, "the source is not back"
	})
}

// Another address, another root, other rules: the next sync, which comes by itself, goes by them.
func TestASourceThatChangedIsSyncedAgain(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 74, Questions: 2})
	moved := w.course("moved", coursegen.Options{Seed: 75, Questions: 2, Root: "below/here"})
	to := w.cfg.Sources["moved"]
	delete(w.cfg.Sources, "moved")
	c := w.node()
	publish(t, c)
	ensure(t, c, "elements")
	reload(t, c, func(cfg *Config) { cfg.Sources["course"] = to })
	within(t, 20*time.Second, func() (bool, string) {
		a := ensure(t, c, "elements")
		return a.Revision == moved.Head, a.Revision
	})
	to.Preset = "plain"
	reload(t, c, func(cfg *Config) { cfg.Sources["course"] = to })
	within(t, 20*time.Second, func() (bool, string) {
		a, err := c.Ensure(t.Context(), want("all"))
		return err == nil && len(a.Chunks) == 1, fmt.Sprint("not yet by the other rules: ", a.Chunks, err)
	})
}

// A configuration with a mistake changes nothing, and what belongs to the process stays.
func TestAReloadWithAMistakeChangesNothing(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 76, Questions: 1})
	c := w.node()
	before := c.cfg()
	bad := before.Config
	bad.Sources = map[string]SourceConfig{"course": {Git: "--upload-pack=x"}}
	if err := c.Reload(bad); err == nil || c.cfg() != before {
		t.Errorf("reload: %v", err)
	}
	other := before.Config
	other.Socket, other.CacheSize, other.Sync = "elsewhere", 1<<40, false
	if err := c.Reload(other); err != nil || c.cfg().Socket != before.Socket || c.cfg().CacheSize != before.CacheSize || !c.cfg().Sync {
		t.Errorf("reload: %v; the socket is %s", err, c.cfg().Socket)
	}
}

// A request that another process made of a source which the holder of the role does not have is answered, with what to do.
func TestARequestForASourceThatTheHolderLacksIsAnswered(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 77, Questions: 1})
	holder := w.node()
	publish(t, holder)
	w.cfg.Sources = maps.Clone(w.cfg.Sources) // the holder has the other one
	w.course("late", coursegen.Options{Seed: 78, Questions: 1})
	asks := w.node(func(o *Options) { o.Config.Sync = false })
	_, err := asks.Sync(t.Context(), SyncRequest{Source: "late"}, nil)
	if fault.CodeOf(err) != "content_no_source" || fault.HintOf(err) == "" {
		t.Errorf("error %v", err)
	}
}

// A source comes and goes while it is synced: never twice at a time, and whoever waits is answered.
func TestTheQueueTakesOverOtherSources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		with := func(names ...string) *settings {
			cfg := Config{Sources: map[string]SourceConfig{}}
			for _, n := range names {
				cfg.Sources[n] = SourceConfig{Git: "/" + n}
			}
			return newSettings(cfg, nil)
		}
		q := newQueue(nil)
		q.set(with("a", "b"))
		a, _ := q.next(t.Context())
		b, _ := q.next(t.Context())
		q.add(asked("a", 1))
		q.set(with("b"))
		if all := q.orphans(); a.name != "a" || len(all) != 1 || q.add(asked("a", 2)) {
			t.Errorf("the request for a source that is gone: %v", all)
		}
		q.set(with("a", "b"))
		if !q.add(asked("a", 3)) {
			t.Error("a source that came back takes no request")
		}
		if e, _, _ := q.pick(); e != nil {
			t.Fatalf("%s is synced twice at a time", e.name)
		}
		q.done(a, false)
		if e, requests := q.next(t.Context()); e.name != "a" || len(requests) != 1 {
			t.Errorf("next %s with %v", e.name, requests)
		}
		changed := with("a", "b")
		changed.Sources["b"] = SourceConfig{Git: "/elsewhere"}
		q.set(changed)
		q.done(b, false)
		if e, _ := q.next(t.Context()); e.name != "b" {
			t.Errorf("what changed while it was synced is not synced again: %s", e.name)
		}
	})
}
