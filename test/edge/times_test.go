package edge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/timing"
)

// measured starts a Django project and a Flask application that tell how long they were in the database, which they reach
// through the pooler.
func measured(t *testing.T) *whole {
	t.Helper()
	helper, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	w := newWhole(t, "HOLDFAST_EDGE__SLOW=400ms")
	w.Extra = append(w.Extra, "HOLDFAST_EDGE__ACCESS_LOG="+w.Path("access.jsonl"),
		`HOLDFAST_EDGE__APPS=[{name = "flask", path = "/flask/", upstreams = ["unix:`+w.Path("flask.sock")+`"]}]`)
	w.serve()
	gunicorn(t, "testdata/site", "journal.wsgi", w.socket(), w.told("STATIC_ROOT="+w.Path("static"), "DJANGO_SETTINGS_MODULE=journal.settings",
		"MEASURED=1", "PYTHONPATH=.:"+helper)...)
	gunicorn(t, "testdata/flasktiming", "app:app", "unix:"+w.Path("flask.sock"), w.told("PYTHONPATH=.:"+helper)...)
	return w
}

// S1-49: of real applications, a route with 300 ms of SQL shows 300 ms under database, and what it does itself beside it: in the
// routes' times, in the list and the log of slow requests, and in the access log.
func TestARouteWith300MillisecondsOfSQLShowsThemUnderDatabase(t *testing.T) {
	t.Parallel()
	w := measured(t)
	b := visitor(t)
	for _, path := range []string{"/statistics/2025/", "/statistics/2026/", "/flask/2025", "/flask/2026", "/flask/quick"} {
		eventually(t, path, func() error {
			if resp, text := w.get(b, path); resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %s", resp.Status, text)
			}
			return nil
		})
	}
	var report timing.Report
	if err := json.Unmarshal([]byte(w.Must("edge", "times", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	seen := map[string]timing.Route{}
	for _, r := range report.Routes {
		seen[r.App+" "+r.Path] = r
	}
	for _, name := range []string{"app /statistics/*/", "app:flask /flask/*"} {
		if r := seen[name]; r.Requests < 2 || !split(r.Took.D().Milliseconds(), r.DB.D().Milliseconds()) || r.P50.D().Milliseconds() < 480 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := seen["app:flask /flask/quick"]; r.Requests != 1 || r.DB > r.Took {
		t.Errorf("a quick page: %+v", r)
	}
	for _, r := range report.Slow {
		if r.ID == "" || !split(r.Asked.D().Milliseconds(), r.DB.D().Milliseconds()) {
			t.Errorf("a slow request: %+v", r)
		}
	}
	if len(report.Slow) < 4 || !strings.Contains(w.Must("edge", "times", "--slow"), "/statistics/2026/") {
		t.Errorf("%d slow requests", len(report.Slow))
	}
	if out := w.Must("edge", "times"); !strings.Contains(out, "GET /statistics/*/") {
		t.Errorf("the routes are:\n%s", out)
	}
	if out := w.Must("logs", "--lines", "1000"); !strings.Contains(out, "slow request") || !strings.Contains(out, "/flask/2026") {
		t.Errorf("no slow request in the log:\n%s", out)
	}
	eventually(t, "the access log", func() error { return splitInAccessLog(w.Path("access.jsonl")) })
	t.Run("profiles", func(t *testing.T) { checkProfiles(t, w) })
}

// split reports whether of a request with 300 ms of SQL and 200 ms of its own both are seen as what they are, in milliseconds.
func split(took, db int64) bool { return db >= 299 && took-db >= 199 }

func splitInAccessLog(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l struct {
			Path string
			App  float64 `json:"app_ms"`
			DB   float64 `json:"db_ms"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err == nil && l.Path == "/statistics/2026/" && split(int64(l.App), int64(l.DB)) {
			return nil
		}
	}
	return fmt.Errorf("no such line in %s", path)
}

// checkProfiles asks for profiles of Holdfast itself, with and without a right to them.
func checkProfiles(t *testing.T, w *whole) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", w.Path("data/holdfast.sock"))
	}}
	defer transport.CloseIdleConnections()
	for _, name := range []string{"heap", "goroutine", "profile?seconds=1"} {
		resp, err := (&http.Client{Transport: transport}).Get("http://holdfast/debug/pprof/" + name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(b), "\x1f\x8b") {
			t.Errorf("%s: %s, %d bytes, %v", name, resp.Status, len(b), err)
		}
	}
	if resp, _ := w.get(visitor(t), "/debug/pprof/heap"); resp.StatusCode == http.StatusOK {
		t.Error("a visitor gets a profile")
	}
}
