package edge_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/cli"
	"holdfast/test/program"
)

// actAs is set in the environment of the processes that are to be the program and not its tests.
const actAs = "EDGE_TEST_ACT_AS_HOLDFAST"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
	}
	os.Exit(m.Run())
}

// startLimit is for a machine that is busy with other tests: a private PostgreSQL is made first.
const startLimit = 90 * time.Second

// whole is a whole Holdfast as a process of its own, with a private PostgreSQL, before an application on app.sock.
type whole struct {
	t    *testing.T
	dir  string
	env  []string
	url  string            // of the edge
	vars map[string]string // what the application is told
}

// newWhole makes the configuration; settings are further variables of the environment.
func newWhole(t *testing.T, settings ...string) *whole {
	t.Helper()
	w := &whole{t: t, dir: short(t)}
	if err := os.Chmod(w.dir, 0o711); err != nil { // PostgreSQL's own account passes through
		t.Fatal(err)
	}
	w.must("init", "--dir", w.dir)
	w.env = append([]string{
		"HOLDFAST_CONFIG=" + w.path("holdfast.toml"), "HOLDFAST_EDGE__LISTEN=127.0.0.1:0", "HOLDFAST_S3__LISTEN=127.0.0.1:0",
		"HOLDFAST_ADMIN__LISTEN=127.0.0.1:0", `HOLDFAST_DATABASE__ENDPOINTS=[{listen = "127.0.0.1:0"}]`,
		`HOLDFAST_EDGE__UPSTREAMS=["` + w.socket() + `"]`, "HOLDFAST_CACHE__ENABLED=true", "HOLDFAST_CACHE__LISTEN=127.0.0.1:0",
	}, settings...)
	return w
}

func (w *whole) path(rel string) string { return filepath.Join(w.dir, rel) }

// socket is where the application listens.
func (w *whole) socket() string { return "unix:" + w.path("app.sock") }

// serve starts it, and asks what the application has to know.
func (w *whole) serve() {
	w.t.Helper()
	p := program.Launch(w.t, program.Self(actAs, w.env, "serve"))
	var ready struct{ Edge string }
	if err := json.Unmarshal([]byte(p.Line(`"msg":"ready"`, startLimit)), &ready); err != nil {
		w.t.Fatal(err)
	}
	w.url = ready.Edge
	if err := json.Unmarshal([]byte(w.must("env", "--json")), &w.vars); err != nil {
		w.t.Fatal(err)
	}
}

// must runs a command that has to succeed and returns what it printed.
func (w *whole) must(args ...string) string {
	w.t.Helper()
	r := program.Finish(w.t, program.Self(actAs, w.env, args...), startLimit)
	if r.Code != 0 {
		w.t.Fatalf("holdfast %s ends with %d:\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// told is the environment of the application.
func (w *whole) told(more ...string) []string {
	for name, value := range w.vars {
		more = append(more, name+"="+value)
	}
	return more
}

// django runs a command of django-admin in the project.
func (w *whole) django(args ...string) {
	w.t.Helper()
	cmd := exec.Command("/usr/bin/python3", append([]string{"-m", "django"}, args...)...)
	cmd.Dir = "testdata/site"
	cmd.Env = append(os.Environ(), w.told("STATIC_ROOT="+w.path("static"), "DJANGO_SETTINGS_MODULE=journal.settings", "PYTHONDONTWRITEBYTECODE=1")...)
	cmd.Env = append(cmd.Env, "PYTHONPATH=.")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("django %v: %v\n%s", args, err, out)
	}
}

// get asks the edge, as a client with the session does.
func (w *whole) get(c *http.Client, path string) (*http.Response, string) {
	w.t.Helper()
	resp, err := c.Get(w.url + path)
	if err != nil {
		w.t.Fatal(err)
	}
	got := read(w.t, resp, err)
	return resp, strings.TrimPrefix(got, resp.Status[:3]+" ")
}
