package edge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/demo"
	loadgen "holdfast/internal/load"
)

// S3-04, S3-12: the directory that an application serves itself is served by Holdfast as it is, byte for byte, and without the
// application. (How much faster, beside nginx, Caddy and WhiteNoise: docs/numbers.md.)
func TestADirectoryIsServedWithoutTheApplicationThatServedIt(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	style := filepath.Join(w.Path("static"), "main.css")
	if err := os.Mkdir(w.Path("static"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(style, demo.Stylesheet(), 0o644); err != nil {
		t.Fatal(err)
	}
	w.Extra = append(w.Extra, "HOLDFAST_STATIC__ROOT="+w.Path("static"))
	w.serve()
	stop := gunicorn(t, "testdata/flaskstatic", "app:app", w.socket(), "STATIC="+w.Path("static"))
	eventually(t, "the application answers", func() error {
		if resp, _ := w.get(visitor(t), "/own/main.css"); resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", resp.Status)
		}
		return nil
	})
	for _, path := range []string{"/own/main.css", "/static/main.css"} {
		if _, text := w.get(visitor(t), path); text != string(demo.Stylesheet()) {
			t.Errorf("%s has %d bytes", path, len(text))
		}
	}
	bench := func(path string) loadgen.Report {
		t.Helper()
		var r loadgen.Report
		out := w.Must("bench", "http", "-c", "8", "-n", "400", "-disable-keepalive", "-disable-compression", "-json", w.url+path)
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Statuses["200"] != 400 {
			t.Fatalf("%s: %v, %+v", path, err, r)
		}
		return r
	}
	app, own := bench("/own/main.css"), bench("/static/main.css")
	t.Logf("%.2f ms by Holdfast, %.2f ms by the application", own.Latency.Average*1e3, app.Latency.Average*1e3)
	stop()
	bench("/static/main.css")
}
