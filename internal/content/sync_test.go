package content

import (
	"slices"
	"strings"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
)

// S4-12…S4-19, S4-35: the first sync stores every chunk, then publishes.
func TestTheFirstSyncPublishesTheWholeCourse(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := small(1)
			o.Format = format
			course := w.course("physics", o)
			c, _ := w.build()
			report := syncNow(t, c, own(t, c), "physics")
			ix := index(t, c, "physics")
			switch {
			case !report.Published || report.Seq != 1 || report.Commit != course.Head || report.Head != course.Head:
				t.Errorf("report: %+v; want revision 1 of %s", report, course.Head)
			case len(report.Changes.Added) != len(ix.Chunks) || report.Chunks != len(ix.Chunks):
				t.Errorf("the report adds %d chunks of %d", len(report.Changes.Added), len(ix.Chunks))
			case report.Uploaded.Parts != blobs(t, w.store, "content/v1/"):
				t.Errorf("%d parts reported as uploaded, %d in the store", report.Uploaded.Parts, blobs(t, w.store, "content/v1/"))
			}
			for _, id := range course.Questions() {
				if _, ok := ix.Chunk("question:" + id); !ok {
					t.Errorf("question %s has no chunk", id)
				}
			}
			wantWhole(t, c, "physics")
		})
	}
}

// S4-41, S4-42, E-48: an edit uploads what changed, and the report says what that was.
func TestAnEditUploadsTheChangedChunkAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(2))
	c, _ := w.build()
	token := own(t, c)
	first := syncNow(t, c, token, "physics")
	edited := course.Questions()[2]
	write(t, course, map[string]string{"questions/" + edited + "/question.html": "<p>Another text</p>\n"})
	report := syncNow(t, c, token, "physics")
	if !slices.Equal(report.Changes.Changed, []string{"question:" + edited}) || len(report.Changes.Added)+len(report.Changes.Removed) > 0 {
		t.Errorf("changes: %+v; want question %s alone", report.Changes, edited)
	}
	if report.Uploaded.Parts != 1 || report.Reused.Parts != first.Uploaded.Parts-1 {
		t.Errorf("uploaded %+v, reused %+v; want 1 and %d parts", report.Uploaded, report.Reused, first.Uploaded.Parts-1)
	}
	if report.Previous != first.Commit || report.Seq != 2 {
		t.Errorf("revision %d after %s; want 2 after %s", report.Seq, report.Previous, first.Commit)
	}
	wantWhole(t, c, "physics")
}

// E-45, E-46, E-54, E-51: whatever the commits, what is current is what the last commit has.
func TestEveryKindOfCommitEndsInTheWholeLastRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := small(3)
	o.Root = "courses/physics"
	course := w.course("physics", o)
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	for _, kind := range []coursegen.Kind{
		coursegen.OneQuestion, coursegen.Metadata, coursegen.TenQuestions, coursegen.CourseLevel, coursegen.Mass, coursegen.Add, coursegen.Remove,
		coursegen.MoveInside, coursegen.FileToDir, coursegen.FileToDir, coursegen.Revert, coursegen.ForcePush, coursegen.OneQuestion,
	} {
		head := commit(t, course, kind)
		report := syncNow(t, c, token, "physics")
		if report.Head != head || report.Commit != head {
			t.Fatalf("after %s: the current commit is %s; want %s", kind, report.Commit, head)
		}
		got, ix := []string{}, index(t, c, "physics")
		for i := range ix.Chunks {
			if key, ok := strings.CutPrefix(ix.Chunks[i].Key, "question:"); ok {
				got = append(got, key)
			}
		}
		if !slices.Equal(got, course.Questions()) {
			t.Fatalf("after %s: the revision has the questions\n%v; want\n%v", kind, got, course.Questions())
		}
		wantWhole(t, c, "physics")
	}
}

// A renamed question keeps its parts.
func TestARenameUploadsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(4))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	commit(t, course, coursegen.Rename)
	report := syncNow(t, c, token, "physics")
	if len(report.Changes.Renamed) != 1 {
		t.Errorf("renamed: %+v", report.Changes)
	}
	for _, key := range append(report.Changes.Added, report.Changes.Removed...) {
		if strings.HasPrefix(key, "question:") {
			t.Errorf("the report calls %s added or removed", key)
		}
	}
	if report.Uploaded.Parts > 1 { // the thumbnails may be gathered anew: their paths differ
		t.Errorf("uploaded: %+v", report.Uploaded)
	}
}

// The root's tree is what counts: a commit that does not touch it makes no revision.
func TestACommitThatChangesNothingMakesNoRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(5))
	c, _ := w.build()
	token := own(t, c)
	first := syncNow(t, c, token, "physics")
	head := commit(t, course, coursegen.Empty)
	report := syncNow(t, c, token, "physics")
	if report.Published || report.Commit != first.Commit || report.Head != head || report.Seq != 1 {
		t.Errorf("report: %+v; want revision 1 still, and the head %s", report, head)
	}
	var noted string
	scan(t, c, "SELECT head FROM {s}.content_sources", nil, &noted)
	if noted != head {
		t.Errorf("the head that was noted is %s", noted)
	}
}

// S4-20, S4-41: two sources with the same content share their parts.
func TestSourcesShareEqualParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(6))
	w.course("copy", small(6))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	report := syncNow(t, c, token, "copy")
	if report.Uploaded.Parts != 0 || report.Reused.Parts == 0 || !report.Published {
		t.Errorf("the copy uploaded %+v and reused %+v", report.Uploaded, report.Reused)
	}
	wantWhole(t, c, "copy")
}

// E-49: regenerate owes nothing to what was there, and repairs the store.
func TestRegenerateMakesEverythingAnewAndRepairsTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(7))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	parts := index(t, c, "physics").Parts()
	for _, part := range parts[:2] {
		if err := w.store.Delete(t.Context(), blob.Name(part.BlobName())); err != nil {
			t.Fatal(err)
		}
	}
	report, err := c.sync(t.Context(), token, "physics", regenerate, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Published || report.Seq != 2 || report.Repaired != 2 || report.Changes.Same != report.Chunks {
		t.Errorf("report: %+v; want revision 2 with nothing changed and 2 parts repaired", report)
	}
	wantWhole(t, c, "physics")
}

// An index that cannot be read costs time, not content.
func TestALostIndexOfTheCurrentRevisionIsMadeUpFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(8))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	p, err := c.Current(t.Context(), "physics")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Delete(t.Context(), p.Index); err != nil {
		t.Fatal(err)
	}
	commit(t, course, coursegen.OneQuestion)
	report := syncNow(t, c, token, "physics")
	if !report.Published || len(report.Notes) == 0 || report.Uploaded.Parts != 1 {
		t.Errorf("report: %+v; want a note and one upload", report)
	}
	wantWhole(t, c, "physics")
}

// What cannot be fetched is named, and changes nothing.
func TestASourceThatCannotBeFetchedKeepsItsRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(9))
	w.course("math", small(10))
	c, _ := w.build()
	token := own(t, c)
	first := syncNow(t, c, token, "physics")
	f := func(code string, change func(*SourceConfig)) {
		t.Helper()
		cfg := w.cfg.Sources["physics"]
		change(&cfg)
		c.cfg().Sources = map[string]SourceConfig{"physics": cfg, "math": w.cfg.Sources["math"]}
		_, err := c.sync(t.Context(), token, "physics", usual, quiet)
		if fault.CodeOf(err) != code || !strings.Contains(err.Error(), "sync physics") {
			t.Errorf("error %v (%s); want %s, with the source's name", err, fault.CodeOf(err), code)
		}
		p, err := c.Current(t.Context(), "physics")
		if err != nil || p.Seq != 1 || p.Commit.String() != first.Commit {
			t.Errorf("after %s: current is %+v, %v", code, p, err)
		}
	}
	commit(t, course, coursegen.OneQuestion)
	f("content_git_no_branch", func(s *SourceConfig) { s.Branch = "gone" })
	f("content_git_no_root", func(s *SourceConfig) { s.Root = "no/such/directory" })
	f("content_git_not_a_repository", func(s *SourceConfig) { s.Git = t.TempDir() })
	f("content_git_unreachable", func(s *SourceConfig) { s.Git = "http://127.0.0.1:1/course.git" })
	c.cfg().Sources = w.cfg.Sources
	if report := syncNow(t, c, token, "physics"); !report.Published || report.Seq != 2 {
		t.Errorf("after all is well again: %+v", report)
	}
}
