package daemon_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
)

// A reload takes [static]: lives of plain names, origins, and the origins that other tables name. Where the assets lie waits for a restart.
func TestAReloadTakesTheSettingsOfTheAssets(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.woff2"), []byte("font"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "holdfast.toml")
	write := func(edge, static string) {
		t.Helper()
		if err := os.WriteFile(file, fmt.Appendf(nil, "[edge]\n%s[static]\nroot = %q\n%s", edge, root, static), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := configure(t, "HOLDFAST_STATIC__ROOT="+root)
	d := startWith(t, first, func(o *daemon.Options) {
		o.Load = func() (*config.Config, error) { return config.Load(file, os.Environ()) }
	})
	client := control.NewClient(first.Socket())
	defer client.Close()
	reload := func() daemon.ReloadAnswer {
		t.Helper()
		answer, err := control.Call[daemon.ReloadAnswer](t.Context(), client, "/v1/reload", control.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	ask := func(origin, life, allowed string) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, d.EdgeURL()+"/static/a.woff2", nil)
		r.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if h := resp.Header; resp.StatusCode != http.StatusOK || h.Get("Cache-Control") != life || h.Get("Access-Control-Allow-Origin") != allowed {
			t.Errorf("%s: %s, %v; want %q, %q", origin, resp.Status, h, life, allowed)
		}
	}
	const one, two = "https://one.example.org", "https://two.example.org"
	ask(one, "public, no-cache", "")
	write("", "max_age = \"1m\"\norigins = [\""+one+"\"]\nurl = \"/assets/\"\n")
	answer := reload()
	if !slices.Contains(answer.Applied, "static.max_age") || !slices.Contains(answer.Applied, "static.origins") || !slices.Contains(answer.NeedsRestart, "static.url") {
		t.Errorf("the answer is %+v", answer)
	}
	ask(one, "public, max-age=60", one)
	ask(two, "public, max-age=60", "")
	write("hosts = [\"two.example.org\", \"127.0.0.1\"]\n", "")
	reload()
	ask(one, "public, no-cache", "")
	ask(two, "public, no-cache", two)
	root = ""
	write("hosts = [\"two.example.org\", \"127.0.0.1\"]\n", "")
	if answer := reload(); !slices.Contains(answer.NeedsRestart, "static.root") || slices.Contains(answer.Applied, "static.root") {
		t.Errorf("without a root the answer is %+v", answer)
	}
	ask(two, "public, no-cache", two)
}
