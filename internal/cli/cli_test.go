package cli

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command as main does, with an environment of its own.
func run(env []string, args ...string) result { return runWith("", env, args...) }

func runWith(stdin string, env []string, args ...string) result {
	var out, err bytes.Buffer
	code := Main(args, strings.NewReader(stdin), &out, &err, env)
	return result{code, out.String(), err.String()}
}

func (r result) expect(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, p := range parts {
		if !strings.Contains(r.stdout+r.stderr, p) {
			t.Errorf("%q is not in\n%s%s", p, r.stdout, r.stderr)
		}
	}
}

// site is a directory with a configuration; the path is short, because sockets want that.
func site(t *testing.T, toml string) (dir string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write(t, filepath.Join(dir, "master"), "q2w4e6r8t1y3u5i7o9p2a4s6d8f1g3h5")
	write(t, filepath.Join(dir, "holdfast.toml"), "[paths]\nstate = \"state\"\n[files]\nmaster_key_file = \"master\"\n"+toml)
	return dir, []string{"HOLDFAST_CONFIG=" + filepath.Join(dir, "holdfast.toml")}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fakeDaemon answers on the control socket of a site.
func fakeDaemon(t *testing.T, dir string, h http.Handler) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "state", "holdfast.sock"))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
