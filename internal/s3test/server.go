package s3test

import (
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

// Server is an S3 service that runs until the test ends.
type Server struct {
	*Proxy
	AccessKey string
	SecretKey string
	Region    string
}

// Versitygw starts versitygw on a fresh directory. A missing program fails the test with the line that installs it.
func Versitygw(t testing.TB) *Server {
	t.Helper()
	dir := shortDir(t)
	for _, d := range []string{"data", "versions"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "s")
	s := &Server{AccessKey: "testaccesskey", SecretKey: "testsecretkey", Region: "us-east-1"}
	start(t, socket, find(t, "versitygw", "make deps"), "--port", socket, "--keep-alive", "--quiet",
		"--access", s.AccessKey, "--secret", s.SecretKey, "posix",
		"--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "data"))
	s.Proxy = newProxy(t, socket)
	return s
}

// find looks for a program among the project's tools, then on PATH.
func find(t testing.TB, name, install string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	local := filepath.Join(filepath.Dir(here), "..", "..", ".tools", "bin", name)
	if _, err := os.Stat(local); err == nil {
		return local
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed for this test: %s", name, install)
	}
	return path
}

// start runs a program until the test ends and waits until it answers on its socket.
func start(t testing.TB, socket, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...) //nolint:gosec // a fixed program with arguments of the test
	log := filepath.Join(filepath.Dir(socket), "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	exited := make(chan struct{})
	go func() { // ends with the child; the cleanup below waits for it
		runtime.LockOSThread() // the death signal comes when the thread that started the child ends
		defer close(exited)
		if err := cmd.Start(); err == nil {
			_ = cmd.Wait() // it is killed; a server that dies early is seen by its silence
		}
	}()
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
		<-exited
		out.Close()
		if t.Failed() {
			tail(t, log)
		}
	})
	if err := await(socket, exited); err != nil {
		tail(t, log)
		t.Fatalf("start %s: %v", program, err)
	}
}

func await(socket string, exited <-chan struct{}) error {
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			return c.Close()
		}
		select {
		case <-exited:
			return errors.New("it ended")
		case <-deadline:
			return fmt.Errorf("no answer in 20 seconds: %w", err)
		case <-tick.C:
		}
	}
}

// tail shows the end of a server's log under the failing test.
func tail(t testing.TB, log string) {
	b, _ := os.ReadFile(log)
	t.Logf("end of %s:\n%s", log, b[max(0, len(b)-4000):])
}

// shortDir returns a directory whose sockets have paths below the limit of about 107 bytes.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfs3-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
