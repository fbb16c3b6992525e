package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/fault"
	"holdfast/internal/httpcache"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/throttle"
)

// nodes are edges with one application and one database.
type nodes struct {
	t   *testing.T
	pg  *pgtest.PG
	db  *pgtest.DB
	app *counted
	url string
}

func newNodes(t *testing.T) *nodes {
	pg := pgtest.Cluster(t)
	n := &nodes{t: t, pg: pg, db: pg.Database(t), app: &counted{HandlerFunc: page}}
	n.url = startApp(t, n.app).url
	return n
}

// connect returns a node's own connections.
func (n *nodes) connect() *postgres.DB {
	n.t.Helper()
	db := postgrestest.Connect(n.t, n.db.URL())
	if err := edge.MigratePages(n.t.Context(), db); err != nil {
		n.t.Fatal(err)
	}
	return db
}

// start runs a node, with a disk in a directory if one is named.
func (n *nodes) start(dir string) *site {
	n.t.Helper()
	c := cached(n.url)
	if dir != "" {
		c.Cache.Disk = 20_000_000
	}
	return start(n.t, edge.Options{Config: c, DB: n.connect(), CacheDir: dir})
}

// purge gives an order on a node.
func (n *nodes) purge(s *site, what httpcache.Purge) {
	n.t.Helper()
	p, err := s.Pages()
	if err == nil {
		_, err = p.Purge(n.t.Context(), what)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// oneName is what visitors call all nodes.
const oneName = "Host: site.example"

// isHit asks a node for a page.
func isHit(s *site, path string) bool {
	return strings.HasPrefix(s.ask("GET "+path, oneName).Header.Get("Cache-Status"), "holdfast; hit")
}

// store asks a node for a page until it is stored: the answer is given before that.
func (n *nodes) store(s *site, path string) {
	n.t.Helper()
	eventually(n.t, path+" is stored", func() error {
		if !isHit(s, path) {
			return errors.New("it is not")
		}
		return nil
	})
}

// gone waits until a node has a page no more; it must ask the application then.
func (n *nodes) gone(s *site, path string) {
	n.t.Helper()
	p, _ := s.Pages()
	eventually(n.t, path+" is removed", func() error {
		r, _ := http.NewRequestWithContext(n.t.Context(), http.MethodGet, s.URL()+path, nil)
		r.Host = "site.example"
		r.Header.Set("Cache-Control", "only-if-cached") // looks, and fetches nothing
		if got := s.send(r); got.StatusCode != http.StatusGatewayTimeout {
			return fmt.Errorf("%d, %d in memory", got.StatusCode, p.Stats().Memory.Entries)
		}
		return nil
	})
}

// Issue 5: what one node removes is removed on the other within a second, by address, prefix, tag, and all.
func TestWhatOneNodeRemovesIsRemovedOnTheOtherWithinASecond(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a, b := n.start(""), n.start("")
	for _, what := range []httpcache.Purge{{URL: "/news/1"}, {Prefix: "/news/"}, {Tag: "pages"}, {All: true}} {
		took := time.Hour
		for try := 0; try < 5 && took > time.Second; try++ { // a busy machine may need longer once
			took = n.spread(a, b, what)
		}
		if took > time.Second {
			t.Errorf("%+v: after %s", what, took)
		}
	}
}

// spread stores pages on two nodes, removes some of them on one, and returns how long the other took.
func (n *nodes) spread(a, b *site, what httpcache.Purge) time.Duration {
	n.t.Helper()
	for _, s := range []*site{a, b} {
		n.store(s, "/news/1")
		n.store(s, "/about")
	}
	began := time.Now()
	n.purge(a, what)
	if isHit(a, "/news/1") {
		n.t.Errorf("%+v: it is there on the node itself", what)
	}
	n.gone(b, "/news/1")
	took := time.Since(began)
	if everything := what.All || what.Tag != ""; !everything && !isHit(b, "/about") {
		n.t.Errorf("%+v: another page went, too", what)
	}
	return took
}

// A node whose connection was cut obeys what it did not hear.
func TestANodeThatDidNotHearObeysWhenItIsBack(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a, b := n.start(""), n.start("")
	for round := range 3 {
		path := fmt.Sprint("/", round)
		n.store(b, path)
		n.db.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%listen'")
		n.purge(a, httpcache.Purge{URL: path})
		n.gone(b, path)
	}
}

// A node with a disk that was down obeys at its next start, before anybody asks; what was not removed survived.
func TestANodeThatWasDownObeysAtItsStart(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	dir := t.TempDir()
	a, b := n.start(""), n.start(dir)
	n.store(b, "/removed")
	n.store(b, "/kept")
	stop(t, b)
	n.purge(a, httpcache.Purge{URL: "/removed"})
	b = n.start(dir)
	before := n.app.n.Load()
	if !isHit(b, "/kept") || n.app.n.Load() != before {
		t.Error("what was not removed did not survive")
	}
	if isHit(b, "/removed") {
		t.Error("what was removed survived")
	}
	n.store(b, "/removed")
	stop(t, b)
	b = n.start(dir)
	if !isHit(b, "/removed") {
		t.Error("an order was obeyed again")
	}
	// what is not known to have been obeyed empties the cache: orders older than a day are not kept, and other databases have others
	stop(t, b)
	n.purge(a, httpcache.Purge{URL: "/other"})
	n.purge(a, httpcache.Purge{URL: "/other"})
	n.db.Exec(t, "DELETE FROM holdfast.page_purges WHERE version = (SELECT min(version) + 1 FROM holdfast.page_purges)")
	if b = n.start(dir); isHit(b, "/kept") {
		t.Error("a page stayed although orders were lost")
	}
	stop(t, b)
	n.db.Exec(t, "UPDATE holdfast.page_purges_version SET origin = gen_random_uuid()")
	if b = n.start(dir); isHit(b, "/kept") {
		t.Error("a page stayed although the database is another one")
	}
	stop(t, b)
	n.db.Exec(t, "UPDATE holdfast.page_purges_version SET version = 0", "TRUNCATE holdfast.page_purges")
	if b = n.start(dir); isHit(b, "/kept") {
		t.Error("a page stayed although the database is one of another time")
	}
}

// stop ends a node in order.
func stop(t *testing.T, s *site) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

// Orders that come at once from both nodes are all obeyed by both.
func TestManyOrdersAtOnceAreAllObeyed(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	pair := []*site{n.start(""), n.start("")}
	const each = 30
	for _, s := range pair {
		for i := range 2 * each {
			n.store(s, fmt.Sprint("/", i))
		}
	}
	done := make(chan error, 2*each)
	for i := range 2 * each {
		p, _ := pair[i%2].Pages()
		go func() { // waited for by done
			_, err := p.Purge(t.Context(), httpcache.Purge{URL: fmt.Sprint("/", i)})
			done <- err
		}()
	}
	for range 2 * each {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, s := range pair {
		for i := range 2 * each {
			n.gone(s, fmt.Sprint("/", i))
		}
	}
}

// Without PostgreSQL a node removes what it has, and says that others were not told.
func TestARemovalThatCannotBeToldIsAnError(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	s := n.start("")
	n.store(s, "/a")
	n.db.Exec(t, "ALTER TABLE holdfast.page_purges RENAME TO away")
	p, _ := s.Pages()
	removed, err := p.Purge(t.Context(), httpcache.Purge{All: true})
	if fault.CodeOf(err) != "purge_not_told" || removed != 1 || isHit(s, "/a") {
		t.Errorf("%d, %v", removed, err)
	}
	n.db.Exec(t, "ALTER TABLE holdfast.away RENAME TO page_purges")
}

// S1-51: pages are asked for after the start and by order, through all that visitors meet; the first visitor finds them.
func TestPagesArePreloaded(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	a := &counted{}
	a.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !up.Load():
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/sitemap.xml":
			fmt.Fprintf(w, `<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>http://%s/pages.xml</loc></sitemap></sitemapindex>`, r.Host)
		case r.URL.Path == "/pages.xml":
			_, _ = io.WriteString(w, `<urlset><url><loc> http://site.example/one </loc></url><url><loc>http://site.example/two?a=1&amp;b=2</loc></url><url><loc>http://site.example/gone</loc></url></urlset>`)
		case r.URL.Path == "/gone":
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Path == "/mine":
			w.Header().Set("Cache-Control", "private")
		default:
			w.Header().Set("Vary", "Accept-Encoding")
			page(w, r)
		}
	}
	c := cached(startApp(t, a).url)
	c.Hosts = []string{"site.example"}
	c.Cache.Preload, c.Cache.Sitemap = []string{"/"}, "/sitemap.xml"
	s := start(t, edge.Options{Config: c})
	up.Store(true)
	browser := []string{"Host: site.example", "Accept-Encoding: gzip, deflate, br, zstd"}
	p, _ := s.Pages()
	eventually(t, "pages are stored", func() error {
		if n := p.Stats().Memory.Entries; n < 3 {
			return errors.New(fmt.Sprint(n, " stored"))
		}
		return nil
	})
	before := a.n.Load()
	for _, path := range []string{"/", "/one", "/two?a=1&b=2"} {
		if got := s.ask("GET "+path, browser...); !strings.HasPrefix(got.Header.Get("Cache-Status"), "holdfast; hit") {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
	}
	if n := a.n.Load() - before; n > 1 { // that for /gone may be on its way
		t.Errorf("visitors asked the application %d times", n)
	}
	done, err := p.Preload(t.Context(), []string{"/", "/new", "/mine", "/gone", "http://stranger.example/", "ftp://x/"}, "")
	if err != nil || done.Pages != 6 || done.Stored != 2 || done.Passed != 1 || done.Failed != 3 || len(done.Reasons) != 3 {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := p.Preload(t.Context(), nil, "/gone"); fault.CodeOf(err) != "sitemap" {
		t.Errorf("a sitemap that is not there: %v", err)
	}
}

// With limits a list that is longer than what a visitor may ask for is loaded at the rate that is allowed.
func TestPreloadKeepsWithinLimits(t *testing.T) {
	t.Parallel()
	s := start(t, edge.Options{Config: func() edge.Config {
		c := cached(startApp(t, http.HandlerFunc(page)).url)
		c.Limits = []throttle.Rule{{Path: "/", Rate: "10/s", Burst: 2}}
		return c
	}()})
	p, _ := s.Pages()
	done, err := p.Preload(t.Context(), []string{"/1", "/2", "/3", "/4"}, "")
	if err != nil || done.Stored != 4 {
		t.Errorf("%+v, %v", done, err)
	}
}

// E-11, RFC 9111 section 4.4: what a visitor changes through one node is shown old by no node: the answer that is stored for its address, and for what
// Location names, is removed on all of them. Another address stays, and an error changes nothing.
func TestWhatAVisitorChangesOnOneNodeIsRemovedOnTheOther(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	n.app.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			page(w, r)
		case r.URL.Path == "/refused":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.Header().Set("Location", "/news/")
			w.WriteHeader(http.StatusSeeOther)
		}
	}
	a, b := n.start(""), n.start("")
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		for _, s := range []*site{a, b} {
			for _, path := range []string{"/news/1", "/news/", "/about", "/refused"} {
				n.store(s, path)
			}
		}
		if got := a.ask(method+" /refused", oneName); got.StatusCode != http.StatusForbidden {
			t.Fatalf("%s: %d", method, got.StatusCode)
		}
		if got := a.ask(method+" /news/1", oneName); got.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d", method, got.StatusCode)
		}
		if isHit(a, "/news/1") {
			t.Errorf("%s: it is there on the node itself", method)
		}
		n.gone(b, "/news/1")
		n.gone(b, "/news/")
		if !isHit(b, "/about") || !isHit(b, "/refused") {
			t.Errorf("%s: another page went, too", method)
		}
	}
}
