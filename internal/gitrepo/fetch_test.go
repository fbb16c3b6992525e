package gitrepo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/treepack"
)

// S4-29: a restart fetches, it does not clone.
func TestAMirrorFollowsItsBranchAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		c := generate(t, tiny(format))
		o := options(t, c.Dir)
		r := open(t, o)
		if r.Format().String() != format {
			t.Errorf("the format is %s; want %s", r.Format(), format)
		}
		for _, branch := range []string{"main", "", "main"} {
			if got := fetch(t, r, branch); got != c.Head {
				t.Errorf("%s: branch %q is at %s; want %s", format, branch, got, c.Head)
			}
			readable(t, r, c.Head)
			commit(t, c)
			commit(t, c, coursegen.Rename)
		}
		packs := names(t, o.Dir, "objects/pack/*.pack")
		r = open(t, o)
		if got := fetch(t, r, ""); got != c.Head {
			t.Errorf("after a restart the branch is at %s; want %s", got, c.Head)
		}
		if now := names(t, o.Dir, "objects/pack/*.pack"); len(now) != len(packs)+1 {
			t.Errorf("packs before the restart %v, and after one more fetch %v", packs, now)
		}
	}
}

func names(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Research 4.8, "Force push": trees are compared, history is ignored; what is kept stays readable.
func TestAForcePushIsFollowedAndKeptCommitsStay(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	old := fetch(t, r, "main")
	if err := r.Keep(t.Context(), 1, id(t, old)); err != nil {
		t.Fatal(err)
	}
	commit(t, c, coursegen.ForcePush)
	git(t, c.Dir, "gc", "--quiet", "--prune=now")
	if got := fetch(t, r, "main"); got != c.Head || got == old {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
	git(t, r.Dir(), "gc", "--quiet", "--prune=now")
	readable(t, r, old)
	readable(t, r, c.Head)
}

func TestADeletedOrUnknownBranchIsNamedAndChangesNothing(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	git(t, c.Dir, "branch", "exam")
	r := open(t, options(t, c.Dir))
	at := fetch(t, r, "exam")
	git(t, c.Dir, "branch", "-D", "exam")
	_, err := r.Fetch(t.Context(), "exam", nil)
	expect(t, err, gitrepo.ErrNoBranch, "exam", "main")
	readable(t, r, at)
	_, err = r.Fetch(t.Context(), "no/such", nil)
	expect(t, err, gitrepo.ErrNoBranch, "no/such")
	if got := fetch(t, r, "main"); got != c.Head {
		t.Errorf("main is at %s; want %s", got, c.Head)
	}
	git(t, c.Dir, "symbolic-ref", "HEAD", "refs/heads/unborn")
	_, err = r.Fetch(t.Context(), "", nil)
	expect(t, err, gitrepo.ErrNoBranch, "default branch")
}

func TestWhatIsNoRepositoryIsRefused(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := gitrepo.Open(t.Context(), options(t, empty))
	expect(t, err, gitrepo.ErrNotARepository)
	_, err = gitrepo.Open(t.Context(), options(t, filepath.Join(empty, "absent")))
	expect(t, err, gitrepo.ErrNotARepository)
	git(t, empty, "init", "--quiet", "--bare")
	_, err = gitrepo.Open(t.Context(), options(t, empty))
	expect(t, err, gitrepo.ErrNoBranch, "empty")
}

func TestARemoteThatIsReplacedByOneOfAnotherFormatIsClonedAgain(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	fetch(t, r, "")
	if err := os.RemoveAll(c.Dir); err != nil {
		t.Fatal(err)
	}
	other, err := coursegen.Generate(t.Context(), c.Dir, tiny("sha256"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, r, ""); got != other.Head || r.Format() != treepack.SHA256 {
		t.Errorf("branch at %s, format %s; want %s, sha256", got, r.Format(), other.Head)
	}
	readable(t, r, other.Head)
}

// Every oddity that can be fetched costs its own question at most, never the fetch; the others are told apart.
func TestOdditiesDoNotKeepTheOthersFromBeingFetched(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		o := tiny(format)
		o.Oddities, o.BigBytes, o.ManyFiles = coursegen.Oddities(), 300_000, 100
		c := generate(t, o)
		r := open(t, options(t, c.Dir))
		if got := fetch(t, r, ""); got != c.Head {
			t.Errorf("%s: branch at %s; want %s", format, got, c.Head)
		}
	}
	for _, odd := range coursegen.UnfetchableOddities() {
		c := generate(t, tiny("sha1"))
		r := open(t, options(t, c.Dir))
		good := fetch(t, r, "")
		o := tiny("sha1")
		o.Oddities = []coursegen.Oddity{odd}
		if err := os.RemoveAll(c.Dir); err != nil {
			t.Fatal(err)
		}
		if _, err := coursegen.Generate(t.Context(), c.Dir, o); err != nil {
			t.Fatal(err)
		}
		_, err := r.Fetch(t.Context(), "", nil)
		expect(t, err, gitrepo.ErrRemoteCorrupt, "git fsck")
		readable(t, r, good)
	}
}

func TestProgressIsToldLineByLine(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	var lines []string
	if _, err := r.Fetch(t.Context(), "", func(line string) { lines = append(lines, line) }); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	if !strings.Contains(all, "Receiving objects: 100%") || strings.ContainsAny(all, "\r\x1b") {
		t.Errorf("progress: %q", all)
	}
}

func TestARepositoryAboveItsLimitIsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	c := generate(t, coursegen.Options{Questions: 2, ServerFiles: coursegen.Bulk{Count: 12, Bytes: 6_000_000}})
	o := options(t, c.Dir)
	o.MaxBytes = 1_000_000
	r := open(t, o)
	_, err := r.Fetch(t.Context(), "", nil)
	expect(t, err, gitrepo.ErrTooLarge, "1000000")
	o.MaxBytes = 0
	r = open(t, o)
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("without a limit the branch is at %s; want %s", got, c.Head)
	}
	if rest := names(t, o.Dir, "objects/pack/tmp_*"); len(rest) > 0 {
		t.Errorf("left over: %v", rest)
	}
}

func TestManyPacksAreMadeOne(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	first := fetch(t, r, "")
	if err := r.Keep(t.Context(), 1, id(t, first)); err != nil {
		t.Fatal(err)
	}
	o := objects(t, r)
	for range 31 {
		commit(t, c, coursegen.OneQuestion)
		fetch(t, r, "")
	}
	if n := len(names(t, r.Dir(), "objects/pack/*.pack")); n < 30 {
		t.Fatalf("%d packs", n)
	}
	if err := r.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(names(t, r.Dir(), "objects/pack/*.pack")); n != 1 {
		t.Errorf("%d packs after the maintenance", n)
	}
	for _, at := range []string{first, c.Head} {
		info, err := r.Commit(t.Context(), id(t, at))
		if err != nil {
			t.Fatal(err)
		}
		walk(t, o, info.Tree)
	}
}
