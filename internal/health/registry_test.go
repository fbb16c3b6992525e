package health_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/health"
)

// shown returns the codes of the snapshot, with subjects behind a colon.
func shown(r *health.Registry) []string {
	var codes []string
	for _, f := range r.Snapshot() {
		codes = append(codes, strings.TrimSuffix(f.Code+":"+f.Subject, ":"))
	}
	return codes
}

func expect(t *testing.T, r *health.Registry, when string, want ...string) {
	t.Helper()
	if got := shown(r); !slices.Equal(got, want) {
		t.Errorf("%s: shown %v; want %v", when, got, want)
	}
}

func TestAFindingTellsAllAndIsGoneOnceCleared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, begin := health.New(), time.Now()
		disk := health.Condition{
			Code: "disk_low", Subject: "media", Title: "Disk space runs out", Severity: health.Warning, Hint: "add space",
		}
		r.Set(disk, "4 GB left")
		time.Sleep(time.Minute) // fake time
		r.Set(disk, "3 GB left")
		want := health.Finding{
			Code: "disk_low", Subject: "media", Title: "Disk space runs out", Text: "3 GB left",
			Severity: health.Warning, Hint: "add space", Since: begin,
		}
		if got := r.Snapshot(); len(got) != 1 || got[0] != want {
			t.Errorf("snapshot %+v; want the newest text since the first: %+v", got, want)
		}
		r.Clear(disk)
		r.Clear(disk)
		expect(t, r, "after clearing")
	})
}

func TestFindingsOfOneCodeAreKeptApartBySubject(t *testing.T) {
	t.Parallel()
	r := health.New()
	down := func(upstream string) health.Condition {
		return health.Condition{Code: "upstream_down", Subject: upstream, Severity: health.Error}
	}
	r.Set(down("a"), "refused")
	r.Set(down("b"), "refused")
	r.Clear(down("a"))
	expect(t, r, "one of two cleared", "upstream_down:b")
}

func TestADelayedConditionIsShownOnceItHasHeldLongEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := health.New()
		c := health.Condition{Code: "lag", Severity: health.Warning, After: time.Minute}
		r.Set(c, "")
		time.Sleep(59 * time.Second) // fake time
		expect(t, r, "before the delay")
		r.Clear(c)
		r.Set(c, "")
		time.Sleep(59 * time.Second)
		expect(t, r, "a new occurrence waits anew")
		time.Sleep(time.Second)
		expect(t, r, "after the delay", "lag")
	})
}

func TestAnEffectIsHiddenWhileItsCauseIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := health.New()
		cause := health.Condition{Code: "database_down", Severity: health.Error, After: time.Minute}
		r.Set(cause, "")
		r.Set(health.Condition{Code: "no_revocation", Severity: health.Error, CausedBy: []string{"database_down"}}, "")
		r.Set(health.Condition{Code: "stale_links", Severity: health.Info, CausedBy: []string{"no_revocation"}}, "")
		expect(t, r, "cause not ripe", "no_revocation")
		time.Sleep(time.Minute) // fake time
		expect(t, r, "cause ripe", "database_down")
		r.Clear(cause)
		expect(t, r, "cause gone", "no_revocation")
	})
}

func TestConditionsThatExplainEachOtherStayVisible(t *testing.T) {
	t.Parallel()
	r := health.New()
	r.Set(health.Condition{Code: "a", CausedBy: []string{"b"}}, "")
	r.Set(health.Condition{Code: "b", CausedBy: []string{"a"}}, "")
	expect(t, r, "circle", "a", "b")
	r.Set(health.Condition{Code: "self", CausedBy: []string{"self"}, Severity: health.Error}, "")
	expect(t, r, "circle of one", "self", "a", "b")
}

func TestTheWorstAndOldestComeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := health.New()
		for _, c := range []health.Condition{
			{Code: "i", Severity: health.Info},
			{Code: "w", Severity: health.Warning},
			{Code: "e2", Severity: health.Error},
			{Code: "e1", Severity: health.Error},
		} {
			r.Set(c, "")
			time.Sleep(time.Second) // fake time
		}
		expect(t, r, "sorted", "e2", "e1", "w", "i")
		if w := health.Worst(r.Snapshot()); w != health.Error {
			t.Errorf("worst is %v; want error", w)
		}
		if w := health.Worst(nil); w != health.None {
			t.Errorf("worst of nothing is %v; want none", w)
		}
	})
}

func TestReportSetsOnErrorAndClearsOnSuccess(t *testing.T) {
	t.Parallel()
	r, c := health.New(), health.Condition{Code: "trash", Severity: health.Warning}
	r.Report(c, errors.New("disk full"))
	if got := r.Snapshot(); len(got) != 1 || got[0].Text != "disk full" {
		t.Errorf("snapshot %+v; want the error's text", got)
	}
	r.Report(c, nil)
	expect(t, r, "after success")
}

func TestAFindingTravelsThroughJSON(t *testing.T) {
	t.Parallel()
	in := health.Finding{Code: "c", Title: "T", Text: "x", Severity: health.Warning, Since: time.Unix(1, 0).UTC()}
	text, err := json.Marshal(in)
	want := `{"code":"c","title":"T","text":"x","severity":"warning","since":"1970-01-01T00:00:01Z"}`
	if err != nil || string(text) != want {
		t.Fatalf("marshal: %s, %v; want %s", text, err, want)
	}
	var out health.Finding
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("unmarshal: %+v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"severity":"bad"}`), &out); err == nil {
		t.Error("an unknown severity was accepted")
	}
}

func TestARegistryServesManyGoroutines(t *testing.T) {
	t.Parallel()
	r := health.New()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			c := health.Condition{Code: fmt.Sprint(i % 4)}
			for range 200 {
				r.Set(c, "x")
				r.Snapshot()
				r.Clear(c)
			}
		})
	}
	all.Wait()
	expect(t, r, "at the end")
}
