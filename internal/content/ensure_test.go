package content

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
)

// checkout returns a directory with the files of a commit, made by git itself.
func checkout(t testing.TB, course *coursegen.Course, commit string) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"-C", course.Dir, "-c", "core.bare=false", "-c", "core.autocrlf=false", "--work-tree=" + dir, "checkout", "--force", commit, "--", "."},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+filepath.Join(t.TempDir(), "index"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	return filepath.Join(dir, course.Root)
}

// tree lists what is below a directory: a line for each file and link, with its content and whether it may be executed. A
// directory that is a link itself is followed, those below are not.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir+"/", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := strings.CutPrefix(path, dir+"/")
		if e.IsDir() && (name == ".holdfast" || name == ".git") {
			return fs.SkipDir
		}
		line, err := describe(path, e)
		if err == nil && line != "" && name != ".lease" {
			lines = append(lines, fmt.Sprintf("%q %s", name, line))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func describe(path string, e fs.DirEntry) (string, error) {
	switch {
	case e.IsDir():
		return "", nil
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return "link " + target, err
	}
	info, err := e.Info()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	return fmt.Sprintf("exec=%v %d %q", info.Mode()&0o100 != 0, len(data), data[:min(len(data), 200)]), err
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s: only in the view: %.200s", what, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s: not in the view: %.200s", what, line)
		}
	}
}

// S4-17, S4-36, E-51, E-54: what ensure gives is what git checkout gives, chunk by chunk and, with the preset "plain", as a
// whole; for both hash formats, below the root of the repository, over several revisions.
func TestEnsureEqualsGitCheckout(t *testing.T) {
	t.Parallel()
	for _, f := range []coursegen.Options{
		{Seed: 1, Questions: 12, Format: "sha1"},
		{Seed: 2, Questions: 12, Format: "sha256", Root: "courses/physics"},
	} {
		t.Run(f.Format, func(t *testing.T) {
			t.Parallel()
			w, course := newNodes(t, f)
			plain := w.cfg.Sources["course"]
			plain.Preset, plain.Links = "plain", "course"
			w.cfg.Sources["whole"] = plain
			c := w.node()
			kinds := [][]coursegen.Kind{nil, {coursegen.OneQuestion, coursegen.Rename, coursegen.Remove, coursegen.FileToDir, coursegen.CourseLevel}}
			if os.Getenv("HOLDFAST_SOAK") != "" {
				kinds = append(kinds, make([][]coursegen.Kind, 100)...)
			}
			for i, some := range kinds {
				if i > 0 {
					commit(t, course, some...)
				}
				publish(t, c)
				compareWithCheckout(t, c, course)
			}
		})
	}
}

func compareWithCheckout(t *testing.T, c *Content, course *coursegen.Course) {
	t.Helper()
	a := ensure(t, c, "all")
	if a.Revision != course.Head {
		t.Fatalf("revision %s is current, %s was published", a.Revision, course.Head)
	}
	dir := checkout(t, course, course.Head)
	for key, path := range a.Chunks {
		if key != "thumbnails" {
			same(t, key, tree(t, filepath.Join(a.Dir, path)), tree(t, filepath.Join(dir, path)))
		}
	}
	if len(a.Chunks) < len(course.Questions()) {
		t.Errorf("%d chunks of %d questions", len(a.Chunks), len(course.Questions()))
	}
	if _, err := c.Sync(t.Context(), SyncRequest{Source: "whole"}, nil); err != nil {
		t.Fatal(err)
	}
	whole, err := c.Ensure(t.Context(), EnsureRequest{Source: "whole", Want: []string{"all"}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the whole", tree(t, whole.Dir), tree(t, dir))
}

// S4-21, S4-23, S4-25, S4-42: a question and what it needs come together; the second call finds all of it and asks neither
// the store nor PostgreSQL; after a publish only what changed is fetched.
func TestAWarmCallAsksNobody(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 3, Questions: 8})
	c := w.node()
	publish(t, c)
	id := course.Questions()[0]
	first := ensure(t, c, "render:"+id)
	if len(first.Cold) == 0 || first.Bytes == 0 || first.Lease == "" || first.Stale {
		t.Errorf("the first call: %+v", first)
	}
	for _, key := range []string{"question:" + id, "elements", "serverFilesCourse", "clientFilesCourse"} {
		if _, ok := first.Chunks[key]; !ok {
			t.Errorf("render of a question lacks %s", key)
		}
	}
	if _, err := os.Stat(filepath.Join(first.Dir, "questions", id, "info.json")); err != nil {
		t.Error(err)
	}
	before, lent := stats(t, c), c.db.Stats().Acquired
	for range 500 {
		if a := ensure(t, c, "render:"+id); len(a.Cold) > 0 || a.Dir != first.Dir {
			t.Fatalf("a warm call: %+v", a)
		}
	}
	after := stats(t, c)
	if after.Fetches != before.Fetches || after.Queries != before.Queries || after.Warm != before.Warm+500 {
		t.Errorf("500 warm calls: %d requests to the store, %d questions", after.Fetches-before.Fetches, after.Queries-before.Queries)
	}
	// Whatever runs in the background shares the pool: it takes a handful of connections a second, not one for each call.
	if used := c.db.Stats().Acquired - lent; used > 100 {
		t.Errorf("500 warm calls took %d connections to PostgreSQL", used)
	}

	ensure(t, c, "all")
	here := stats(t, c).Cache.DownloadedBytes
	commit(t, course, coursegen.OneQuestion)
	report := publish(t, c)
	within(t, pollEvery+freshFor, func() (bool, string) {
		a := ensure(t, c, "all")
		return a.Revision == course.Head, a.Revision
	})
	if got := stats(t, c).Cache.DownloadedBytes - here; got == 0 || got > report.Uploaded.Bytes {
		t.Errorf("a publish uploaded %d bytes, and %d were downloaded", report.Uploaded.Bytes, got)
	}
}

func stats(t testing.TB, c *Content) StatsAnswer {
	t.Helper()
	s, err := c.Stats(t.Context(), struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// S4-22, S4-43: pages have profiles of their own; a revision may be named by its first digits; what a revision does not
// have is an answer; what makes no sense is an error that says so.
func TestWantsAndRevisions(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 4, Questions: 6})
	c := w.node()
	publish(t, c)
	old := course.Head
	commit(t, course, coursegen.OneQuestion)
	publish(t, c)

	a := ensure(t, c, "page:questions")
	if _, ok := a.Chunks["thumbnails"]; len(a.Chunks) != 1 || !ok {
		t.Errorf("the page of questions needs %v", a.Chunks)
	}
	q := want("elements")
	q.Revision = old[:12]
	if a, err := c.Ensure(t.Context(), q); err != nil || a.Revision != old {
		t.Errorf("%v, %v; want %s", a.Revision, err, old)
	}
	if a := ensure(t, c, "question:no/such"); !slices.Contains(a.Absent, "question:no/such") || len(a.Chunks) != 0 {
		t.Errorf("a question that is not there: %+v", a)
	}
	f := func(q EnsureRequest, kind fault.Kind, code string) {
		t.Helper()
		if _, err := c.Ensure(t.Context(), q); fault.KindOf(err) != kind || fault.CodeOf(err) != code {
			t.Errorf("%+v: %v (%s), want %s", q, err, fault.CodeOf(err), code)
		}
	}
	f(EnsureRequest{Source: "course"}, fault.Usage, "content_want")
	f(EnsureRequest{Source: "other", Want: []string{"all"}}, fault.NotFound, "content_no_source")
	f(EnsureRequest{Source: "course", Want: []string{"all"}, Revision: "0123456789"}, fault.NotFound, "content_no_revision")
	f(EnsureRequest{Source: "course", Want: []string{"all"}, Revision: "not a commit"}, fault.NotFound, "content_no_revision")
	f(EnsureRequest{Source: "course", Want: []string{"all"}, Lease: "for ever"}, fault.Usage, "content_lease")
	f(EnsureRequest{Source: "course", Want: []string{"all"}, Lease: LeaseConnection}, fault.Usage, "content_lease")
	f(EnsureRequest{Source: "course", Want: []string{"all"}, TTL: span(48 * leaseMax)}, fault.Usage, "content_lease")
}

// A source that was never published says so.
func TestASourceWithoutARevisionSaysSo(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 5, Questions: 1})
	c := w.node(func(o *Options) { o.Config.Sync = false })
	within(t, freshFor, func() (bool, string) {
		_, err := c.Ensure(t.Context(), want("all"))
		return fault.CodeOf(err) == "content_not_published", fmt.Sprint(err)
	})
	if _, err := c.Ensure(t.Context(), want("all")); errors.Is(err, &fault.Error{Code: "content_database_unavailable"}) || fault.HintOf(err) == "" {
		t.Error(err)
	}
}
