package content_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/content"
	"holdfast/internal/coursegen"
)

// S4-17, S4-36, E-51, E-54: what ensure gives through the program is what git checkout gives, in content, mode and links: for
// both hash formats, every chunk, over a history with every kind of commit.
func TestEnsureThroughTheProgramIsWhatGitChecksOut(t *testing.T) {
	t.Parallel()
	for _, o := range []coursegen.Options{
		{Seed: 11, Questions: sized(30, 300), Format: "sha1", Oddities: fine()},
		{Seed: 12, Questions: sized(30, 300), Format: "sha256", Root: "courses/physics", Oddities: fine()},
	} {
		t.Run(o.Format, func(t *testing.T) {
			t.Parallel()
			course := newCourse(t, o)
			n := newSite(t).source("course", course.Dir, "root", o.Root).set("content.part_size", "16KiB").serve()
			truth := newCheckouts(course.Dir, o.Root)
			n.wantAll(truth, n.sync())
			for _, kind := range coursegen.Kinds() {
				commit(t, course, kind)
				n.wantAll(truth, n.sync())
				if t.Failed() {
					t.Fatalf("after a commit of the kind %s", kind)
				}
			}
		})
	}
}

// fine are the oddities whose questions are distributed as they are.
func fine() (all []coursegen.Oddity) {
	for _, o := range coursegen.Oddities() {
		if o.Effect() == coursegen.Fine {
			all = append(all, o)
		}
	}
	return all
}

// wantAll ensures every chunk of what was just published and compares each with git.
func (n *node) wantAll(truth *checkouts, r content.Report) {
	n.T.Helper()
	a := n.ensure("all")
	switch {
	case a.Revision != r.Commit:
		n.T.Fatalf("ensure gives %s, %s was published", a.Revision, r.Commit)
	case r.Published && len(a.Chunks) != r.Chunks:
		n.T.Errorf("ensure gives %d of %d chunks", len(a.Chunks), r.Chunks)
	case len(r.Rejected) > 0:
		n.T.Errorf("rejected: %+v", r.Rejected)
	}
	for _, key := range a.Absent { // an assessment may go on naming a question that was moved
		id, is := strings.CutPrefix(key, "question:")
		if !is || truth.of(n.T, a.Revision)["questions/"+id+"/info.json"] != "" {
			n.T.Errorf("%s is absent", key)
		}
	}
	n.wantChunks(truth, a)
}

// wantChunks compares chunks with git, and all that lies in the view as well: nothing else may be there.
func (n *node) wantChunks(truth *checkouts, a content.EnsureAnswer) {
	n.T.Helper()
	want, got := truth.of(n.T, a.Revision), list(n.T, a.Dir)
	for key, path := range a.Chunks {
		if key == "thumbnails" {
			continue // it is gathered: a part of what lies there
		}
		compare(n.T, a.Source+" "+key, got.below(path), want.below(path))
	}
	for path, what := range got {
		if want[path] != what {
			n.T.Errorf("%q in the view is %s, git has %s", path, what, want[path])
		}
	}
	for path := range want {
		if isThumbnail(path) && a.Chunks["thumbnails"] != "" && got[path] == "" {
			n.T.Errorf("the thumbnail %q is missing", path)
		}
	}
}

func isThumbnail(path string) bool {
	return strings.HasPrefix(path, "questions/") && strings.HasPrefix(filepath.Base(path), "thumbnail.")
}

// The same for repositories of the tester's own, as courses and as single chunks.
func TestRepositoriesThatTheTesterNamesAreWhatGitChecksOut(t *testing.T) {
	t.Parallel()
	named := os.Getenv("HOLDFAST_TEST_COURSES")
	if named == "" {
		named = newCourse(t, coursegen.Options{Seed: 13, Questions: 5}).Dir // the test itself is tested at least
	}
	for _, dir := range strings.Split(named, ":") {
		for _, preset := range []string{"course", "plain", "directories"} {
			t.Run(filepath.Base(dir)+" as "+preset, func(t *testing.T) {
				t.Parallel()
				n := newSite(t).source("course", dir, "preset", preset, "links", "course", "submodules", "skip").serve()
				r := n.sync()
				for _, x := range r.Rejected {
					t.Logf("rejected: %+v", x)
				}
				a := n.ensure("all")
				n.wantChunks(newCheckouts(dir, ""), a)
				if preset == "plain" && len(r.Rejected) == 0 && !slices.Contains([]int{1}, len(a.Chunks)) {
					t.Errorf("%d chunks", len(a.Chunks))
				}
			})
		}
	}
}
