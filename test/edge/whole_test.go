package edge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
)

func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

// journal starts the Django project on a whole Holdfast: its database is reached through the pooler, its files lie in S3, its static
// files have names of its own manifest, its sessions and its cache are in the cache.
func journal(t *testing.T) *whole {
	t.Helper()
	repository := filepath.Join(t.TempDir(), "course.git")
	if _, err := coursegen.Demo(t.Context(), repository, "sha1"); err != nil {
		t.Fatal(err)
	}
	source := "HOLDFAST_CONTENT__SOURCES__PHYSICS"
	w := newWhole(t, "HOLDFAST_FILES__BUCKETS__PAPERS__MAX_SIZE=20MB", source+"__GIT="+repository, source+"__POLL=1s",
		"HOLDFAST_CONTENT__FREE_BYTES=0", `HOLDFAST_EDGE__ACCEL=[{prefix = "/handed/papers/", to = "files", bucket = "papers"}, `+
			`{prefix = "/handed/assets/", to = "assets"}, {prefix = "/handed/content/", to = "content"}]`)
	w.Extra = append(w.Extra, "HOLDFAST_STATIC__ROOT="+w.Path("static"), "HOLDFAST_STATIC__BUILD=start")
	w.django("collectstatic", "--noinput", "-v0")
	w.serve()
	w.django("migrate", "-v0")
	gunicorn(t, "testdata/site", "journal.wsgi", w.socket(), w.told("STATIC_ROOT="+w.Path("static"), "DJANGO_SETTINGS_MODULE=journal.settings", "PYTHONPATH=.")...)
	return w
}

// S1-02, S1-27, S3-17: a stock Django project works by settings alone: database through the pooler, files through S3, static files
// hashed by its own mechanism, cache and sessions in the cache; the application hands over files, assets and content (S1-74).
func TestAWholeDjangoSiteWorks(t *testing.T) {
	t.Parallel()
	w := journal(t)
	b := visitor(t)
	eventually(t, "the application answers", func() error {
		if resp, text := w.get(b, "/"); resp.StatusCode != http.StatusOK || !strings.Contains(text, "0 papers") {
			return fmt.Errorf("%s %s", resp.Status, text)
		}
		return nil
	})
	if _, text := w.get(b, "/"); !strings.Contains(text, "visit 2") {
		t.Errorf("the session was lost: %s", text)
	}
	if w.vars["DATABASE_URL"] == w.vars["DATABASE_URL_DIRECT"] {
		t.Error("the application goes past the pooler")
	}
	t.Run("static files", func(t *testing.T) { checkStatic(t, w, b) })
	content := bytes.Repeat([]byte("paper"), 50_000)
	number := submitPaper(t, w, b, content)
	t.Run("rows, files, cache", func(t *testing.T) { checkPaper(t, w, b, number, len(content)) })
	t.Run("handed over", func(t *testing.T) { checkHanded(t, w, b, number, content) })
	if out := w.Must("cache", "status", "--json"); !regexp.MustCompile(`"(hits|Hits)":\s*[1-9]`).MatchString(out) {
		t.Errorf("nothing was found in the cache: %s", out)
	}
}

// checkStatic follows a page to its stylesheet and that to its picture, both under Django's names.
func checkStatic(t *testing.T, w *whole, b *http.Client) {
	_, page := w.get(b, "/")
	link := regexp.MustCompile(`href="(/static/css/main\.[0-9a-f]{12}\.css)"`).FindStringSubmatch(page)
	if link == nil {
		t.Fatalf("no hashed name in %s", page)
	}
	resp, style := w.get(b, link[1])
	if cc := resp.Header.Get("Cache-Control"); resp.StatusCode != http.StatusOK || !strings.Contains(cc, "immutable") || !resp.Uncompressed {
		t.Errorf("the stylesheet: %s, Cache-Control %q, compressed %t", resp.Status, cc, resp.Uncompressed)
	}
	picture := regexp.MustCompile(`\.\./img/dot\.[0-9a-f]{12}\.svg`).FindString(style)
	if picture == "" {
		t.Fatalf("no hashed name in %s", style)
	}
	if resp, text := w.get(b, "/static/"+strings.TrimPrefix(picture, "../")); resp.StatusCode != http.StatusOK || !strings.Contains(text, "<svg") {
		t.Errorf("the picture: %s", resp.Status)
	}
	if resp, _ := w.get(b, strings.Replace(link[1], "main.", "main.0", 1)); resp.StatusCode != http.StatusNotFound || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a name that is none: %s, %v", resp.Status, resp.Header)
	}
}

// submitPaper sends the form as a browser does, and returns the paper's number.
func submitPaper(t *testing.T, w *whole, b *http.Client, content []byte) string {
	t.Helper()
	_, form := w.get(b, "/submit/")
	token := regexp.MustCompile(`name="csrfmiddlewaretoken" value="([^"]+)"`).FindStringSubmatch(form)
	if token == nil {
		t.Fatalf("no token in %s", form)
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField("csrfmiddlewaretoken", token[1])
	_ = m.WriteField("title", "On Edges")
	part, _ := m.CreateFormFile("file", "edges.pdf")
	_, _ = part.Write(content)
	_ = m.Close()
	resp, err := b.Post(w.url+"/submit/", m.FormDataContentType(), &body)
	got := read(t, resp, err)
	number := regexp.MustCompile(`/papers/(\d+)/$`).FindStringSubmatch(resp.Request.URL.Path)
	if number == nil || !strings.Contains(got, `"stored"`) || !strings.Contains(got, `"cached": false`) {
		t.Fatalf("at %s: %s", resp.Request.URL, got)
	}
	return number[1]
}

func checkPaper(t *testing.T, w *whole, b *http.Client, number string, size int) {
	_, text := w.get(b, "/papers/"+number+"/")
	var paper struct {
		Title, Name string
		Size        int
		Cached      bool
	}
	if err := json.Unmarshal([]byte(text), &paper); err != nil || paper.Title != "On Edges" || paper.Size != size || !paper.Cached {
		t.Errorf("%s: %v", text, err)
	}
	if out := w.Must("files", "ls", "papers/"); !strings.Contains(out, "2026/") || !strings.HasPrefix(paper.Name, "2026/edges") {
		t.Errorf("the paper is %s, the bucket has: %s", paper.Name, out)
	}
	if resp, _ := w.get(visitor(t), "/media/papers/"+paper.Name); resp.StatusCode == http.StatusOK {
		t.Error("the paper is public")
	}
}

// checkHanded asks for what the application lets Holdfast send, and for the same without asking the application.
func checkHanded(t *testing.T, w *whole, b *http.Client, number string, content []byte) {
	resp, text := w.get(b, "/papers/"+number+"/file/")
	if text != string(content) || resp.Header.Get("Content-Disposition") != `attachment; filename="On Edges.pdf"` || resp.Header.Get("X-Accel-Redirect") != "" {
		t.Errorf("the file: %s, %d bytes, %v", resp.Status, len(text), resp.Header)
	}
	if resp, text := w.get(b, "/theme/"); resp.StatusCode != http.StatusOK || !strings.Contains(text, "rgb(1, 2, 3)") || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/css") {
		t.Errorf("an asset: %s, %v, %s", resp.Status, resp.Header, text)
	}
	eventually(t, "content is handed over", func() error { // as soon as the source was synced for the first time
		resp, text := w.get(b, "/figure/")
		if resp.StatusCode != http.StatusOK || !strings.Contains(text, "<svg") || !strings.HasPrefix(resp.Header.Get("Content-Type"), "image/svg") {
			return fmt.Errorf("%s %v %.200s", resp.Status, resp.Header, text)
		}
		return nil
	})
	for _, path := range []string{
		"/nothing/", "/handed/papers/2026/edges.pdf", "/handed/assets/css/main.css",
		"/handed/content/physics//questions/mechanics/pendulum/clientFilesQuestion/picture.svg",
	} {
		if resp, text := w.get(b, path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s %.100s", path, resp.Status, text)
		}
	}
}

// S1-25, S1-27, S1-28, E-11: Flask-Caching in a running site: two workers share what one of them found out, and a change on one is known to
// the other at once.
func TestFlaskCachingInARunningSite(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.serve()
	gunicorn(t, "testdata/flaskcache", "app:app", w.socket(), w.told()...)
	b := visitor(t)
	same := func(path string) string {
		t.Helper()
		seen := map[string]int{}
		for range 20 {
			resp, text := w.get(b, path)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s %s", path, resp.Status, text)
			}
			seen[text]++
		}
		if len(seen) != 1 {
			t.Fatalf("%s: the workers differ: %v", path, seen)
		}
		for text := range seen {
			return text
		}
		return ""
	}
	eventually(t, "the application answers", func() error {
		if resp, text := w.get(b, "/who"); resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s", resp.Status, text)
		}
		return nil
	})
	page, setting := same("/who"), same("/setting/volume")
	if got := same("/who"); got != page {
		t.Errorf("the page was made anew: %s after %s", got, page)
	}
	resp, err := b.Post(w.url+"/setting/volume", "text/plain", nil)
	if got := read(t, resp, err); got != "200 changed" {
		t.Fatal(got)
	}
	if got := same("/setting/volume"); got == setting {
		t.Errorf("the change is not seen: %s", got)
	}
	if _, text := w.get(b, "/clear"); text != "cleared" || same("/who") == page {
		t.Error("the cache was not cleared")
	}
}
