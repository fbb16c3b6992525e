package content_test

import (
	"fmt"
	"syscall"
	"testing"

	"holdfast/internal/content"
	"holdfast/internal/coursegen"
	"holdfast/test/program"
)

// S4-02, S4-04: a site that began on one machine without a store (content.store = false) becomes one of several. The line is taken out,
// Holdfast starts again, each source is made anew once, and another machine joins with an empty disk: it has the current revision,
// and earlier ones that are kept. The first machine can then be taken away. If nobody has made the sources anew, what is missing is
// made when somebody misses it.
func TestASiteThatBeganWithoutAStoreMovesToSeveralMachines(t *testing.T) {
	t.Parallel()
	t.Run("as the manual says", func(t *testing.T) { t.Parallel(); testGrowth(t, true) })
	t.Run("without making anything anew", func(t *testing.T) { t.Parallel(); testGrowth(t, false) })
}

func testGrowth(t *testing.T, regenerate bool) {
	t.Helper()
	course := newCourse(t, coursegen.Options{Seed: 83, Questions: 12})
	truth := newCheckouts(course.Dir, "")
	s := newSite(t).source("course", course.Dir).set("content.store", "false")
	n := s.serve()
	first := n.sync().Commit
	s.Must("content", "pin", "course", first, "--name", "exam")
	for range 2 {
		commit(t, course, coursegen.OneQuestion)
		n.sync()
	}
	n.wantChunks(truth, n.ensure("all"))
	s.Must("stop")
	n.Wait(program.StartLimit)

	delete(s.Settings, "content.store")
	n = s.serve()
	n.wantChunks(truth, n.ensure("all")) // what was here is here
	if regenerate {
		s.Must("content", "regenerate", "course")
	}
	second := s.set("media.root", s.Path("data/media")).join(n).serve()
	if regenerate {
		if a := second.ensure("all"); a.Revision != course.Head || a.Bytes == 0 {
			t.Errorf("the second machine: revision %s, %d bytes; want %s", a.Revision, a.Bytes, course.Head)
		}
	}
	second.wantRevision(truth, course.Head)
	second.wantRevision(truth, first)

	n.Signal(syscall.SIGTERM)
	n.Wait(program.StartLimit)
	commit(t, course, coursegen.TenQuestions)
	if r := second.sync(); r.Commit != course.Head {
		t.Errorf("published is %s, want %s", r.Commit, course.Head)
	}
	second.wantChunks(truth, second.ensure("all"))
	third := s.twin().serve()
	third.wantChunks(truth, third.ensure("all"))
	third.wantRevision(truth, first)
}

// wantRevision waits until a node gives all of an earlier revision, and compares it with git.
func (n *node) wantRevision(truth *checkouts, commit string) {
	n.T.Helper()
	var answer content.EnsureAnswer
	eventually(n.T, program.CallLimit, func() (err error) {
		answer, err = call[content.EnsureAnswer](n, "ensure", content.EnsureRequest{
			Source: "course", Revision: commit, Want: []string{"all"}, Lease: content.LeaseTTL,
		})
		if err == nil && answer.Revision != commit {
			err = fmt.Errorf("answered is %s, want %s", answer.Revision, commit)
		}
		return err
	})
	n.wantChunks(truth, answer)
}
