package coursegen_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/lifecycle/lifecycletest"
)

func TestMain(m *testing.M) { lifecycletest.Main(m) }

func generate(t testing.TB, o coursegen.Options) *coursegen.Course {
	t.Helper()
	c, err := coursegen.Generate(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// git runs a command on the course's repository.
func git(t testing.TB, c *coursegen.Course, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = c.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent"}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, &said)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// listing is a line of ls-tree.
type listing struct {
	mode, id, path string
	size           int64
}

func list(t testing.TB, c *coursegen.Course, commit string) []listing {
	t.Helper()
	var all []listing
	for line := range strings.SplitSeq(strings.TrimSuffix(git(t, c, "ls-tree", "-r", "-l", "-z", "--full-tree", commit), "\x00"), "\x00") {
		head, path, _ := strings.Cut(line, "\t")
		f := strings.Fields(head)
		size, _ := strconv.ParseInt(f[3], 10, 64)
		all = append(all, listing{f[0], f[2], path, size})
	}
	return all
}

func commit(t testing.TB, c *coursegen.Course, kinds ...coursegen.Kind) string {
	t.Helper()
	id, err := c.Commit(t.Context(), kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestEqualSeedsMakeEqualCoursesAndHistories(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		o := coursegen.Options{Seed: 7, Questions: 30, Format: format, Root: "course"}
		a, b := generate(t, o), generate(t, o)
		o.Seed = 8
		other := generate(t, o)
		if a.Head != b.Head || a.Head == other.Head {
			t.Errorf("%s: heads %s, %s, and with another seed %s", format, a.Head, b.Head, other.Head)
		}
		for range 5 {
			if x, y := commit(t, a), commit(t, b); x != y {
				t.Errorf("%s: commits %s and %s differ", format, x, y)
			}
		}
		if got := git(t, a, "rev-parse", "--show-object-format"); got != format {
			t.Errorf("the format is %s; want %s", got, format)
		}
		if out := git(t, a, "fsck", "--full", "--strict"); out != "" {
			t.Errorf("git finds fault with the course: %s", out)
		}
	}
}

// The table of measured courses: 1,772 questions in 7,833 files with 107 MB, half of them below 5 KB.
func TestAMegaCourseHasTheMeasuredShapeAndIsMadeInSeconds(t *testing.T) {
	t.Parallel()
	start := time.Now()
	c := generate(t, coursegen.Mega(1))
	took := time.Since(start)
	files := list(t, c, c.Head)
	var sum, library int64
	perQuestion := map[string]int64{}
	ids := c.Questions()
	for _, f := range files {
		sum += f.size
		if strings.HasPrefix(f.path, "serverFilesCourse/") {
			library += f.size
		}
		for dir := filepath.Dir(f.path); dir != "."; dir = filepath.Dir(dir) {
			if _, ok := slices.BinarySearch(ids, strings.TrimPrefix(dir, "questions/")); ok {
				perQuestion[dir] += f.size
			}
		}
	}
	sizes := make([]int64, 0, len(perQuestion))
	for _, n := range perQuestion {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	median, p95, most := sizes[len(sizes)/2], sizes[len(sizes)*95/100], sizes[len(sizes)-1]
	t.Logf("%d questions, %d files, %d MB (%d MB server files), question bytes %d / %d / %d, in %v",
		len(ids), len(files), sum>>20, library>>20, median, p95, most, took)
	within(t, "questions", int64(len(sizes)), 1772, 1772)
	within(t, "files", int64(len(files)), 6500, 9500)
	within(t, "bytes", sum, 85e6, 130e6)
	within(t, "bytes of serverFilesCourse", library, 24e6, 30e6)
	within(t, "median question", median, 2000, 5000)
	within(t, "95 % of questions", p95, 50_000, 600_000)
	within(t, "largest question", most, 1e6, 12e6)
	if took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

func within(t *testing.T, what string, got, low, high int64) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s: %d; want %d to %d", what, got, low, high)
	}
}

func TestNoQuestionLiesWithinAnotherAndIDsHaveOneToFiveLevels(t *testing.T) {
	t.Parallel()
	c := generate(t, coursegen.Options{Seed: 3, Questions: 300})
	ids := c.Questions()
	for i, id := range ids {
		if i > 0 && strings.HasPrefix(id, ids[i-1]+"/") {
			t.Errorf("%s lies within %s", id, ids[i-1])
		}
	}
	all := map[int]int{}
	for _, id := range ids {
		all[1+strings.Count(id, "/")]++
	}
	for n := 1; n <= 5; n++ {
		if all[n] == 0 {
			t.Errorf("no id has %d levels: %v", n, all)
		}
	}
}

// changed returns the question directories and other paths that differ between two commits.
func changed(t *testing.T, c *coursegen.Course, from, to string) []string {
	t.Helper()
	out := git(t, c, "diff-tree", "-r", "-z", "--no-renames", "--name-only", from, to)
	if out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
}

func TestEachKindOfCommitChangesWhatItSays(t *testing.T) {
	t.Parallel()
	c := generate(t, coursegen.Options{Seed: 5, Questions: 60, Root: "sub/course"})
	prefix := "sub/course/"
	f := func(kind coursegen.Kind, changes int, below string) {
		t.Helper()
		before := c.Head
		paths := changed(t, c, before, commit(t, c, kind))
		if len(paths) != changes {
			t.Errorf("%s changes %d paths; want %d: %q", kind, len(paths), changes, paths)
		}
		for _, p := range paths {
			if !strings.HasPrefix(p, prefix+below) {
				t.Errorf("%s changes %s; want paths below %s", kind, p, below)
			}
		}
	}
	f(coursegen.Metadata, 1, "courseInstances/")
	f(coursegen.OneQuestion, 1, "questions/")
	f(coursegen.TenQuestions, 10, "questions/")
	f(coursegen.CourseLevel, 1, "serverFilesCourse/")
	f(coursegen.Mass, 20, "questions/")
	f(coursegen.Revert, 20, "questions/")
	f(coursegen.Empty, 0, "")
	f(coursegen.FileToDir, 3, "clientFilesCourse/notes")
	f(coursegen.FileToDir, 3, "clientFilesCourse/notes")
	f(coursegen.ForcePush, 1, "questions/")
	if parents := git(t, c, "rev-list", "--parents", "-1", c.Head); strings.Contains(parents, " ") {
		t.Errorf("a force push has parents: %s", parents)
	}
}

func TestMovedQuestionsKeepTheirTree(t *testing.T) {
	t.Parallel()
	c := generate(t, coursegen.Options{Seed: 6, Questions: 12})
	trees := func() map[string]string {
		m := map[string]string{}
		for _, id := range c.Questions() {
			m[id] = git(t, c, "rev-parse", "HEAD:"+c.QuestionPath(id))
		}
		return m
	}
	f := func(kind coursegen.Kind, gone, fresh int) {
		t.Helper()
		before := trees()
		commit(t, c, kind)
		after := trees()
		for id, tree := range before {
			if after[id] == tree {
				delete(before, id)
				delete(after, id)
			}
		}
		if len(before) != gone || len(after) != fresh {
			t.Errorf("%s: gone %v, new %v; want %d and %d", kind, before, after, gone, fresh)
		}
		for id, tree := range after {
			for old, was := range before {
				if was != tree {
					t.Errorf("%s: %s became %s with another content", kind, old, id)
				}
				if kind == coursegen.MoveInside && id != old+"/inner" {
					t.Errorf("%s: %s became %s", kind, old, id)
				}
			}
		}
	}
	f(coursegen.Rename, 1, 1)
	f(coursegen.MoveInside, 1, 1)
	f(coursegen.Remove, 1, 0)
	f(coursegen.Add, 0, 1)
	f(coursegen.Revert, 1, 0)
}

func TestKindsAppearInTheirProportions(t *testing.T) {
	t.Parallel()
	c := generate(t, coursegen.Options{Seed: 9, Questions: 15, ServerFiles: coursegen.Bulk{Count: 20, Bytes: 5000}})
	for range 40 {
		commit(t, c)
	}
	counts := map[string]int{}
	for line := range strings.Lines(git(t, c, "log", "--format=%s") + "\n") {
		counts[strings.TrimSpace(line)]++
	}
	one, metadata := counts["A change: one-question"], counts["A change: metadata"]
	if one < 15 || one > 32 || metadata < 5 || metadata > 20 {
		t.Errorf("of 40 commits: %v", counts)
	}
}

func TestWriteReplacesAndRemovesFiles(t *testing.T) {
	t.Parallel()
	c := generate(t, coursegen.Options{Questions: 2, Root: "r"})
	write := func(files map[string][]byte) {
		t.Helper()
		if _, err := c.Write(t.Context(), "by hand", files); err != nil {
			t.Fatal(err)
		}
	}
	write(map[string][]byte{"a/b.txt": []byte("one"), "odd \"name\n": {}})
	if got := git(t, c, "show", "HEAD:r/a/b.txt"); got != "one" {
		t.Errorf("a/b.txt is %q", got)
	}
	write(map[string][]byte{"a": nil})
	if paths := changed(t, c, "HEAD~1", "HEAD"); !slices.Equal(paths, []string{"r/a/b.txt"}) {
		t.Errorf("removing a directory changes %q", paths)
	}
}

func TestACheckoutFollowsTheCommits(t *testing.T) {
	t.Parallel()
	c := generate(t, coursegen.Options{Questions: 3, Checkout: true})
	if _, err := c.Write(t.Context(), "by hand", map[string][]byte{"hello.txt": []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(c.Dir, "hello.txt")); err != nil || string(b) != "hello" {
		t.Errorf("hello.txt: %q, %v", b, err)
	}
	if out := git(t, c, "status", "--porcelain"); out != "" {
		t.Errorf("the working tree differs: %s", out)
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Parallel()
	f := func(o coursegen.Options, want string) {
		t.Helper()
		if _, err := coursegen.Generate(t.Context(), t.TempDir(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", o, err, want)
		}
	}
	f(coursegen.Options{Format: "md5"}, "neither sha1 nor sha256")
	f(coursegen.Options{Oddities: []coursegen.Oddity{"nonsense"}}, "no oddity")
	f(coursegen.Options{Checkout: true, Oddities: []coursegen.Oddity{coursegen.NameDot}}, "working tree")
	f(coursegen.Options{Questions: -1}, "negative")
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := coursegen.Generate(t.Context(), full, coursegen.Options{}); err == nil {
		t.Error("a directory that is not empty was taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := coursegen.Generate(ctx, t.TempDir(), coursegen.Options{}); err == nil {
		t.Error("a context that ended was ignored")
	}
	c := generate(t, coursegen.Options{Questions: 1})
	if _, err := c.Commit(t.Context(), "nonsense"); err == nil || !strings.Contains(err.Error(), "no such kind") {
		t.Errorf("an unknown kind: %v", err)
	}
	if _, err := c.Commit(t.Context(), coursegen.Revert); err == nil {
		t.Error("the first commit was reverted")
	}
}
