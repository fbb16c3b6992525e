package edge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"holdfast/internal/browsertest"
)

// ask asks the edge for a path under a host, and returns the status and the body.
func (w *whole) ask(host, path string) (int, string) {
	w.T.Helper()
	req, err := http.NewRequestWithContext(w.T.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	req.Host = host
	resp, err := visitor(w.T.(*testing.T)).Do(req)
	if err != nil {
		w.T.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.T.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// S0-35, C-26: files have a host name of their own, as files.public_url says and nothing else. Their links lead there and are answered,
// the application is not to be found there, and its pages show files of that host in frames; a stranger's pages do not.
func TestFilesHaveAHostOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWhole(t, `HOLDFAST_EDGE__HOSTS=["`+siteHost+`"]`, "HOLDFAST_FILES__PUBLIC_URL=http://"+filesHost,
		"HOLDFAST_EDGE__CACHE__ENABLED=true", "HOLDFAST_FILES__BUCKETS__OPEN__PUBLIC=true",
		`HOLDFAST_FILES__BUCKETS__PAGES__INLINE=["text/html"]`, `HOLDFAST_FILES__BUCKETS__PAGES__RESOURCES=["http://`+siteHost+`"]`)
	w.serve()
	page := `<!doctype html><html><body><p>page</p><script src="http://` + siteHost + `/shown.js"></script></body></html>`
	if err := os.WriteFile(w.Path("page.html"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	w.put(w.Path("page.html"), "pages", "page.html", "text/html")
	w.put(w.Path("page.html"), "open", "page.txt", "text/plain")
	link := strings.TrimSpace(w.Must("files", "url", "pages/page.html"))
	path, ok := strings.CutPrefix(link, "http://"+filesHost)
	if !ok {
		t.Fatalf("a link is %s", link)
	}
	application := framing(link)
	serveSocket(t, w.Path("app.sock"), application)
	eventually(t, "the application answers", func() error {
		if status, text := w.ask(siteHost, "/"); status != http.StatusOK || !strings.Contains(text, "application") {
			return fmt.Errorf("%d %s", status, text)
		}
		return nil
	})
	checkHosts(t, w, path)

	edge := strings.TrimPrefix(w.url, "http://")
	stranger := httptest.NewServer(application)
	t.Cleanup(stranger.Close)
	ctx := browsertest.Open(t, "MAP "+siteHost+":80 "+edge, "MAP "+filesHost+":80 "+edge, "MAP "+foreignHost+":80 "+stranger.Listener.Addr().String())
	for host, want := range map[string]bool{siteHost: true, foreignHost: false} {
		if err := chromedp.Do(ctx, chromedp.Navigate("http://"+host+"/")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the frame of "+host+" is loaded", func() error {
			if !browsertest.Evaluate[bool](t, ctx, `document.body && document.body.dataset.loaded == "1" && (!!document.getElementById("shown") || `+fmt.Sprint(!want)+`)`) {
				return fmt.Errorf("shown: %t", browsertest.Evaluate[bool](t, ctx, `!!document.getElementById("shown")`))
			}
			return nil
		})
		if got := browsertest.Evaluate[bool](t, ctx, `!!document.getElementById("shown")`); got != want {
			t.Errorf("a page of %s shows the file in a frame: %t, want %t", host, got, want)
		}
	}
}

// checkHosts asks each host for a link and for the application, more than once: the answer is to be the same from memory.
func checkHosts(t *testing.T, w *whole, path string) {
	t.Helper()
	for _, c := range []struct {
		host, path string
		want       int
	}{
		{filesHost, path, http.StatusOK},
		{filesHost + ":8443", path, http.StatusOK},
		{siteHost, path, http.StatusOK},
		{filesHost, "/media/open/page.txt", http.StatusOK},
		{filesHost, "/", http.StatusNotFound},
		{filesHost, "/shown.js", http.StatusNotFound},
		{foreignHost, path, http.StatusMisdirectedRequest},
		{foreignHost, "/", http.StatusMisdirectedRequest},
	} {
		for range 3 { // from the lane and its memory, too
			if got, text := w.ask(c.host, c.path); got != c.want || c.want != http.StatusOK && strings.Contains(text, "application") {
				t.Errorf("%s of %s: %d, want %d: %s", c.path, c.host, got, c.want, text)
			}
		}
	}
}

// framing is an application whose page shows an address in a frame. What is shown says so by a script, which the page hears.
func framing(link string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Cache-Control", "public, max-age=60")
		if r.URL.Path == "/shown.js" {
			rw.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(rw, `parent.postMessage("shown", "*")`)
			return
		}
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(rw, `<!doctype html><html><body><p id="of">application</p><script>addEventListener("message", e => { document.getElementById("of").id = e.data })</script>`+
			`<iframe src=%q onload="document.body.dataset.loaded = 1"></iframe></body></html>`, link)
	})
}
