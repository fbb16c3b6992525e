package edge_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"holdfast/test/program"
)

func TestMain(m *testing.M) {
	if code, ran := program.Main(); ran {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// whole is a whole Holdfast as a process of its own, with a private PostgreSQL, before an application on app.sock.
type whole struct {
	*program.Site
	url  string            // of the edge
	vars map[string]string // what the application is told
}

// newWhole makes the configuration; settings are further variables of the environment.
func newWhole(t *testing.T, settings ...string) *whole {
	t.Helper()
	w := &whole{Site: program.NewSite(t, "")}
	w.Set("edge.upstreams", `["`+w.socket()+`"]`, "cache.enabled", "true", "cache.listen", "127.0.0.1:0")
	w.Extra = settings
	return w
}

// socket is where the application listens.
func (w *whole) socket() string { return "unix:" + w.Path("app.sock") }

// serve starts it, and asks what the application has to know.
func (w *whole) serve() {
	w.T.Helper()
	w.url = w.Begin().Ready().Edge
	w.Ask(&w.vars, "env")
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
	w.T.Helper()
	cmd := exec.Command("/usr/bin/python3", append([]string{"-m", "django"}, args...)...)
	cmd.Dir = "testdata/site"
	cmd.Env = append(os.Environ(), w.told("STATIC_ROOT="+w.Path("static"), "DJANGO_SETTINGS_MODULE=journal.settings", "PYTHONDONTWRITEBYTECODE=1")...)
	cmd.Env = append(cmd.Env, "PYTHONPATH=.")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.T.Fatalf("django %v: %v\n%s", args, err, out)
	}
}

// get asks the edge, as a client with the session does.
func (w *whole) get(c *http.Client, path string) (*http.Response, string) {
	w.T.Helper()
	resp, err := c.Get(w.url + path)
	if err != nil {
		w.T.Fatal(err)
	}
	got := read(w.T, resp, err)
	return resp, strings.TrimPrefix(got, resp.Status[:3]+" ")
}
