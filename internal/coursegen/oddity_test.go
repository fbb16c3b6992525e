package coursegen_test

import (
	"os/exec"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
)

// small is a course whose large oddities are small.
func small(format string, odd ...coursegen.Oddity) coursegen.Options {
	return coursegen.Options{
		Seed: 4, Questions: 3, ServerFiles: coursegen.Bulk{Count: 3, Bytes: 500}, Format: format,
		Oddities: odd, BigBytes: 100_000, ManyFiles: 200, Depth: 60,
	}
}

// S4-17, research section 4.8: every pitfall has an oddity, and each lies in its own question.
func TestEveryOddityLiesInAQuestionOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		c := generate(t, small(format, coursegen.Oddities()...))
		places := git(t, c, "ls-tree", "--name-only", "HEAD:questions/odd")
		names := strings.Split(places, "\n")
		if got, want := len(names), len(coursegen.Oddities())+1; got != want { // one for template-cycle-other
			t.Errorf("%s: %d directories; want %d: %v", format, got, want, names)
		}
		for _, o := range coursegen.Oddities() {
			if !strings.Contains("\n"+places+"\n", "\n"+string(o)+"\n") {
				t.Errorf("%s: %s is not there", format, o)
			}
		}
		if git(t, c, "rev-list", "--objects", "--quiet", "HEAD") != "" {
			t.Errorf("%s: objects are missing", format)
		}
	}
}

func TestAnOddityCanBeMadeAlone(t *testing.T) {
	t.Parallel()
	plain := generate(t, small("sha1"))
	alone := generate(t, small("sha1", coursegen.LinkEscape))
	before, after := list(t, plain, plain.Head), list(t, alone, alone.Head)
	if len(after) != len(before)+3 {
		t.Errorf("%d files with the oddity, %d without; want three more", len(after), len(before))
	}
	for _, f := range after {
		if strings.HasPrefix(f.path, coursegen.LinkEscape.Path()+"/") && strings.HasSuffix(f.path, "passwords") && f.mode != "120000" {
			t.Errorf("the link has mode %s", f.mode)
		}
	}
}

// raw returns what a tree of an oddity's question has, byte for byte.
func raw(t *testing.T, o coursegen.Oddity) string {
	t.Helper()
	c := generate(t, small("sha1", o))
	return git(t, c, "cat-file", "tree", "HEAD:"+o.Path())
}

func TestOddTreesHaveTheBytesThatNoProgramOfTodayWrites(t *testing.T) {
	t.Parallel()
	f := func(o coursegen.Oddity, want string, times int) {
		t.Helper()
		if got := raw(t, o); strings.Count(got, want) != times {
			t.Errorf("%s: %q stands %d times in %q; want %d", o, want, strings.Count(got, want), got, times)
		}
	}
	f(coursegen.LegacyModes, "040000 sub\x00", 1)
	f(coursegen.LegacyModes, "100664 shared.txt\x00", 1)
	f(coursegen.NameDotGit, " .git\x00", 1)
	f(coursegen.NameDot, " .\x00", 1)
	f(coursegen.NameDotDot, " ..\x00", 1)
	f(coursegen.NameSlash, " ../../escaped\x00", 1)
	f(coursegen.NameBytes, " caf\xe9.txt\x00", 1)
	f(coursegen.NameQuotes, " new\nline.txt\x00", 1)
	f(coursegen.Submodule, "160000 other\x00", 1)
	f(coursegen.DuplicateEntry, " twice.txt\x00", 2)
	f(coursegen.NameLong, strings.Repeat("long", 75)+"\x00", 1)
}

func TestRepositoriesWithUnfetchableOdditiesCannotBeFetched(t *testing.T) {
	t.Parallel()
	for _, o := range coursegen.UnfetchableOddities() {
		c := generate(t, small("sha1", o))
		cmd := exec.CommandContext(t.Context(), "git", "-c", "transfer.fsckObjects=true", "clone", "--quiet", "--bare", "--no-local", c.Dir, t.TempDir())
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s: the repository was cloned: %s", o, out)
		}
	}
}
