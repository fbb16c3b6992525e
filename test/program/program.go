// Package program runs Holdfast, and other programs, for end-to-end tests: each is a process of its own, whose words are kept,
// and which is gone when its test is.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/cli"
)

// Process is a program that a test started.
type Process struct {
	T      testing.TB
	PID    int
	Out    *Transcript // standard output
	Err    *Transcript // standard error
	Exited chan struct{}
	State  *os.ProcessState // once Exited is closed
}

// Launch starts a program; it is killed when the test is over, or dies with it. The caller fills in what it wants of cmd
// besides the outputs. The thread that forks must outlive the process: the parent-death signal hangs on it.
func Launch(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{T: t, Out: newTranscript(), Err: newTranscript(), Exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Out, p.Err
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error, 1)
	go func() { // waited for by Exited
		defer close(p.Exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in State
		}
		p.State = cmd.ProcessState
		p.Out.end()
		p.Err.end()
	}()
	if err := <-started; err != nil {
		<-p.Exited
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	p.PID = cmd.Process.Pid
	t.Cleanup(func() {
		p.Kill()
		for _, bad := range []string{"DATA RACE", "panicked", "panic: ", "goroutine 1 ["} {
			if strings.Contains(p.Err.String(), bad) {
				t.Errorf("process %d, %v, has a bug", p.PID, cmd.Args[1:])
				break
			}
		}
		if t.Failed() {
			t.Logf("process %d, %v, said:\n%s", p.PID, cmd.Args[1:], quiet(p.Err.String()))
		}
	})
	return p
}

// ActAs is set in the environment of processes of a test's own binary that are to be Holdfast: [Main].
const ActAs = "ACT_AS_HOLDFAST"

// Main is called by TestMain first: if Holdfast is what the process was started for, it runs it, and returns its exit code.
func Main() (code int, ran bool) {
	if os.Getenv(ActAs) == "" {
		return 0, false
	}
	return cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()), true
}

// Self is a command that runs Holdfast, out of the test's own binary, in an environment of nothing but env.
func Self(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...) //nolint:gosec // this very binary
	cmd.Env = append([]string{ActAs + "=1", "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}, env...)
	return cmd
}

// Kill ends the process with SIGKILL and waits for its end.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.Exited
}

// Signal sends a signal, if the process still runs.
func (p *Process) Signal(sig syscall.Signal) {
	select {
	case <-p.Exited:
	default:
		_ = syscall.Kill(p.PID, sig) // it may have ended just now; its number is not given out before it is waited for
	}
}

// Wait waits for the end of the process and returns its exit code, -1 for one that a signal ended.
func (p *Process) Wait(limit time.Duration) int {
	p.T.Helper()
	select {
	case <-p.Exited:
		return p.State.ExitCode()
	case <-time.After(limit):
		p.T.Fatalf("process %d still runs after %s", p.PID, limit)
		return 0
	}
}

// Line waits for a line of standard error that contains the text.
func (p *Process) Line(text string, limit time.Duration) string {
	p.T.Helper()
	line, err := p.Err.Await(text, limit)
	if err != nil {
		p.T.Fatalf("process %d: %v; it said:\n%s", p.PID, err, last(p.Err.String(), 6000))
	}
	return line
}

// Result is what a command that ended has said.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Finish runs a command to its end, which must come within CallLimit.
func Finish(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), CallLimit)
	defer cancel()
	var out, err bytes.Buffer
	full := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	full.Args, full.Env, full.Dir, full.SysProcAttr, full.Stdin = cmd.Args, cmd.Env, cmd.Dir, cmd.SysProcAttr, cmd.Stdin
	full.Stdout, full.Stderr = &out, &err
	failed := full.Run()
	if ctx.Err() != nil {
		t.Fatalf("%v still runs after %s; it said:\n%s", cmd.Args[1:], CallLimit, last(err.String(), 6000))
	}
	if failed != nil && !errors.As(failed, new(*exec.ExitError)) {
		t.Fatal(failed)
	}
	return Result{out.String(), err.String(), full.ProcessState.ExitCode()}
}

// Transcript keeps what a process writes and can be waited for.
type Transcript struct {
	mu    sync.Mutex // protects the following
	text  bytes.Buffer
	ended bool
	grown chan struct{} // closed and replaced whenever there is more
}

func newTranscript() *Transcript { return &Transcript{grown: make(chan struct{})} }

// Write implements io.Writer.
func (s *Transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	close(s.grown)
	s.grown = make(chan struct{})
	return len(b), nil
}

func (s *Transcript) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	close(s.grown)
	s.grown = make(chan struct{})
}

// String returns what was written until now.
func (s *Transcript) String() string {
	text, _, _ := s.now()
	return text
}

func (s *Transcript) now() (text string, ended bool, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String(), s.ended, s.grown
}

// Await returns the first whole line that contains the text.
func (s *Transcript) Await(want string, limit time.Duration) (string, error) {
	timeout := time.After(limit)
	for {
		text, ended, more := s.now()
		for line := range strings.Lines(text) {
			if strings.HasSuffix(line, "\n") && strings.Contains(line, want) {
				return line, nil
			}
		}
		if ended {
			return "", fmt.Errorf("it ended without saying %q", want)
		}
		select {
		case <-more:
		case <-timeout:
			return "", fmt.Errorf("it has not said %q within %s", want, limit)
		}
	}
}

// quiet returns the end of a log without the requests that went well.
func quiet(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"status":20`) {
			b.WriteString(line)
		}
	}
	return last(b.String(), 4000)
}

// last returns the end of a text.
func last(text string, n int) string { return text[max(0, len(text)-n):] }
