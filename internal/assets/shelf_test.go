package assets

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/mem"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/unit"
)

// cluster is a database and a store that several nodes share.
type cluster struct {
	t     testing.TB
	pg    *pgtest.DB
	store blob.Store
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	return &cluster{t: t, store: mem.New(), pg: postgrestest.Migrated(t, "assets", Migrations)}
}

// node starts a node with files of its own.
func (c *cluster) node(files map[string]string, change func(*Options)) (*Assets, *bench) {
	c.t.Helper()
	b := newBench(c.t, files)
	o := Options{Config: b.config, DB: postgrestest.Connect(c.t, c.pg.URL()), Store: c.store, Log: slog.New(slog.NewTextHandler(c.t.Output(), nil))}
	if change != nil {
		change(&o)
	}
	a, err := New(o)
	if err == nil {
		err = a.Start(context.Background())
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			c.t.Errorf("stop: %v", err)
		}
	})
	return a, b
}

func publish(t testing.TB, a *Assets, name, content string) Published {
	t.Helper()
	p, err := a.Publish(t.Context(), name, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// S0-31: publish CSS twice: two URLs, both 200 on every node at once, the manifest points at the new one; the references in
// it lead to hashed names.
func TestAPublishedAssetIsServedByEveryNodeAtOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, _ := c.node(siteFiles(), nil)
	two, _ := c.node(siteFiles(), nil)
	first := publish(t, one, "css/themed.css", long("a{color:red}")+"b{background:url(../img/logo.svg)} c{background:url(gone.png)}")
	if resp := ask(t, two, "GET", first.URL, "Accept-Encoding: br"); resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != "br" || resp.Header.Get("Cache-Control") != immutableLife {
		t.Fatalf("the other node: %d %v", resp.StatusCode, resp.Header)
	}
	if body := text(t, ask(t, two, "GET", first.URL)); !strings.Contains(body, "../"+one.set.Load().names["img/logo.svg"]) || len(first.Notes) != 1 {
		t.Errorf("references: %s %v", body[len(body)-80:], first.Notes)
	}
	second := publish(t, two, "css/themed.css", long("a{color:green}"))
	for _, a := range []*Assets{one, two} {
		for _, url := range []string{first.URL, second.URL} {
			expect(t, ask(t, a, "GET", url), 200, map[string]string{"Cache-Control": immutableLife})
		}
		lifecycletest.Eventually(t, 5*time.Second, func() error {
			if e, err := a.Resolve([]string{"css/themed.css"}); err != nil || e[0].URL != second.URL {
				return fmt.Errorf("%v %v", e, err)
			}
			return nil
		})
	}
	if first.URL == second.URL {
		t.Error("both have one URL")
	}
}

// The manifests on disk follow, so that code that only reads files finds what was published; a build keeps it there.
func TestManifestsNameWhatWasPublished(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, b := c.node(siteFiles(), nil)
	p := publish(t, a, "css/main.css", "a{}")
	for range 2 {
		var d django
		if err := json.Unmarshal([]byte(b.output(djangoManifest)), &d); err != nil || d.Paths["css/main.css"] != p.Hashed {
			t.Errorf("manifest: %s, want %s (%v)", d.Paths["css/main.css"], p.Hashed, err)
		}
		b.build()
	}
	if err := a.Unpublish(t.Context(), "css/main.css"); err != nil {
		t.Fatal(err)
	}
	var d django
	if err := json.Unmarshal([]byte(b.output(djangoManifest)), &d); err != nil || d.Paths["css/main.css"] != b.hashed("css/main.css") {
		t.Errorf("after the end: %s (%v)", d.Paths["css/main.css"], err)
	}
	expect(t, ask(t, a, "GET", p.URL), 200, nil)
	if err := a.Unpublish(t.Context(), "css/main.css"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a second end: %v", err)
	}
}

// A node that starts later, or again, has what was published before.
func TestANodeThatStartsFindsWhatWasPublished(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, _ := c.node(siteFiles(), nil)
	p := publish(t, one, "css/themed.css", "a{}")
	late, _ := c.node(siteFiles(), nil)
	expect(t, ask(t, late, "GET", p.URL), 200, nil)
	expect(t, ask(t, late, "GET", "/static/css/themed.css"), 200, map[string]string{"Cache-Control": "public, no-cache"})
}

// S3-19, S3-15: with share, nodes of two releases serve each other's names; afterwards the store may be gone.
func TestNodesOfTwoReleasesServeEachOthersNames(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	cut := &cutStore{Store: c.store}
	share := func(o *Options) { o.Share, o.Store = true, cut }
	old, ob := c.node(map[string]string{"a.css": long("old"), "same.css": "same"}, share)
	fresh, fb := c.node(map[string]string{"a.css": long("new"), "same.css": "same"}, share)
	oldURL, newURL := "/static/"+ob.hashed("a.css"), "/static/"+fb.hashed("a.css")
	expect(t, ask(t, fresh, "GET", oldURL), 200, map[string]string{"Cache-Control": immutableLife})
	expect(t, ask(t, old, "GET", newURL), 200, map[string]string{"Cache-Control": immutableLife})
	if got := old.set.Load().names["a.css"]; got != ob.hashed("a.css") {
		t.Errorf("the old node's pages would use %s", got)
	}
	cut.gone()
	for _, a := range []*Assets{old, fresh} {
		for _, url := range []string{oldURL, newURL, "/static/same.css"} {
			expect(t, ask(t, a, "GET", url), 200, nil)
		}
	}
	if _, err := old.Publish(t.Context(), "x.css", strings.NewReader("x")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("publishing without a store: %v", err)
	}
}

// cutStore is a store that can be lost.
type cutStore struct {
	blob.Store
	mu  sync.Mutex
	cut bool
}

func (c *cutStore) gone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
}

func (c *cutStore) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if err := c.state(); err != nil {
		return nil, err
	}
	return c.Store.Open(ctx, name)
}

func (c *cutStore) state() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return blob.ErrUnavailable
	}
	return nil
}

func (c *cutStore) Put(ctx context.Context, name blob.Name, body io.Reader, o blob.PutOptions) (blob.Info, error) {
	if err := c.state(); err != nil {
		return blob.Info{}, err
	}
	return c.Store.Put(ctx, name, body, o)
}

// Two nodes that publish the same at the same moment end with one asset and one blob, and so does who publishes it again.
func TestTheSameContentIsStoredOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, _ := c.node(siteFiles(), nil)
	two, _ := c.node(siteFiles(), nil)
	var wg sync.WaitGroup
	urls := make([]string, 8)
	for i := range urls {
		a := []*Assets{one, two}[i%2]
		wg.Go(func() {
			p, err := a.Publish(t.Context(), "t.css", strings.NewReader("a{}"))
			if err != nil {
				t.Error(err)
			}
			urls[i] = p.URL
		})
	}
	wg.Wait()
	for _, url := range urls {
		if url != urls[0] || url == "" {
			t.Fatalf("URLs: %v", urls)
		}
	}
	if n := c.blobs(); n != 1 {
		t.Errorf("%d blobs", n)
	}
}

func (c *cluster) blobs() (n int) {
	c.t.Helper()
	if err := c.store.List(context.Background(), "assets/", "", func(blob.Info) bool { n++; return true }); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// What was replaced goes when its time is over: row, blob, and the files of every node.
func TestReplacedAssetsExpire(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, b := c.node(siteFiles(), func(o *Options) { o.Config.Keep = unit.Duration(time.Millisecond) })
	first, second := publish(t, a, "t.css", "a{}"), publish(t, a, "t.css", "b{}")
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		if err := a.shelf.expire(t.Context()); err != nil {
			return err
		}
		if n := c.blobs(); n != 1 {
			return fmt.Errorf("%d blobs", n)
		}
		return nil
	})
	if err := a.sync(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	expect(t, ask(t, a, "GET", first.URL), 404, map[string]string{"Cache-Control": "no-store"})
	expect(t, ask(t, a, "GET", second.URL), 200, nil)
	if b.has(first.Hashed) || !b.has(second.Hashed) {
		t.Error("the files do not follow")
	}
}

func TestBadNamesAndSizesAreNotPublished(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, _ := c.node(siteFiles(), func(o *Options) { o.Config.PublishMaxSize = 10 })
	for _, name := range []string{"", "/etc/passwd", "../x.css", "a/../../x", ".env", "a/.git/x", "a\\b.css", "a\nb", "x.pem", "a//b"} {
		if _, err := a.Publish(t.Context(), name, strings.NewReader("x")); fault.CodeOf(err) != "asset_name" {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := a.Publish(t.Context(), "x.css", strings.NewReader("12345678901")); fault.CodeOf(err) != "asset_too_large" {
		t.Errorf("too large: %v", err)
	}
}

// S3-34: the API resolves and reads assets for code that has neither a request nor the directory.
func TestTheAPIFindsReadsAndPublishes(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, b := c.node(siteFiles(), nil)
	mux := http.NewServeMux()
	for pattern, h := range a.APIRoutes() {
		mux.Handle(pattern, h)
	}
	call := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	if code, body := call("PUT", "/v1/assets/content?name=n.css", "a{}"); code != 200 || !strings.Contains(body, `"url":"/static/n.`) {
		t.Errorf("publish: %d %s", code, body)
	}
	if code, body := call("GET", "/v1/assets/content?name=n.css", ""); code != 200 || body != "a{}" {
		t.Errorf("read: %d %s", code, body)
	}
	if code, body := call("GET", "/v1/assets/manifest", ""); code != 200 || !strings.Contains(body, `"f.woff2":"/static/`+b.hashed("f.woff2")+`"`) {
		t.Errorf("manifest: %d %s", code, body)
	}
	if code, body := call("POST", "/v1/assets/resolve", `{"names": ["css/main.css"]}`); code != 200 || !strings.Contains(body, `"integrity":"sha256-`) {
		t.Errorf("resolve: %d %s", code, body)
	}
	if code, _ := call("POST", "/v1/assets/resolve", `{"names": ["gone.css"]}`); code != 404 {
		t.Errorf("resolve what is not there: %d", code)
	}
	if code, body := call("POST", "/v1/assets/build", "{}"); code != 200 || !strings.Contains(body, `"assets":8`) {
		t.Errorf("build: %d %s", code, body)
	}
	if code, body := call("POST", "/v1/assets/status", "{}"); code != 200 || !strings.Contains(body, `"published":1`) {
		t.Errorf("status: %d %s", code, body)
	}
}
