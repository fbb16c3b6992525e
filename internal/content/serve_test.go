package content

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/treepack"
)

// visitor asks a node as a browser does.
type visitor struct {
	t       testing.TB
	handler http.Handler
}

func newVisitor(t testing.TB, c *Content) visitor { return visitor{t, c.Routes()["GET "+urlPrefix]} }

// get asks for a path as it stands, without the cleaning that clients and http.ServeMux do.
func (v visitor) get(path string, header ...string) *httptest.ResponseRecorder {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), http.MethodGet, "/", nil)
	r.URL.Path = path
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	return w
}

// servedSite is a course with files for browsers, in three sources that differ in who may read them.
func servedSite(t *testing.T) (*Content, *coursegen.Course, visitor) {
	t.Helper()
	w, course := newNodes(t, coursegen.Options{Seed: 51, Questions: 2})
	write(t, course, map[string]string{
		"clientFilesCourse/note.txt":                        "for browsers",
		"clientFilesCourse/page.html":                       "<script>1</script>",
		"clientFilesCourse/a b/ü.css":                       "b{}",
		"serverFilesCourse/answers.txt":                     "secret",
		"elements/box/box.py":                               "secret",
		"elements/box/box.js":                               "1",
		"questions/" + course.Questions()[0] + "/server.py": "secret",
	})
	for name, serve := range map[string]string{"open": servePublic, "closed": serveOff} {
		s := w.cfg.Sources["course"]
		s.Serve = serve
		w.cfg.Sources[name] = s
	}
	c := w.node()
	for name := range w.cfg.Sources {
		if _, err := c.Sync(t.Context(), SyncRequest{Source: name}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return c, course, newVisitor(t, c)
}

func (v visitor) signed(c *Content, source, path string) string {
	v.t.Helper()
	a, err := c.URL(v.t.Context(), URLRequest{Source: source, Path: path})
	if err != nil {
		v.t.Fatal(err)
	}
	return strings.NewReplacer("%20", " ", "%C3%BC", "ü").Replace(a.Path)
}

// S4-24, E-60: files that the rules show are served under an address with the commit in it: they never change, their tag is
// the id of the blob, ranges and conditions work, and what runs in a browser runs in an origin of its own.
func TestBrowserFilesAreServedForGood(t *testing.T) {
	t.Parallel()
	c, _, v := servedSite(t)
	address := v.signed(c, "course", "clientFilesCourse/note.txt")
	w := v.get(address)
	h := w.Result().Header
	tag := `"` + treepack.HashObject(treepack.SHA1, "blob", []byte("for browsers")).String() + `"`
	if w.Code != 200 || w.Body.String() != "for browsers" || h.Get("ETag") != tag || h.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %q %v", w.Code, w.Body, h)
	}
	if h.Get("Cache-Control") != "private, max-age=31536000, immutable" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	if w := v.get(address, "If-None-Match", tag); w.Code != http.StatusNotModified {
		t.Errorf("with the tag: %d", w.Code)
	}
	if w := v.get(address, "Range", "bytes=4-11"); w.Code != http.StatusPartialContent || w.Body.String() != "browsers" {
		t.Errorf("a range: %d %q", w.Code, w.Body)
	}
	if w := v.get(v.signed(c, "course", "clientFilesCourse/page.html")); !strings.HasPrefix(w.Result().Header.Get("Content-Security-Policy"), "sandbox ") {
		t.Errorf("a page without a sandbox: %v", w.Result().Header)
	}
	if w := v.get(v.signed(c, "open", "clientFilesCourse/a b/ü.css")); w.Code != 200 || w.Result().Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("a public file: %d %v", w.Code, w.Result().Header)
	}
	if w := v.get(v.signed(c, "open", "elements/box/box.js")); w.Code != 200 {
		t.Errorf("a script of an element: %d", w.Code)
	}
}

// Whatever is wrong with an address, the answer is the same: forged, over, of another revision or source, outside of what the
// rules show, with tricks in the path, of a source that serves nothing.
func TestEverythingElseLooksAlike(t *testing.T) {
	t.Parallel()
	c, course, v := servedSite(t)
	nothing := httptest.NewRecorder()
	nothingHere(nothing)
	f := func(path string) {
		t.Helper()
		w := v.get(path)
		if w.Code != 404 || w.Body.String() != nothing.Body.String() || fmt.Sprint(w.Result().Header) != fmt.Sprint(nothing.Result().Header) {
			t.Errorf("%s: %d %s %v", path, w.Code, w.Body, w.Result().Header)
		}
	}
	head := course.Head
	signed := strings.TrimSuffix(v.signed(c, "course", "clientFilesCourse/note.txt"), "clientFilesCourse/note.txt")
	forged := []byte(signed)
	forged[strings.Index(signed, ".")+1] ^= 1 // the signature's first character: it differs from the right one whatever the key and the day
	open, file := "/content/open/"+head+"/", "clientFilesCourse/note.txt"
	if w := v.get(open + file); w.Code != 200 {
		t.Fatalf("the public file: %d", w.Code)
	}
	f("/content/course/" + head + "/" + file)
	f(strings.Replace(signed, "~", "~9", 1) + file)
	f(strings.Replace(signed, "/course/", "/open/", 1) + file)
	f(strings.Replace(signed, head, commitTwo, 1) + file)
	f(c.reader().urls.base("course", head, true, time.Now().Add(-48*time.Hour), time.Hour) + file)
	f(string(forged) + file)
	f("/content/closed/" + head + "/" + file)
	f(c.reader().urls.base("closed", head, true, time.Now(), time.Hour) + file)
	f("/content/unknown/" + head + "/" + file)
	f("/content/open/" + commitTwo + "/" + file)
	for _, path := range []string{
		"serverFilesCourse/answers.txt", "elements/box/box.py", "infoCourse.json", "questions/" + course.Questions()[0] + "/server.py",
		"clientFilesCourse", "clientFilesCourse/", "clientFilesCourse/no.txt", "clientFilesCourse/note.txt/x", "", ".", "..", ".holdfast/elements",
		"clientFilesCourse/../serverFilesCourse/answers.txt", "clientFilesCourse/./note.txt", "clientFilesCourse//note.txt", "/etc/passwd",
		"clientFilesCourse/..%2fserverFilesCourse/answers.txt", "clientFilesCourse\\note.txt", "clientFilesCourse/note.txt\x00", ".lease",
	} {
		f(open + path)
		f(signed + path)
	}
}

// A symbolic link opens nothing that its target's own path would not.
func TestALinkShowsNothingThatItsTargetWouldNot(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 52, Questions: 1})
	work := checkoutWithLinks(t, course)
	w.cfg.Sources["course"] = SourceConfig{Git: work, Links: "course", Serve: servePublic}
	c := w.node()
	report := publish(t, c)
	if len(report.Rejected) > 0 {
		t.Fatalf("rejected: %+v", report.Rejected)
	}
	v := newVisitor(t, c)
	base := "/content/course/" + report.Commit + "/clientFilesCourse/"
	if w := v.get(base + "inside.txt"); w.Code != 200 || w.Body.String() != "for browsers" {
		t.Errorf("a link inside: %d %s", w.Code, w.Body)
	}
	if w := v.get(base + "deep/note.txt"); w.Code != 200 || w.Body.String() != "for browsers" {
		t.Errorf("a link to a directory: %d %s", w.Code, w.Body)
	}
	for _, name := range []string{"secret.txt", "all/answers.txt", "loop", "gone"} {
		if w := v.get(base + name); w.Code != 404 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// checkoutWithLinks makes a repository with links out of a course, by git itself.
func checkoutWithLinks(t *testing.T, course *coursegen.Course) string {
	t.Helper()
	dir := checkout(t, course, course.Head)
	for _, f := range []struct{ name, text string }{
		{"clientFilesCourse/note.txt", "for browsers"}, {"clientFilesCourse/sub/note.txt", "for browsers"}, {"serverFilesCourse/answers.txt", "secret"},
	} {
		if err := os.MkdirAll(dir+"/"+f.name[:strings.LastIndex(f.name, "/")], 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+f.name, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"inside.txt": "note.txt", "deep": "sub", "secret.txt": "../serverFilesCourse/answers.txt", "all": "../serverFilesCourse",
	} {
		if err := os.Symlink(target, dir+"/clientFilesCourse/"+name); err != nil {
			t.Fatal(err)
		}
	}
	gitIn(t, dir, "init", "--quiet", "--initial-branch=main")
	gitIn(t, dir, "add", "--all")
	gitIn(t, dir, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=links")
	return dir
}

func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := execGit(t.Context(), dir, args...); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

// What an application hands over to the edge is any file of a chunk, by source, revision and path.
func TestAnApplicationMayHandOverAnyFile(t *testing.T) {
	t.Parallel()
	c, course, _ := servedSite(t)
	f := func(name string, code int, body, cache string) {
		t.Helper()
		w := httptest.NewRecorder()
		c.Send(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), name)
		if w.Code != code || code == 200 && (w.Body.String() != body || w.Result().Header.Get("Cache-Control") != cache) {
			t.Errorf("%s: %d %q %v", name, w.Code, w.Body, w.Result().Header)
		}
	}
	f("course/current/serverFilesCourse/answers.txt", 200, "secret", "private, no-cache")
	f("closed/"+course.Head+"/clientFilesCourse/note.txt", 200, "for browsers", "private, max-age=31536000, immutable")
	f("course/current/infoCourse.json", 404, "", "")
	f("course/current/serverFilesCourse/../elements/box/box.py", 404, "", "")
	f("course/"+commitTwo+"/serverFilesCourse/answers.txt", 404, "", "")
	f("nowhere/current/serverFilesCourse/answers.txt", 404, "", "")
	f("course/current", 404, "", "")
	f("", 404, "", "")
}

// With the store down a file that is here is served, and one that is not is a 503, to who may read it.
func TestFilesAreServedWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 53, Questions: 1})
	write(t, course, map[string]string{"clientFilesCourse/note.txt": "for browsers", "elements/box/box.js": "1"})
	store := &fragile{Store: w.store}
	c := w.node(func(o *Options) { o.Store = store })
	publish(t, c)
	v := newVisitor(t, c)
	here, there := v.signed(c, "course", "clientFilesCourse/note.txt"), v.signed(c, "course", "elements/box/box.js")
	if w := v.get(here); w.Code != 200 {
		t.Fatal(w.Code)
	}
	store.down.Store(true)
	if w := v.get(here); w.Code != 200 {
		t.Errorf("a file that is here: %d", w.Code)
	}
	if w := v.get(there); w.Code != 503 || w.Result().Header.Get("Retry-After") == "" {
		t.Errorf("a file that is not here: %d", w.Code)
	}
}

// BenchmarkServeFile is a small file that is here.
func BenchmarkServeFile(b *testing.B) {
	w, course := newNodes(b, coursegen.Options{Seed: 54, Questions: 1})
	write(b, course, map[string]string{"clientFilesCourse/note.txt": strings.Repeat("x", 4096)})
	c := w.node(func(o *Options) { o.Log = quietLog() })
	publish(b, c)
	v := newVisitor(b, c)
	address := v.signed(c, "course", "clientFilesCourse/note.txt")
	b.ReportAllocs()
	for b.Loop() {
		if w := v.get(address); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
