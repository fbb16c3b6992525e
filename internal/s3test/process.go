package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// startLimit bounds how long a server may take until it answers. A loaded machine needs a multiple of the usual time.
const startLimit = 60 * time.Second

// process is a child that runs until the test ends.
type process struct {
	name   string
	log    string
	exited chan struct{} // closed when it ended, or could not be started
}

// start runs a program until the test ends, with its output in a file below dir.
func start(t testing.TB, dir, program string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(program), exited: make(chan struct{})}
	p.log = filepath.Join(dir, p.name+".out")
	out, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...) //nolint:gosec // a fixed program with arguments of the test
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() { // ends with the child; the cleanup below waits for it
		runtime.LockOSThread() // the death signal comes when the thread that started the child ends
		defer close(p.exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed; a server that dies early is seen by its silence
		}
	}()
	if err := <-started; err != nil {
		out.Close()
		t.Fatalf("start %s: %v", p.name, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-p.exited
		out.Close()
		if t.Failed() {
			tail(t, p.log)
		}
	})
	return p
}

// await polls until the server is ready, and fails the test when it ends before or takes too long.
func (p *process) await(t testing.TB, ready func() error) {
	t.Helper()
	limit := time.After(startLimit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-p.exited:
			err = errors.New("it ended")
		case <-limit:
			err = fmt.Errorf("not ready after %v: %w", startLimit, err)
		case <-tick.C:
			continue
		}
		t.Fatalf("start %s: %v", p.name, err)
	}
}

// answers returns a condition: somebody accepts connections at the address.
func answers(network, address string) func() error {
	return func() error {
		c, err := net.Dial(network, address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// logged returns a condition: the file contains the text.
func logged(file, text string) func() error {
	return func() error {
		data, err := os.ReadFile(file)
		if err == nil && !bytes.Contains(data, []byte(text)) {
			err = fmt.Errorf("%s does not say %q yet", file, text)
		}
		return err
	}
}

// runTool runs a program to its end.
func runTool(t testing.TB, program string, args ...string) {
	t.Helper()
	if err := succeeds(t, program, args...)(); err != nil {
		t.Fatal(err)
	}
}

// succeeds returns a condition: the program ends well.
func succeeds(t testing.TB, program string, args ...string) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(t.Context(), startLimit)
		defer cancel()
		out, err := exec.CommandContext(ctx, program, args...).CombinedOutput() //nolint:gosec // as in start
		if err != nil {
			return fmt.Errorf("%s %v: %w\n%s", filepath.Base(program), args, err, out)
		}
		return nil
	}
}

// tail shows the end of a server's log under the failing test.
func tail(t testing.TB, log string) {
	b, _ := os.ReadFile(log) // without a log there is nothing to show
	t.Logf("end of %s:\n%s", log, b[max(0, len(b)-4000):])
}
