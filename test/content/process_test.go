package content_test

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
)

// process is a program that a test started.
type process struct {
	t      testing.TB
	pid    int
	out    *transcript // standard output
	err    *transcript // standard error
	exited chan struct{}
	state  *os.ProcessState // once exited is closed
}

// launch starts a program; it is killed when the test is over, or dies with it. The caller fills in what it wants of cmd
// besides the outputs. The thread that forks must outlive the process: the parent-death signal hangs on it.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, out: newTranscript(), err: newTranscript(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.err
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error, 1)
	go func() { // waited for by exited
		defer close(p.exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in state
		}
		p.state = cmd.ProcessState
		p.out.end()
		p.err.end()
	}()
	if err := <-started; err != nil {
		<-p.exited
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	p.pid = cmd.Process.Pid
	t.Cleanup(func() {
		p.kill()
		for _, bad := range []string{"DATA RACE", "panicked", "panic: ", "goroutine 1 ["} {
			if strings.Contains(p.err.String(), bad) {
				t.Errorf("process %d, %v, has a bug", p.pid, cmd.Args[1:])
				break
			}
		}
		if t.Failed() {
			t.Logf("process %d, %v, said:\n%s", p.pid, cmd.Args[1:], quiet(p.err.String()))
		}
	})
	return p
}

// self is a command that runs the program with these arguments in an environment of nothing but env.
func self(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...) //nolint:gosec // this very binary
	cmd.Env = append([]string{actAs + "=1", "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}, env...)
	return cmd
}

// kill ends the process with SIGKILL and waits for its end.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// signal sends a signal, if the process still runs.
func (p *process) signal(sig syscall.Signal) {
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(p.pid, sig) // it may have ended just now; its number is not given out before it is waited for
	}
}

// line waits for a line of standard error that contains the text.
func (p *process) line(text string, limit time.Duration) string {
	p.t.Helper()
	line, err := p.err.await(text, limit)
	if err != nil {
		p.t.Fatalf("process %d: %v; it said:\n%s", p.pid, err, last(p.err.String(), 6000))
	}
	return line
}

// result is what a command that ended has said.
type result struct {
	stdout, stderr string
	code           int
}

// finish runs a command to its end.
func finish(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	var out, err bytes.Buffer
	full := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	full.Args, full.Env, full.Dir, full.SysProcAttr, full.Stdin = cmd.Args, cmd.Env, cmd.Dir, cmd.SysProcAttr, cmd.Stdin
	full.Stdout, full.Stderr = &out, &err
	failed := full.Run()
	if ctx.Err() != nil {
		t.Fatalf("%v still runs after %s; it said:\n%s", cmd.Args[1:], callLimit, last(err.String(), 6000))
	}
	if failed != nil && !errors.As(failed, new(*exec.ExitError)) {
		t.Fatal(failed)
	}
	return result{out.String(), err.String(), full.ProcessState.ExitCode()}
}

// transcript keeps what a process writes and can be waited for.
type transcript struct {
	mu    sync.Mutex // protects the following
	text  bytes.Buffer
	ended bool
	grown chan struct{} // closed and replaced whenever there is more
}

func newTranscript() *transcript { return &transcript{grown: make(chan struct{})} }

// Write implements io.Writer.
func (s *transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	close(s.grown)
	s.grown = make(chan struct{})
	return len(b), nil
}

func (s *transcript) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *transcript) String() string {
	text, _, _ := s.now()
	return text
}

func (s *transcript) now() (text string, ended bool, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String(), s.ended, s.grown
}

// await returns the first whole line that contains the text.
func (s *transcript) await(want string, limit time.Duration) (string, error) {
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
