package content

import (
	"encoding/json"
	"testing"

	"holdfast/internal/control"
	"holdfast/internal/coursegen"
)

// S4-26: hit rate and bytes saved, for each source and in all; what publishing uploaded and what it found stored.
func TestWhatTheCacheSavesIsCounted(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 5, Questions: 4, ServerFiles: coursegen.Bulk{Count: 2, Bytes: 40_000}})
	w.course("unused", coursegen.Options{Seed: 6, Questions: 2})
	c := w.node()
	publish(t, c)
	q := course.Questions()
	cold := ensure(t, c, "render:"+q[0])
	if cold.Bytes == 0 {
		t.Fatal("the first call downloaded nothing")
	}
	for range 3 {
		if warm := ensure(t, c, "render:"+q[0]); warm.Bytes != 0 {
			t.Fatalf("a warm call downloaded %d bytes", warm.Bytes)
		}
	}
	commit(t, course, coursegen.OneQuestion)
	publish(t, c)

	list, err := c.List(t.Context(), control.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := c.Stats(t.Context(), control.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Sources {
		if s.Name == "unused" {
			if s.Use != (Usage{}) || s.Use.HitRate() != nil {
				t.Errorf("of one that nobody asked for: %+v", s.Use)
			}
			continue
		}
		// The publish fetches what was in use, too: it may have come by now or not.
		u := s.Use
		if u.Calls != 4 || u.Hits != 3 || u.Asked != 4*cold.Bytes || u.Fetched < cold.Bytes || u.Saved != u.Asked-u.Fetched || *u.HitRate() != 75 {
			t.Errorf("%+v; the cold call downloaded %d bytes", u, cold.Bytes)
		}
		if want := reported(t, c); s.Stored != want || want.Reused.Parts == 0 || want.Uploaded.Parts == 0 {
			t.Errorf("stored: %+v, want %+v", s.Stored, want)
		}
		if stats.Use.Calls != u.Calls || stats.Use.Asked != u.Asked {
			t.Errorf("in all %+v, of the one source %+v", stats.Use, u)
		}
	}
}

// reported adds up what the reports of the course's revisions say.
func reported(t *testing.T, c *Content) (sum Stored) {
	t.Helper()
	all, err := c.Revisions(t.Context(), "course")
	if err != nil || len(all) != 2 {
		t.Fatalf("%d revisions, %v", len(all), err)
	}
	for _, r := range all {
		var report Report
		if err := json.Unmarshal(r.Report, &report); err != nil {
			t.Fatal(err)
		}
		sum.Uploaded.Parts, sum.Uploaded.Bytes = sum.Uploaded.Parts+report.Uploaded.Parts, sum.Uploaded.Bytes+report.Uploaded.Bytes
		sum.Reused.Parts, sum.Reused.Bytes = sum.Reused.Parts+report.Reused.Parts, sum.Reused.Bytes+report.Reused.Bytes
	}
	return sum
}
