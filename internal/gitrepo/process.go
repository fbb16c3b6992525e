package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// politeTime is what git gets to remove its temporary files after SIGTERM.
const politeTime = 3 * time.Second

// Causes with which a watch ends a job.
var (
	errStalled = errors.New("nothing moved")
	errOutgrew = errors.New("the mirror outgrew its limit")
)

// job is one git process from its start to its end.
type job struct {
	args    []string
	input   string
	remote  *address     // the job may reach it; nil: nothing outside the mirror
	outside bool         // the job has nothing to do with the mirror, which may be broken or absent
	lock    *os.File     // the process inherits it, so that the lock lasts as long as the process and its children
	line    func(string) // gets the lines of stderr; may be nil
	watch   bool         // end it when nothing moves, or the mirror outgrows its limit
}

// exitError is what a git process that failed leaves.
type exitError struct {
	command string // the first word after git
	stderr  string // its last lines, without progress
	err     error
}

// Error returns git's last words.
func (e *exitError) Error() string {
	said := strings.Join(strings.Split(e.stderr, "\n"), "; ")
	if said == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("git %s: %s (%v)", e.command, said, e.err)
}

// Unwrap returns how the process ended.
func (e *exitError) Unwrap() error { return e.err }

// run waits for a git process, and returns its output. An error is an *exitError around the cause: of ctx, of the watch, or the
// exit status.
func (r *Repo) run(ctx context.Context, j job) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	said := &lines{each: j.line}
	var out bytes.Buffer
	cmd := r.command(ctx, j)
	cmd.Stdout, cmd.Stderr = &out, said
	done := make(chan struct{})
	if j.watch {
		w := r.newWatch(said, cancel)
		ended := make(chan struct{})
		go func() { // ends with done, and is waited for below
			defer close(ended)
			w.run(done)
		}()
		defer func() { <-ended }()
	}
	defer close(done)
	err := onOneThread(cmd.Run)
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // children that outlived a SIGTERM; mostly there are none
		if err != nil {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		return nil, &exitError{command: j.args[0], stderr: said.last(), err: err}
	}
	return out.Bytes(), nil
}

// supervise runs git so that its children end with us. The kernel sends SIGTERM when we are killed, but only to our own child; git
// passes it on to some of its children, and a helper that waits for a server would live on, with the lock that it inherited. One that
// does not end within three seconds (politeTime), as git that was interrupted in the middle of malloc, is killed, by a process that
// holds neither the lock nor the directory and for which nobody waits; run, when it ends git before, kills that process, too.
const supervise = `finish() {
	trap '' TERM
	kill 0
	{ cd /; sleep 3; kill -9 0; } </dev/null >/dev/null 2>&1 3>&- &
	wait "$git"
}
trap finish TERM
"$@" & git=$!
wait "$git"`

// command prepares a process in a group of its own, so that it can be ended together with ssh and the others that it starts.
func (r *Repo) command(ctx context.Context, j job) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.options.Git, j.args...) //nolint:gosec // the program is the administrator's choice
	if j.remote != nil {
		args := append([]string{"-c", supervise, "sh", r.options.Git}, j.args...)
		cmd = exec.CommandContext(ctx, "/bin/sh", args...) //nolint:gosec // our own script; the rest are its arguments
	}
	cmd.Dir, cmd.Env = r.dir, r.environ(j.remote)
	if j.outside {
		cmd.Dir, cmd.Env = "/", append(cmd.Env, "GIT_DIR=/nonexistent")
	}
	if j.input != "" {
		cmd.Stdin = strings.NewReader(j.input)
	}
	if j.lock != nil {
		cmd.ExtraFiles = []*os.File{j.lock}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = politeTime
	return cmd
}

// onOneThread runs f, which starts a child and waits for its end, in a goroutine that keeps its thread: the kernel sends the
// parent-death signal when the thread that started the child ends.
func onOneThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- f()
	}()
	return <-done
}

// git runs a command on the mirror alone, and returns its output without the last newline.
func (r *Repo) git(ctx context.Context, args ...string) (string, error) {
	out, err := r.run(ctx, job{args: args})
	return strings.TrimSuffix(string(out), "\n"), err
}
