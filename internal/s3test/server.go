package s3test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Server is an S3 service that runs until the test ends.
type Server struct {
	*Proxy
	AccessKey string
	SecretKey string
	Region    string
}

// The credential of every server here.
const (
	accessKey = "testaccesskey"
	secretKey = "testsecretkey"
	region    = "us-east-1"
)

func newServer(t testing.TB, reach dialer) *Server {
	t.Helper()
	return &Server{Proxy: newProxy(t, reach), AccessKey: accessKey, SecretKey: secretKey, Region: region}
}

// At returns a server that runs already, at "host:port".
func At(t testing.TB, address, accessKey, secretKey, region string) *Server {
	t.Helper()
	return &Server{Proxy: newProxy(t, at("tcp", address)), AccessKey: accessKey, SecretKey: secretKey, Region: region}
}

// Door returns the same server behind a proxy of its own: what one test does to requests does not disturb another.
func (s *Server) Door(t testing.TB) *Server {
	t.Helper()
	return &Server{Proxy: newProxy(t, s.reach), AccessKey: s.AccessKey, SecretKey: s.SecretKey, Region: s.Region}
}

// Versitygw starts versitygw on a fresh directory. A missing program fails the test with the line that installs it.
func Versitygw(t testing.TB) *Server {
	t.Helper()
	program := find(t, "versitygw", "make deps")
	dir := shortDir(t)
	for _, d := range []string{"data", "versions"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "s")
	p := start(t, dir, program, "--port", socket, "--keep-alive", "--quiet", "--virtual-domain", Domain,
		"--access", accessKey, "--secret", secretKey, "posix",
		"--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "data"))
	p.await(t, answers("unix", socket))
	return newServer(t, at("unix", socket))
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

// shortDir returns a directory whose sockets have paths below the limit of about 107 bytes.
func shortDir(t testing.TB) string {
	t.Helper()
	sweep()
	dir, err := os.MkdirTemp("/tmp", fmt.Sprintf("%s%d-", dirPrefix, os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// dirPrefix begins the directories of servers; the id of the process that they belong to follows.
const dirPrefix = "hfs3-"

// sweep removes the directories of test binaries that were killed.
func sweep() {
	dirs, _ := filepath.Glob("/tmp/" + dirPrefix + "*-*") // the pattern is well formed
	for _, dir := range dirs {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, fs.ErrNotExist) {
			_ = os.RemoveAll(dir) // it may belong to another user; then it stays
		}
	}
}
