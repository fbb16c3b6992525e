package files_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"holdfast/internal/browsertest"
	"holdfast/internal/files"
)

// C-26, S0-40 as far as it is ours: in a real browser, a page that the application stored loads scripts and styles from
// the origin that the configuration names, runs none of its own and none from elsewhere.
func TestABrowserLetsAStoredPageLoadOnlyFromConfiguredOrigins(t *testing.T) {
	t.Parallel()
	app := scriptServer(t, "app")
	evil := scriptServer(t, "evil")
	n := newSite(t, func(s *site) {
		s.config.Buckets["pages"] = files.BucketConfig{Inline: []string{"text/html"}, Resources: []string{app.URL}}
	}).node(t)
	page := fmt.Sprintf(`<!DOCTYPE html><title>page</title><link rel="stylesheet" href="%[1]s/x.css">
		<body><p id="out"></p>
		<script>document.getElementById("out").append(" inline ran")</script>
		<script src="%[1]s/x.js"></script><script src="%[2]s/x.js"></script>
		<img src="x" onerror="document.getElementById('out').append(' handler ran')">`, app.URL, evil.URL)
	n.put(t, "pages", "x.html", "text/html", page)
	dom := browse(t, n.url+n.sign(t, "pages", "x.html"))
	if !strings.Contains(dom, "app ran, colour rgb(1, 2, 3)") {
		t.Errorf("what the configuration allows did not load:\n%s", dom)
	}
	for _, ran := range []string{" inline ran", " handler ran", "evil ran"} {
		if body := dom[strings.Index(dom, `<p id="out">`):]; strings.Contains(body[:strings.Index(body, "</p>")], ran) {
			t.Errorf("%q:\n%s", ran, dom)
		}
	}
	if evil.asked.Load() > 0 {
		t.Error("the browser asked the foreign origin")
	}
}

type countingServer struct {
	*httptest.Server
	asked atomic.Int64
}

// scriptServer serves a script that tells that it ran and what colour the page has, and the style that makes it so.
func scriptServer(t *testing.T, name string) *countingServer {
	t.Helper()
	s := &countingServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if strings.HasSuffix(r.URL.Path, ".css") {
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, "body { color: rgb(1, 2, 3) }")
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, `document.getElementById("out").append("%s ran, colour " + getComputedStyle(document.body).color)`, name)
	}))
	t.Cleanup(s.Close)
	return s
}

// browse loads a page in Chromium and returns the document as it is then.
func browse(t *testing.T, url string) string {
	t.Helper()
	ctx := browsertest.Open(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return browsertest.Evaluate[string](t, ctx, `document.documentElement.outerHTML`)
}
