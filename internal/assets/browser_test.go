package assets

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/browsertest"
)

// seen is what a page could load.
type seen struct {
	Style, Module, Font, Image bool
}

// page is a server, which is an origin, without content until pageOn gives it some.
type page struct {
	*httptest.Server
	mux atomic.Pointer[http.ServeMux]
}

func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{}
	p.mux.Store(http.NewServeMux())
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.mux.Load().ServeHTTP(w, r) }))
	t.Cleanup(p.Close)
	return p
}

// pageOn serves the page and tells what a browser made of it. app is the origin of the assets, "" for the page's own.
func pageOn(t *testing.T, server *page, a *Assets, app string) seen {
	t.Helper()
	names := a.set.Load().names
	url := func(name string) string { return app + "/static/" + names[name] }
	text := fmt.Sprintf(`<!DOCTYPE html><link rel="stylesheet" href="%s" crossorigin><body><script type="module">
		const worked = p => p.then(() => true, () => false)
		const picture = new Image()
		picture.crossOrigin = "anonymous"
		picture.src = "%s"
		const face = [...document.fonts].find(f => f.family == "Ours")
		const out = {
			Style: getComputedStyle(document.body).color == "rgb(1, 2, 3)",
			Module: await worked(import("%s").then(m => { if (m.sum != 42) throw 1 })),
			Font: face ? await worked(face.load()) : await worked(new FontFace("x", "url(%s)").load()),
			Image: await worked(picture.decode()),
		}
		await fetch("/done", {method: "POST", body: JSON.stringify(out)})</script>`,
		url("css/main.css"), url("img/dot.svg"), url("js/app.js"), url("font.woff2"))
	done := make(chan seen, 1)
	mux := http.NewServeMux()
	mux.Handle("/static/", a)
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, text)
	})
	mux.HandleFunc("/done", func(_ http.ResponseWriter, r *http.Request) {
		var s seen
		if err := json.NewDecoder(r.Body).Decode(&s); err == nil {
			done <- s
		}
	})
	server.mux.Store(mux)
	if err := chromedp.Do(browsertest.Open(t), chromedp.Navigate(server.URL+"/page")); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-done:
		return s
	case <-time.After(90 * time.Second):
		t.Fatal("the page did not tell what it loaded")
	}
	return seen{}
}

// S3-17, S0-40, C-26: in a real browser a page gets stylesheet, module with its imports, font and picture from hashed URLs;
// so does a page of a configured origin, as stored HTML has it; a page of another origin does not.
func TestABrowserLoadsAssetsForKnownOrigins(t *testing.T) {
	t.Parallel()
	font, err := os.ReadFile("/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf")
	if err != nil {
		t.Fatalf("%v: install it with: apt-get install fonts-dejavu-core", err)
	}
	b := newBench(t, map[string]string{
		"css/main.css":  `@import "theme.css"; @font-face { font-family: Ours; src: url(../font.woff2) }`,
		"css/theme.css": `body { color: rgb(1, 2, 3); background: url("../img/dot.svg") }`,
		"js/app.js":     `import { a } from "./a.js"; export const sum = a + (await import("./b.js")).b`,
		"js/a.js":       `import "./b.js"; export const a = 40`, "js/b.js": `import "./a.js"; export const b = 2`,
		"img/dot.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>`,
		"font.woff2":  string(font), // browsers look at the content; under this name it is not compressed, which takes long
	})
	own := serving(t, b)
	if s := pageOn(t, newPage(t), own, ""); s != (seen{true, true, true, true}) {
		t.Errorf("the page of the application itself: %+v", s)
	}
	stored, foreign := newPage(t), newPage(t)
	a := serving(t, b, stored.URL)
	app := httptest.NewServer(a)
	t.Cleanup(app.Close)
	if s := pageOn(t, stored, a, app.URL); s != (seen{true, true, true, true}) {
		t.Errorf("a page of the configured origin: %+v", s)
	}
	if s := pageOn(t, foreign, a, app.URL); s != (seen{}) {
		t.Errorf("a page of a foreign origin: %+v", s)
	}
}
