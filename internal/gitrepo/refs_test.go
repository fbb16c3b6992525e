package gitrepo_test

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/treepack"
)

// manyCommits adds commits until two begin with the same four digits, and returns these and a commit whose first four are its own.
func manyCommits(t *testing.T, c *coursegen.Course) (ambiguous string, unique string) {
	t.Helper()
	var input strings.Builder
	for i := range 700 {
		fmt.Fprintf(&input, "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n", 1_700_000_000+i)
		if i == 0 {
			fmt.Fprintf(&input, "from %s\n", c.Head)
		}
	}
	cmd := exec.CommandContext(t.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = c.Dir, strings.NewReader(input.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v: %s", err, out)
	}
	seen := map[string][]string{}
	for commit := range strings.FieldsSeq(git(t, c.Dir, "rev-list", "main")) {
		seen[commit[:4]] = append(seen[commit[:4]], commit)
	}
	for _, short := range slices.Sorted(maps.Keys(seen)) {
		if len(seen[short]) > 1 {
			ambiguous = short
		} else {
			unique = seen[short][0]
		}
	}
	if ambiguous == "" || unique == "" {
		t.Fatal("no two of 700 commits begin alike")
	}
	return ambiguous, unique
}

// S4-43: a short hash is accepted when it is unique, and refused when it is not.
func TestAShortHashNamesOneCommitOrNone(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	ambiguous, unique := manyCommits(t, c)
	r := open(t, options(t, c.Dir))
	fetch(t, r, "")
	for _, text := range []string{unique, unique[:12], unique[:4]} {
		if got, err := r.Resolve(t.Context(), text); err != nil || got.String() != unique {
			t.Errorf("%s is %s, %v; want %s", text, got, err, unique)
		}
	}
	_, err := r.Resolve(t.Context(), ambiguous)
	expect(t, err, gitrepo.ErrAmbiguous, ambiguous)
	tree := git(t, c.Dir, "rev-parse", c.Head+"^{tree}")
	for _, text := range []string{strings.Repeat("0", 40), tree, "", "abc", "HEAD", "main", "--all", unique + "0", "refs/holdfast/fetched", "ABCDEF"} {
		_, err := r.Resolve(t.Context(), text)
		expect(t, err, gitrepo.ErrNoCommit)
	}
}

func TestACommitIsDescribedAndItsTextIsHarmless(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha256"))
	if _, err := c.Write(t.Context(), "Grün \x1b[31mrot\n\nmore text", map[string][]byte{"x": []byte("x")}); err != nil {
		t.Fatal(err)
	}
	r := open(t, options(t, c.Dir))
	head := id(t, fetch(t, r, ""))
	info, err := r.Commit(t.Context(), head)
	want := gitrepo.CommitInfo{
		ID: head, Tree: id(t, git(t, c.Dir, "rev-parse", "HEAD^{tree}")), Author: "Ada Author", Subject: "Grün [31mrot",
		Time: time.Date(2025, 9, 1, 9, 0, 0, 0, time.UTC),
	}
	if err != nil || info != want {
		t.Errorf("%+v, %v; want %+v", info, err, want)
	}
	_, err = r.Commit(t.Context(), treepack.HashObject(treepack.SHA256, "commit", nil))
	expectCode(t, err, gitrepo.ErrNoCommit.Code)
}

// S4, E-51: the course root may lie below the repository's root.
func TestTheRootOfACourseIsFoundBelowTheRepositorys(t *testing.T) {
	t.Parallel()
	o := tiny("sha1")
	o.Root = "courses/phys ics"
	o.Oddities = []coursegen.Oddity{coursegen.Submodule, coursegen.NameBytes}
	c := generate(t, o)
	r := open(t, options(t, c.Dir))
	info, err := r.Commit(t.Context(), id(t, fetch(t, r, "")))
	if err != nil {
		t.Fatal(err)
	}
	f := func(path string) {
		t.Helper()
		want := git(t, c.Dir, "rev-parse", "HEAD:"+strings.TrimPrefix(path, "."))
		if got, err := r.Below(t.Context(), info.Tree, path); err != nil || got.String() != want {
			t.Errorf("%q is %s, %v; want %s", path, got, err, want)
		}
	}
	f("")
	f(".")
	f("courses")
	f("courses/phys ics")
	f("courses/phys ics/questions/odd")
	for _, path := range []string{
		"courses/none", "courses/phys ics/infoCourse.json", "courses/phys ics/questions/odd/submodule/other",
		"/courses", "courses/", "../x", "courses/*", ":(glob)**", "-x", "cour\x00ses",
	} {
		_, err := r.Below(t.Context(), info.Tree, path)
		expect(t, err, gitrepo.ErrNoRoot)
	}
}

func TestKeptCommitsAreForgottenWhenTheyAreNotWantedAnyMore(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	want := map[int64]treepack.ID{}
	for seq := int64(1); seq <= 12; seq++ {
		want[seq] = id(t, fetch(t, r, ""))
		if err := r.Keep(t.Context(), seq, want[seq]); err != nil {
			t.Fatal(err)
		}
		commit(t, c, coursegen.Empty)
	}
	if kept, err := r.Kept(t.Context()); err != nil || !maps.Equal(kept, want) {
		t.Errorf("kept %v, %v; want %v", kept, err, want)
	}
	if err := r.Forget(t.Context(), func(seq int64) bool { return seq == 3 || seq > 10 }); err != nil {
		t.Fatal(err)
	}
	kept, err := r.Kept(t.Context())
	if got := slices.Sorted(maps.Keys(kept)); err != nil || !slices.Equal(got, []int64{3, 11, 12}) {
		t.Errorf("kept %v, %v", got, err)
	}
	if err := r.Keep(t.Context(), 13, treepack.HashObject(treepack.SHA1, "commit", nil)); err == nil {
		t.Error("a commit that is not there was kept")
	}
}

// A commit descends from those that were pushed before it, near and far, and not from what a force push took away, of which the
// mirror may have nothing.
func TestACommitDescendsFromWhatItBuildsOn(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	first := c.Head
	r := open(t, options(t, c.Dir))
	fetch(t, r, "")
	manyCommits(t, c)
	far := fetch(t, r, "")
	id := func(text string) treepack.ID {
		t.Helper()
		id, err := treepack.ParseID(text)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	parent := git(t, c.Dir, "rev-parse", "main~1")
	if _, err := c.Commit(t.Context(), coursegen.ForcePush); err != nil {
		t.Fatal(err)
	}
	rewritten := fetch(t, r, "")
	for name, x := range map[string]struct {
		id, from string
		want     bool
	}{
		"itself": {far, far, true}, "its parent": {far, parent, true}, "an ancestor of long ago": {far, first, true}, "a descendant": {parent, far, false},
		"after a force push": {rewritten, far, false}, "what nobody has": {far, "00000000000000000000000000000000000000aa", false},
		"of another format": {far, strings.Repeat("ab", 32), false},
	} {
		if got, known, err := r.Descends(t.Context(), id(x.id), id(x.from)); got != x.want || !known || err != nil {
			t.Errorf("%s: %v, known %v, %v", name, got, known, err)
		}
	}
}
