package gitrepo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/lifecycle/lifecycletest"
)

// childDir and childURL make the test's own program a child that fetches into a mirror until it is killed; with another git when
// childGit names one.
const (
	childDir = "GITREPO_TEST_DIR"
	childURL = "GITREPO_TEST_URL"
	childGit = "GITREPO_TEST_GIT"
)

func fetchForEver(dir string) int {
	r, err := gitrepo.Open(context.Background(), gitrepo.Options{Dir: dir, URL: os.Getenv(childURL), Git: os.Getenv(childGit)})
	if err == nil {
		_, err = r.Fetch(context.Background(), "", nil)
	}
	fmt.Fprintln(os.Stderr, "the child ended by itself:", err)
	return 1
}

// serving returns the processes whose working directory is the mirror's.
func serving(t *testing.T, dir string) []int {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, proc := range procs {
		pid, _ := strconv.Atoi(filepath.Base(proc)) // digits
		if cwd, err := os.Readlink(proc + "/cwd"); err == nil && cwd == dir && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gated serves a course through a gate.
func gated(t *testing.T) (*coursegen.Course, *gate, gitrepo.Options) {
	t.Helper()
	c := sizeable(t)
	dir, name := in(c)
	g := newGate(backend(t, dir))
	return c, g, options(t, serve(t, g)+name)
}

func TestGitThatIsKilledInTheMiddleLeavesNothingInTheWay(t *testing.T) {
	t.Parallel()
	c, g, o := gated(t)
	r := open(t, o)
	failed := make(chan error, 1)
	go func() {
		_, err := r.Fetch(t.Context(), "", nil)
		failed <- err
	}()
	<-g.held
	pids := serving(t, o.Dir)
	if len(pids) < 2 {
		t.Fatalf("processes %v; want git and its children", pids)
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // a child may have ended after its parent
	}
	if err := <-failed; err == nil {
		t.Fatal("a fetch whose processes were killed succeeded")
	}
	close(g.opened)
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
	readable(t, r, c.Head)
}

// fetcher starts a process that fetches into the mirror, and returns what kills it.
func fetcher(t *testing.T, o gitrepo.Options) (kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+o.Dir, childURL+"="+o.URL, childGit+"="+o.Git)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
}

// deserted waits until no process works in the mirror any more.
func deserted(t *testing.T, dir string) {
	t.Helper()
	lifecycletest.Eventually(t, 30*time.Second, func() error {
		if pids := serving(t, dir); len(pids) > 0 {
			return fmt.Errorf("processes %v live on", pids)
		}
		return nil
	})
}

func TestWhenWeAreKilledGitEndsAndTheNextOneGoesOn(t *testing.T) {
	t.Parallel()
	c, g, o := gated(t)
	kill := fetcher(t, o)
	<-g.held
	kill()
	deserted(t, o.Dir)
	close(g.opened)
	r := open(t, o)
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
	if rest := names(t, o.Dir, "objects/pack/tmp_*"); len(rest) > 0 {
		t.Errorf("left over: %v", rest)
	}
}

func TestWhenWeAreKilledGitThatDoesNotHearEndsAsWell(t *testing.T) {
	t.Parallel()
	o, started := deaf(t)
	kill := fetcher(t, o)
	lifecycletest.Eventually(t, 30*time.Second, func() error {
		_, err := os.Stat(started)
		return err
	})
	kill()
	deserted(t, o.Dir)
	o.Git = ""
	if _, err := open(t, o).Fetch(t.Context(), "", nil); err != nil {
		t.Errorf("fetch after it: %v", err) // it got the lock
	}
}

func TestGitThatDoesNotHearEndsWithItsContext(t *testing.T) {
	t.Parallel()
	o, started := deaf(t)
	r := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := r.Fetch(ctx, "", nil)
		failed <- err
	}()
	lifecycletest.Eventually(t, 30*time.Second, func() error {
		_, err := os.Stat(started)
		return err
	})
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("fetch: %v", err)
	}
	deserted(t, o.Dir)
}

// deaf returns options with a git that, when it fetches, starts a child and hears no SIGTERM, and neither does the child; and the name
// of the file that tells when that is so.
func deaf(t *testing.T) (o gitrepo.Options, started string) {
	t.Helper()
	o = options(t, generate(t, tiny("sha1")).Dir)
	started = filepath.Join(t.TempDir(), "started")
	o.Git = filepath.Join(t.TempDir(), "git")
	script := fmt.Sprintf(`#!/bin/sh
case " $* " in *" fetch "*) ;; *) exec git "$@" ;; esac
trap '' TERM
sleep 600 &
: > %s
wait
`, started)
	if err := os.WriteFile(o.Git, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return o, started
}

func TestAFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	_, g, o := gated(t)
	r := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := r.Fetch(ctx, "", nil)
		failed <- err
	}()
	<-g.held
	waiting := make(chan error, 1)
	go func() { // a second one waits for the first, and ends with its context, too
		_, err := r.Fetch(ctx, "", nil)
		waiting <- err
	}()
	cancel()
	for _, c := range []chan error{failed, waiting} {
		if err := <-c; !errors.Is(err, context.Canceled) {
			t.Errorf("fetch: %v", err)
		}
	}
	deserted(t, o.Dir)
}

func TestLocksThatAKillLeftAreRemoved(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	first := fetch(t, r, "")
	for _, name := range []string{
		"config.lock", "packed-refs.lock", "shallow.lock", "HEAD.lock", "refs/holdfast/fetched.lock", "refs/holdfast/1.lock",
		"objects/pack/tmp_pack_abc", "objects/pack/.tmp-1-pack-abc.pack", "objects/tmp_objdir-incoming-x/pack/y", "gc.pid",
	} {
		put(t, filepath.Join(r.Dir(), name), "")
	}
	if err := r.Keep(t.Context(), 1, id(t, first)); err != nil {
		t.Fatal(err)
	}
	commit(t, c, coursegen.OneQuestion)
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
	for _, rest := range append(names(t, r.Dir(), "*.lock"), names(t, r.Dir(), "objects/*/*tmp*")...) {
		t.Errorf("left over: %s", rest)
	}
}

func TestTwoUsersOfAMirrorWaitForEachOther(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	o := options(t, c.Dir)
	done := make(chan error)
	for range 6 {
		go func() {
			r, err := gitrepo.Open(t.Context(), o)
			for i := 0; i < 3 && err == nil; i++ {
				_, err = r.Fetch(t.Context(), "", nil)
			}
			done <- err
		}()
	}
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	readable(t, open(t, o), c.Head)
}

// mountTmpfs mounts a file system of some bytes until the test ends.
func mountTmpfs(t *testing.T, bytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, to mount a small disk: run the tests as root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(bytes)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestAFullDiskIsToldAndTheMirrorStaysAsItWas(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	o := options(t, c.Dir)
	disk := mountTmpfs(t, 1_500_000)
	o.Dir = filepath.Join(disk, "mirror")
	r := open(t, o)
	good := fetch(t, r, "")
	if _, err := c.Write(t.Context(), "big", map[string][]byte{"big": []byte(noise(2_500_000))}); err != nil {
		t.Fatal(err)
	}
	_, err := r.Fetch(t.Context(), "", nil)
	expect(t, err, gitrepo.ErrDiskFull, "make room")
	readable(t, r, good)
	if _, err := c.Write(t.Context(), "small again", map[string][]byte{"big": nil}); err != nil {
		t.Fatal(err)
	}
	commit(t, c, coursegen.ForcePush)
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
}

// noise returns text that does not become smaller.
func noise(n int) string {
	var b strings.Builder
	for x := uint64(1); b.Len() < n; x = x*6364136223846793005 + 1442695040888963407 {
		b.WriteByte(byte(x >> 56))
	}
	return b.String()
}
