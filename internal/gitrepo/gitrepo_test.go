package gitrepo_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/internal/gitrepo"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/treepack"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(fetchForEver(dir))
	}
	lifecycletest.Main(m, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// needProgram fails the test when a program is not installed, and returns its path.
func needProgram(t testing.TB, program, deb string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("this test needs %s: apt-get install %s", program, deb)
	}
	return path
}

// tiny is a course of some questions.
func tiny(format string) coursegen.Options {
	return coursegen.Options{Seed: 1, Questions: 4, ServerFiles: coursegen.Bulk{Count: 6, Bytes: 4000}, Format: format}
}

func generate(t testing.TB, o coursegen.Options) *coursegen.Course {
	t.Helper()
	c, err := coursegen.Generate(t.Context(), filepath.Join(t.TempDir(), "course.git"), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func commit(t testing.TB, c *coursegen.Course, kinds ...coursegen.Kind) string {
	t.Helper()
	id, err := c.Commit(t.Context(), kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// options are those for a mirror of a URL in a directory of its own.
func options(t testing.TB, url string) gitrepo.Options {
	t.Helper()
	return gitrepo.Options{
		Dir: filepath.Join(t.TempDir(), "mirror"), URL: url, Stall: 20 * time.Second,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func open(t testing.TB, o gitrepo.Options) *gitrepo.Repo {
	t.Helper()
	r, err := gitrepo.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Rest)
	return r
}

func fetch(t testing.TB, r *gitrepo.Repo, branch string) string {
	t.Helper()
	id, err := r.Fetch(t.Context(), branch, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func objects(t testing.TB, r *gitrepo.Repo) *gitrepo.Objects {
	t.Helper()
	o, err := r.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return o
}

// git runs a command on a repository, as somebody else would.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org",
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, &said)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// id parses what git printed.
func id(t testing.TB, text string) treepack.ID {
	t.Helper()
	parsed, err := treepack.ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// expect checks that an error is of a kind, and tells what to do.
func expect(t testing.TB, err error, like *fault.Error, words ...string) {
	t.Helper()
	if !errors.Is(err, like) {
		t.Fatalf("error %v (%s); want %s", err, fault.CodeOf(err), like.Code)
	}
	if fault.HintOf(err) == "" {
		t.Errorf("error %v has no hint", err)
	}
	for _, w := range words {
		if text := err.Error() + " → " + fault.HintOf(err); !strings.Contains(text, w) {
			t.Errorf("error %q does not say %q", text, w)
		}
	}
}

func expectCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error %v (%s); want %s", err, fault.CodeOf(err), code)
	}
}

// readable checks that everything of a commit can be read from the mirror, with the right bytes.
func readable(t testing.TB, r *gitrepo.Repo, commit string) {
	t.Helper()
	info, err := r.Commit(t.Context(), id(t, commit))
	if err != nil {
		t.Fatal(err)
	}
	o := objects(t, r)
	if n := walk(t, o, info.Tree); n == 0 {
		t.Errorf("commit %s has no files", commit)
	}
}

// walk reads a tree and everything below it, and returns the number of files.
func walk(t testing.TB, o *gitrepo.Objects, tree treepack.ID) int {
	t.Helper()
	raw, err := o.Tree(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	if got := treepack.HashObject(tree.Format(), "tree", raw); got != tree {
		t.Errorf("tree %s has the bytes of %s", tree, got)
	}
	entries, err := treepack.ParseTree(tree.Format(), raw)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		switch e.Mode.Kind() {
		case treepack.Dir:
			n += walk(t, o, e.ID)
		case treepack.Submodule, treepack.Other:
		default:
			n++
			if got := treepack.HashObject(tree.Format(), "blob", read(t, o, e.ID)); got != e.ID {
				t.Errorf("blob %s has the bytes of %s", e.ID, got)
			}
		}
	}
	return n
}

func read(t testing.TB, o *gitrepo.Objects, blob treepack.ID) []byte {
	t.Helper()
	content, err := slurp(t, o, blob)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func slurp(t testing.TB, o *gitrepo.Objects, blob treepack.ID) ([]byte, error) {
	t.Helper()
	r, err := o.Blob(t.Context(), blob)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	return content, errors.Join(err, r.Close())
}
