package patroni_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

// patience is how long the test waits for what has to come, on a machine that has other things to do.
const patience = 90 * time.Second

// process is a program that the test started.
type process struct {
	name   string
	log    string
	pid    int
	exited chan struct{}
}

// launch starts a program under the account, with its output in a file. When the test is over it is told to end; when the test
// binary dies it is told, too, by the kernel, as long as the thread that started it lives.
func (s *site) launch(t *testing.T, name, program string, args ...string) *process {
	t.Helper()
	p := &process{name: name, log: filepath.Join(s.dir, name+".out"), exited: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...) //nolint:gosec // programs of Debian with arguments of the test
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, s.dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + s.dir, "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Credential: s.account, Setpgid: true}
	started := make(chan error, 1)
	go func() { // ends with the program; the cleanup waits for it
		runtime.LockOSThread()
		defer close(p.exited)
		defer out.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the tests end it
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	p.pid = cmd.Process.Pid
	t.Cleanup(func() {
		p.end()
		if b, err := os.ReadFile(p.log); err == nil && t.Failed() {
			t.Logf("end of the log of %s:\n%s", name, b[max(0, len(b)-6000):])
		}
	})
	return p
}

// end asks the program to end, and kills it when it does not.
func (p *process) end() {
	select {
	case <-p.exited:
		return
	default:
	}
	_ = syscall.Kill(p.pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

func (p *process) kill() {
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.exited
}

// unprivileged returns whom servers run as: nil for ourselves, since PostgreSQL refuses only root.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("%v: apt-get install postgresql", err)
	}
	uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uerr, gerr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	lifecycletest.Until(t, patience, what, holds)
}
