package gitrepo_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/treepack"
)

// oddCommits adds commits that people and programs have made, and returns their ids.
func oddCommits(t *testing.T, c *coursegen.Course) []string {
	t.Helper()
	tree := git(t, c.Dir, "rev-parse", c.Head+"^{tree}")
	const usual = "author Ada <a@example.org> 1700000000 +0100\ncommitter Bo <b@example.org> 1700000001 +0000\n"
	var ids []string
	for _, text := range []string{
		usual + "\nplain\n", usual + "\nno newline", usual + "\n", usual + "\n\n\n  \n  leading\nsecond line \n\nbody",
		usual + "\ntab\tand \x1b[31mcolour\x7f\r\nnext\r\n\r\nbody\n", usual + "\n\xff\xfe not UTF-8\n",
		usual + "encoding ISO-8859-1\n\ngr\xfcn\n", usual + "gpgsig -----BEGIN\n x\n -----END\n\nsigned\n",
		usual + "mergetag object 1\n tree 2\n author X <x> 1 +0000\n\nmerged\n",
		"author  <> 1700000000 +0000\ncommitter  <> 1700000001 +0000\n\nnobody\n",
		"author A <b <c> 1 +0000\ncommitter A>B <c> 2 +0000\n\nbrackets\n",
		"author A<a@example.org> 5 +0000\ncommitter A <a@example.org>  7 +0000\n\nspaces\n",
		"author A <a@example.org> 5 +0000\ncommitter A <a@example.org> 99999999999999999999 +0000\n\noverflow\n",
		"author A <a@example.org> 5 +0000\ncommitter A <a@example.org> -5 +0000\n\nbefore\n",
		"author A <a@example.org> 5\ncommitter A <a@example.org> 6\n\nno zone\n",
	} {
		cmd := exec.CommandContext(t.Context(), "git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
		cmd.Dir, cmd.Stdin = c.Dir, strings.NewReader("tree "+tree+"\n"+text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git hash-object of %q: %v", text, err)
		}
		ids = append(ids, strings.TrimSpace(string(out)))
	}
	return ids
}

// What a reader that stays says of a commit is what git log says.
func TestAReaderDescribesCommitsAsGitDoes(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	odd := oddCommits(t, c)
	r := open(t, options(t, c.Dir))
	fetch(t, r, "")
	// The objects are put beside the fetched ones: a server would not send all of them.
	put(t, filepath.Join(r.Dir(), "objects", "info", "alternates"), filepath.Join(c.Dir, "objects")+"\n")
	for i, text := range append(odd, c.Head) {
		want, wantErr := r.Commit(t.Context(), id(t, text))
		got, err := r.Reader().Commit(t.Context(), id(t, text))
		if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("commit %d: %+v, %v; git says %+v, %v", i, got, err, want, wantErr)
		}
	}
	_, err := r.Reader().Commit(t.Context(), id(t, strings.Repeat("1", 40)))
	expectCode(t, err, gitrepo.ErrNoCommit.Code)
}

func TestAReaderFindsTheRootAsGitDoes(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha256"))
	r := open(t, options(t, c.Dir))
	head := id(t, fetch(t, r, ""))
	info, err := r.Reader().Commit(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	question := "questions/" + c.Questions()[0]
	for _, path := range []string{"", ".", "questions", question, question + "/info.json", "nothing", "questions/nothing", "a//b", "../x", "/questions", "x\ny"} {
		want, wantErr := r.Below(t.Context(), info.Tree, path)
		got, err := r.Reader().Below(t.Context(), info.Tree, path)
		if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%q: %s, %v; git says %s, %v", path, got, err, want, wantErr)
		}
	}
}

// A mirror that was whole is not read as a whole again; but what a new commit brings, is looked for.
func TestWhatANewCommitLacksIsNoticedByTheFetchThatBringsIt(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"blob", "tree"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := generate(t, tiny("sha1"))
			r := open(t, options(t, c.Dir))
			fetch(t, r, "")
			path := "questions/new/info.json"
			second := write(t, c, map[string][]byte{path: []byte("{}\n \n")})
			third := write(t, c, map[string][]byte{path: []byte("{}\n  \n")})
			if got := fetch(t, r, ""); got != third {
				t.Fatalf("fetched %s; want %s", got, third)
			}
			lost := git(t, c.Dir, "rev-parse", second+":"+path)
			if kind == "tree" {
				lost = git(t, c.Dir, "rev-parse", second+":questions/new")
			}
			r.Rest() // a process that has the pack open would read it all the same
			loseFromPacks(t, r.Dir(), lost)
			// Back to the second commit: git takes it for complete, since one that follows it is there.
			git(t, c.Dir, "update-ref", "refs/heads/main", second)
			if got := fetch(t, r, ""); got != second {
				t.Fatalf("fetched %s; want %s", got, second)
			}
			readable(t, r, second)
		})
	}
}

func write(t *testing.T, c *coursegen.Course, files map[string][]byte) string {
	t.Helper()
	id, err := c.Write(t.Context(), "change", files)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// loseFromPacks makes the packs of a mirror loose objects, and removes one of them.
func loseFromPacks(t *testing.T, dir, lost string) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*"))
	if err != nil {
		t.Fatal(err)
	}
	aside := t.TempDir()
	script := `mv "$@" "$0" && for p in "$0"/*.pack; do git -C "$DIR" unpack-objects -q < "$p" || exit 1; done`
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, aside}, packs...)...)
	cmd.Env = append(cmd.Environ(), "DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v: %s", err, out)
	}
	remove(t, filepath.Join(dir, "objects", lost[:2], lost[2:]))
}

// Between two pieces of work no process is left, and the next one starts what it needs.
func TestAReaderThatRestsHasNoProcesses(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	head := id(t, fetch(t, r, ""))
	for range 2 {
		info, err := r.Reader().Commit(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		if n := walk(t, r.Reader(), info.Tree); n == 0 {
			t.Error("no files")
		}
		if processesBelow(t, r.Dir()) == 0 {
			t.Error("no process reads: this test would not notice any")
		}
		r.Rest()
		if n := processesBelow(t, r.Dir()); n != 0 {
			t.Errorf("%d processes stay", n)
		}
	}
	var _ treepack.Source = r.Reader()
}

// processesBelow counts the processes that work in a directory.
func processesBelow(t *testing.T, dir string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if at, err := filepath.EvalSymlinks(link); err == nil && at == dir {
			n++
		}
	}
	return n
}
