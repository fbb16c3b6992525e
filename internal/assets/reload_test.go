package assets

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// running starts assets without other nodes.
func running(t *testing.T, b *bench) *Assets {
	t.Helper()
	a, err := New(Options{Config: b.config, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = a.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// reloaded puts settings in force.
func reloaded(t *testing.T, a *Assets, c Config, origins ...string) {
	t.Helper()
	if err := a.Reload(t.Context(), c, origins); err != nil {
		t.Fatal(err)
	}
}

// Lives, origins and patterns change while the assets are served; what is fixed stays as it was.
func TestAReloadChangesLivesOriginsAndWhatIsAnAsset(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"img/a.svg": "<svg/>", "b.css": "b{}", "note.txt": "n", "font.woff2": "font"})
	a := running(t, b)
	const origin = "https://www.example.com"
	expect(t, ask(t, a, "GET", "/static/img/a.svg"), 200, map[string]string{"Cache-Control": "public, no-cache"})
	expect(t, ask(t, a, "GET", "/static/font.woff2", "Origin: "+origin), 200, map[string]string{"Access-Control-Allow-Origin": ""})
	hashed := "/static/" + b.hashed("note.txt")

	c := b.config
	c.MaxAge, c.Rules = unit.Duration(time.Minute), []Rule{{"img/**", unit.Duration(time.Hour)}}
	c.URL, c.Output, c.Build, c.Share, c.Keep = "/elsewhere/", t.TempDir(), BuildManual, ShareAlways, 0
	reloaded(t, a, c, origin)
	expect(t, ask(t, a, "GET", "/static/img/a.svg"), 200, map[string]string{"Cache-Control": "public, max-age=3600"})
	expect(t, ask(t, a, "GET", "/static/b.css"), 200, map[string]string{"Cache-Control": "public, max-age=60"})
	expect(t, ask(t, a, "GET", "/static/font.woff2", "Origin: "+origin), 200, map[string]string{"Access-Control-Allow-Origin": origin})

	c.Exclude = []string{"*.txt"}
	reloaded(t, a, c)
	expect(t, ask(t, a, "GET", "/static/note.txt"), 404, nil)
	expect(t, ask(t, a, "GET", hashed), 200, nil) // a name of a former release
	expect(t, ask(t, a, "GET", "/static/font.woff2", "Origin: "+origin), 200, map[string]string{"Access-Control-Allow-Origin": ""})

	other := newBench(t, map[string]string{"b.css": "b{color:red}"})
	c.Root, c.Memory = other.config.Root, 0
	reloaded(t, a, c)
	if got := text(t, ask(t, a, "GET", "/static/b.css")); got != "b{color:red}" || a.set.Load().bytes != 0 {
		t.Errorf("after another root: %q, %d bytes in memory", got, a.set.Load().bytes)
	}
	expect(t, ask(t, a, "GET", "/static/img/a.svg"), 404, nil)
	c.Root = ""
	reloaded(t, a, c)
	expect(t, ask(t, a, "GET", "/static/b.css"), 200, nil)
}

func TestAReloadThatCannotBuildChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"b.css": "b{}"})
	a := running(t, b)
	c := b.config
	c.Root, c.MaxAge = c.Root+"-gone", unit.Duration(time.Minute)
	if err := a.Reload(t.Context(), c, nil); fault.CodeOf(err) != "static_root" {
		t.Errorf("a root that is not there: %v", err)
	}
	expect(t, ask(t, a, "GET", "/static/b.css"), 200, map[string]string{"Cache-Control": "public, no-cache"})
	if _, err := a.Build(t.Context()); err != nil {
		t.Errorf("the next build: %v", err)
	}
}

// Every answer during reloads is one of before or after, and none fails.
func TestAReloadUnderLoadFailsNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"b.css": "b{}"})
	a := running(t, b)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp := ask(t, a, http.MethodGet, "/static/b.css")
				if cc := resp.Header.Get("Cache-Control"); resp.StatusCode != 200 || cc != "public, no-cache" && cc != "public, max-age=60" {
					t.Errorf("status %d, %q", resp.StatusCode, cc)
					return
				}
			}
		})
	}
	for i := range 30 {
		c := b.config
		c.MaxAge = unit.Duration(time.Duration(i%2) * time.Minute)
		c.Exclude = []string{fmt.Sprintf("none-%d", i%3)}
		reloaded(t, a, c)
	}
	close(stop)
	all.Wait()
}
