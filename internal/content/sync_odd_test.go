package content

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
)

// E-47 and the table of pitfalls: every oddity isolates its own chunk, is named with its path, and harms no other.
func TestEveryOddityIsRejectedAloneAndNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := small(20)
	o.BigBytes, o.ManyFiles, o.Depth = 3<<20, 600, 80
	o.Oddities = coursegen.Oddities()
	w.cfg.MaxFile, w.cfg.MaxChunk, w.cfg.MaxChunkFiles, w.cfg.MaxDepth = 2<<20, 4<<20, 500, 40
	course := w.course("physics", o)
	c, _ := w.build()
	report := syncNow(t, c, own(t, c), "physics")
	ix := index(t, c, "physics")
	for _, odd := range o.Oddities {
		_, there := ix.Chunk("question:" + odd.Question())
		at := slices.IndexFunc(report.Rejected, func(r revision.Rejection) bool { return inside(r.Path, odd.Path()) })
		warned := slices.ContainsFunc(report.Warned, func(r revision.Rejection) bool { return inside(r.Path, odd.Path()) })
		switch odd.Effect() {
		case coursegen.Rejected:
			if there || at < 0 {
				t.Errorf("%s: in the index %v, rejected %v; want it rejected", odd, there, at >= 0)
			} else if r := report.Rejected[at]; r.Code == "" || r.Reason == "" {
				t.Errorf("%s: rejected as %+v; want code and reason", odd, r)
			}
		case coursegen.Warned:
			if !warned && at < 0 { // a nested question is reported, and distributed with the one around it
				t.Errorf("%s: no warning; warned %+v, rejected %+v", odd, report.Warned, report.Rejected)
			}
		case coursegen.Fine:
			if at >= 0 {
				t.Errorf("%s: rejected: %+v", odd, report.Rejected[at])
			}
		case coursegen.Unfetchable:
		}
	}
	for _, id := range course.Questions() {
		if _, ok := ix.Chunk("question:" + id); !ok {
			t.Errorf("question %s is gone with the oddities", id)
		}
	}
	wantWhole(t, c, "physics")
}

// E-47: a chunk that goes bad keeps what it had.
func TestAChunkThatGoesBadKeepsItsLastGoodContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(21))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	id := course.Questions()[0]
	before, _ := index(t, c, "physics").Chunk("question:" + id)
	lfs := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("ab", 32) + "\nsize 12345\n"
	write(t, course, map[string]string{"questions/" + id + "/figure.png": lfs, "questions/" + course.Questions()[1] + "/question.html": "<p>good</p>"})
	report := syncNow(t, c, token, "physics")
	after, ok := index(t, c, "physics").Chunk("question:" + id)
	if !ok || after.Tree != before.Tree || !after.Kept {
		t.Errorf("the bad question: %v, %+v; want its old content", ok, after)
	}
	if len(report.Rejected) != 1 || !report.Rejected[0].Kept || report.Rejected[0].Path != "questions/"+id+"/figure.png" {
		t.Errorf("rejected: %+v", report.Rejected)
	}
	if !slices.Contains(report.Changes.Changed, "question:"+course.Questions()[1]) {
		t.Errorf("the good question was not published: %+v", report.Changes)
	}
	wantWhole(t, c, "physics")
}

// A repository that git does not hand out touches nothing.
func TestAnUnfetchableRepositoryKeepsTheRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(22))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	for _, odd := range coursegen.UnfetchableOddities() {
		bad := small(23)
		bad.Oddities = []coursegen.Oddity{odd}
		w.course("bad-"+string(odd), bad)
		_, err := c.sync(t.Context(), token, "bad-"+string(odd), usual, quiet)
		if err == nil || fault.CodeOf(err) == "internal" {
			t.Errorf("%s: error %v (%s); want one with a code", odd, err, fault.CodeOf(err))
		}
		if _, err := c.Current(t.Context(), "bad-"+string(odd)); fault.CodeOf(err) != "content_no_revision" {
			t.Errorf("%s: something was published: %v", odd, err)
		}
	}
	commit(t, course, coursegen.OneQuestion)
	if report := syncNow(t, c, token, "physics"); !report.Published {
		t.Errorf("the good source: %+v", report)
	}
}

// A force push is published like any other: trees are compared, and not commits. That the branch was rewritten stands in the report,
// with the source and with the revision, until the next one descends from it.
func TestAForcePushIsPublishedAndNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.KeepRevisions = 10
	course := w.course("physics", small(31))
	c, _ := w.build()
	token := own(t, c)
	noted := func() (rewritten []bool) {
		t.Helper()
		all, err := c.Revisions(t.Context(), "physics")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			rewritten = append(rewritten, r.Rewritten)
		}
		return rewritten
	}
	if r := syncNow(t, c, token, "physics"); r.Rewritten {
		t.Error("the first revision is said to be rewritten")
	}
	commit(t, course, coursegen.ForcePush)
	if r := syncNow(t, c, token, "physics"); !r.Published || !r.Rewritten || r.Commit != course.Head {
		t.Errorf("after a force push: %+v", r)
	}
	sources, err := c.Sources(t.Context())
	if err != nil || len(sources) != 1 || !sources[0].Rewritten {
		t.Errorf("sources %+v, %v", sources, err)
	}
	commit(t, course, coursegen.OneQuestion)
	if r := syncNow(t, c, token, "physics"); !r.Published || r.Rewritten {
		t.Errorf("a usual push after that: %+v", r)
	}
	if got := fmt.Sprint(noted()); got != "[false true false]" {
		t.Errorf("revisions, the newest first: rewritten %s", got)
	}
}
