package edge_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/browsertest"

	"github.com/chromedp/chromedp"
)

// The site's names. The browser is told where they are, so that pages have the origins that they have in earnest.
const (
	siteHost    = "www.example.org"
	filesHost   = "files.example.org"
	foreignHost = "www.example.net"
)

// loaded is what a page got.
type loaded struct {
	Style, Script, Picture, Font bool
}

// look opens a page and returns what it got, when nothing is on its way any more.
func look(t *testing.T, ctx context.Context, url string) loaded {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	eventually(t, url+" is complete", func() error {
		if !browsertest.Evaluate[bool](t, ctx, `document.readyState == "complete" && !!document.getElementById("text") && ![...document.fonts].some(f => f.status == "loading")`) {
			return fmt.Errorf("it says %q", browsertest.Evaluate[string](t, ctx, `document.readyState + ": " + document.body.innerText`))
		}
		return nil
	})
	return browsertest.Evaluate[loaded](t, ctx, `({
		Style: getComputedStyle(document.body).color == "rgb(1, 2, 3)", Script: document.documentElement.dataset.sum == "42",
		Picture: document.images[0].naturalWidth > 0, Font: [...document.fonts].some(f => f.family.includes("Ours") && f.status == "loaded")})`)
}

// pageWith is a page that takes everything from the assets of a host, and asks as pages of another origin have to ask.
func pageWith(w *whole, host string) string {
	url := func(name string) string { return "http://" + host + strings.TrimSpace(w.Must("assets", "url", name)) }
	return fmt.Sprintf(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<link rel="stylesheet" href="%s" crossorigin><style>@font-face { font-family: Ours; src: url("%s") } #text { font-family: Ours }</style>
<script type="module" src="%s" crossorigin></script></head><body><p id="text">text</p><img src="%s" crossorigin alt=""></body></html>`,
		url("css/main.css"), url("fonts/text.woff2"), url("js/app.js"), url("img/dot.svg"))
}

// largeStyle is a stylesheet as large as a framework's, where the measurements that people compare with have theirs.
const largeStyle = "gcampuscore/styles/main.css"

// writeAssets fills the root of the assets.
func writeAssets(t *testing.T, root string) {
	t.Helper()
	font, err := os.ReadFile("/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf")
	if err != nil {
		t.Fatalf("%v: apt-get install fonts-dejavu-core", err)
	}
	for name, text := range map[string]string{
		"css/main.css": `body { color: rgb(1, 2, 3); background: url("../img/dot.svg") }`,
		"js/app.js":    `import { sum } from "./sum.js"; document.documentElement.dataset.sum = sum(40, 2)`,
		"js/sum.js":    `export const sum = (a, b) => a + b`,
		"img/dot.svg":  `<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>`,
		largeStyle:     strings.Repeat(".card { padding: 1rem; color: #123456 }\n", 220_000/40),
		// Browsers look at the content; under this name it is not compressed, which takes long.
		"fonts/text.woff2": string(font),
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// S3-17, S0-40, C-26: in a real browser, on a running site, a page of the application gets stylesheet, script with what it imports,
// font and picture under their hashed names; so does HTML that the application stored through S3, which is of another origin; a page
// of a stranger's site does not.
func TestABrowserLoadsAssetsOnARunningSite(t *testing.T) {
	t.Parallel()
	w := newWhole(t, `HOLDFAST_EDGE__HOSTS=["`+siteHost+`", "`+filesHost+`", "127.0.0.1"]`, "HOLDFAST_FILES__PUBLIC_URL=http://"+filesHost,
		`HOLDFAST_FILES__BUCKETS__PAGES__INLINE=["text/html"]`,
		`HOLDFAST_FILES__BUCKETS__PAGES__RESOURCES=["http://`+siteHost+`"]`)
	w.Extra = append(w.Extra, "HOLDFAST_STATIC__ROOT="+w.Path("static"))
	writeAssets(t, w.Path("static"))
	w.serve()
	html := pageWith(w, siteHost)
	page := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, html)
	})
	serveSocket(t, w.Path("app.sock"), page)
	eventually(t, "the application answers", func() error {
		if resp, text := w.get(visitor(t), "/"); resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s", resp.Status, text)
		}
		return nil
	})
	foreign := httptest.NewServer(page)
	t.Cleanup(foreign.Close)
	checkLargeStyle(t, w)
	if err := os.WriteFile(w.Path("page.html"), []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	w.put(w.Path("page.html"), "pages", "page.html", "text/html")
	edge := strings.TrimPrefix(w.url, "http://")
	ctx := browsertest.Open(t, "MAP "+siteHost+":80 "+edge, "MAP "+filesHost+":80 "+edge, "MAP "+foreignHost+":80 "+foreign.Listener.Addr().String())
	for name, f := range map[string]struct {
		url  string
		want loaded
	}{
		"a page of the application":   {"http://" + siteHost + "/", loaded{true, true, true, true}},
		"a stored page":               {strings.TrimSpace(w.Must("files", "url", "pages/page.html")), loaded{true, true, true, true}},
		"a page of a stranger's site": {"http://" + foreignHost + "/", loaded{}},
	} {
		if got := look(t, ctx, f.url); got != f.want {
			t.Errorf("%s, %s, got %+v", name, f.url, got)
		}
	}
}

// S3-13, S1-73: a directory is served below /static/ under the names that it has, and under hashed ones.
func checkLargeStyle(t *testing.T, w *whole) {
	t.Helper()
	want := readFile(t, w.Path("static"), largeStyle)
	for path, life := range map[string]string{
		"/static/" + largeStyle: "public, no-cache", strings.TrimSpace(w.Must("assets", "url", largeStyle)): "public, max-age=31536000, immutable",
	} {
		resp, text := w.get(visitor(t), path)
		if resp.StatusCode != http.StatusOK || text != want || resp.Header.Get("Cache-Control") != life || resp.Header.Get("Etag") == "" {
			t.Errorf("%s: %s, %d bytes, %v", path, resp.Status, len(text), resp.Header)
		}
	}
}

// put stores a file as an application does: through S3.
func (w *whole) put(file, bucket, key, kind string) {
	w.T.Helper()
	script := "import boto3, sys, os\nboto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL_S3']).put_object(" +
		"Bucket=sys.argv[2], Key=sys.argv[3], ContentType=sys.argv[4], Body=open(sys.argv[1], 'rb'))"
	cmd := exec.CommandContext(w.T.Context(), "/usr/bin/python3", "-c", script, file, bucket, key, kind)
	cmd.Env = append(os.Environ(), w.told()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.T.Fatalf("%v (apt-get install python3-boto3)\n%s", err, out)
	}
}

// serveSocket answers on a Unix socket until the test ends.
func serveSocket(t *testing.T, path string, h http.Handler) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }() // waited for in the cleanup
	t.Cleanup(func() { s.Close(); <-done })
}
