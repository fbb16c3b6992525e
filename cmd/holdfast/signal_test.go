package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// daemon answers on the control socket of a fresh site, and returns the environment that leads to it.
func daemon(t *testing.T, h http.HandlerFunc) []string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("q2w4e6r8t1y3u5i7o9p2a4s6d8f1g3h5"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "holdfast.sock"))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return append(os.Environ(), "HOLDFAST_CONFIG=none", "HOLDFAST_PATHS__STATE="+dir, "HOLDFAST_FILES__MASTER_KEY_FILE="+key)
}

// holdfast returns this test binary as the command.
func holdfast(t *testing.T, env []string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), self, args...)
	cmd.Args[0] = "holdfast" // the name under which TestMain makes it the command
	stderr = &bytes.Buffer{}
	cmd.Env, cmd.Stderr = env, stderr
	return cmd, stderr
}

func signal(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

func TestASignalEndsACommandWithACodeOfItsOwn(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	env := daemon(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		_, _ = io.Copy(io.Discard, r.Body) // until the command goes away
	})
	cmd, stderr := holdfast(t, env, "files", "put", "-", "bucket/key")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	signal(t, cmd)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || strings.TrimSpace(stderr.String()) != "holdfast: interrupted" {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestFollowingTheLogEndsWellWithASignal(t *testing.T) {
	t.Parallel()
	env := daemon(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "a line\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	cmd, stderr := holdfast(t, env, "logs", "--follow")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 7)
	if _, err := io.ReadFull(stdout, line); err != nil || string(line) != "a line\n" {
		t.Errorf("read %q, %v", line, err)
	}
	signal(t, cmd)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
}

// A command that hangs on a full pipe does not see the first signal; the second ends it at once.
func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	const more = 1 << 20 // bytes: more than a pipe holds
	env := daemon(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, more)) })
	cmd, _ := holdfast(t, env, "logs")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil { // the command is about to fill the pipe
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the command
		defer close(ended)
		_, _ = cmd.Process.Wait()
	}()
	for {
		select {
		case <-ended:
			return
		default:
			_ = cmd.Process.Signal(syscall.SIGINT)
		}
	}
}
