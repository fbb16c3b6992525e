package edge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/httpcache"
	"holdfast/internal/throttle"
	"holdfast/internal/unit"
)

// cached returns settings with a page cache.
func cached(servers ...string) edge.Config {
	c := config(servers...)
	c.Cache.Enabled = true
	c.Cache.DiskFree = 0
	return c
}

// counted counts the requests that reach an application.
type counted struct {
	http.HandlerFunc
	n atomic.Int64
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.n.Add(1)
	c.HandlerFunc(w, r)
}

// page answers with a page that may be kept for a minute.
func page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("Surrogate-Key", "pages")
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintf(w, "page %s", r.URL.Path)
}

// S3-16, S3-20, S3-21, issue 5: 50 concurrent cold requests reach the application once, and warm ones never.
func TestFiftyColdVisitorsAreOneQuestionToTheApplication(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	a := &counted{HandlerFunc: func(w http.ResponseWriter, r *http.Request) {
		<-held
		page(w, r)
	}}
	s := start(t, edge.Options{Config: cached(startApp(t, a).url)})
	p, err := s.Pages()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]answer, 50)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = s.ask("GET /front") })
	}
	eventually(t, "the application is asked", func() error {
		if a.n.Load() == 0 || p.Stats().Flights == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	<-time.After(100 * time.Millisecond) // most of the 50 are there by now; the others find it stored, which is as good
	close(held)
	all.Wait()
	ids := map[string]bool{}
	for _, g := range append(got, s.ask("GET /front")) {
		if g.StatusCode != http.StatusOK || g.body != "page /front" || g.Header.Get("X-Frame-Options") != "SAMEORIGIN" || g.Header.Get("Surrogate-Key") != "" {
			t.Errorf("%d %q %v", g.StatusCode, g.body, g.Header)
		}
		ids[g.Header.Get("X-Request-Id")] = true
	}
	if a.n.Load() != 1 || len(ids) != 51 {
		t.Errorf("asked %d times; %d ids of requests", a.n.Load(), len(ids))
	}
}

// settle waits until what was answered is stored.
func settle(s *site) {
	s.t.Helper()
	p, err := s.Pages()
	if err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "nothing is on its way", func() error {
		if n := p.Stats().Flights; n > 0 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
}

// The access log and the fields say what the cache did (S1-50).
func TestTheLogSaysWhatTheCacheDid(t *testing.T) {
	t.Parallel()
	c := cached(startApp(t, http.HandlerFunc(page)).url)
	c.AccessLog = filepath.Join(t.TempDir(), "access.jsonl")
	s := start(t, edge.Options{Config: c})
	s.ask("GET /a")
	settle(s)
	if got := s.ask("GET /a"); got.Header.Get("Age") == "" || !strings.HasPrefix(got.Header.Get("Cache-Status"), "holdfast; hit; ttl=") {
		t.Errorf("%v", got.Header)
	}
	s.ask("POST /a")
	s.ask("GET /a", "Cookie: session=1")
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	var did []string
	for line := range strings.Lines(readFile(t, filepath.Dir(c.AccessLog), "access.jsonl")) {
		var l struct {
			Cache, Path, Server string
			App                 *float64 `json:"app_ms"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Path != "/a" {
			t.Errorf("%s: %v", line, err)
		}
		if asked := l.Cache != "hit"; asked != (l.Server != "") {
			t.Errorf("who answered a %s: %q", l.Cache, l.Server)
		}
		did = append(did, l.Cache)
	}
	if got := strings.Join(did, " "); got != "miss hit pass pass" {
		t.Errorf("the log says %q", got)
	}
}

// What a guard looks at is never kept; limits count for what is kept, too.
func TestGuardsAndLimitsStandBeforeThePageCache(t *testing.T) {
	t.Parallel()
	a := &counted{HandlerFunc: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/may" {
			if r.Header.Get("X-Member") == "" {
				w.WriteHeader(http.StatusForbidden)
			}
			return
		}
		page(w, r)
	}}
	c := cached(startApp(t, a).url)
	c.Auth = []edge.AuthRule{{Path: "/members/", URL: "/may"}}
	c.Limits = []throttle.Rule{{Path: "/news/", Rate: "2/h"}}
	s := start(t, edge.Options{Config: c})
	for _, path := range []string{"/members/x", "//members/x"} {
		for range 2 {
			if got := s.ask("GET "+path, "X-Member: yes"); got.StatusCode != http.StatusOK || got.Header.Get("Cache-Status") != "" {
				t.Errorf("a member gets %d %v", got.StatusCode, got.Header)
			}
		}
		if got := s.ask("GET " + path); got.StatusCode != http.StatusForbidden {
			t.Errorf("a stranger gets %d", got.StatusCode)
		}
	}
	for i, want := range []int{200, 200, 429} {
		if got := s.ask("GET /news/"); got.StatusCode != want {
			t.Errorf("request %d: %d; want %d", i, got.StatusCode, want)
		}
	}
}

// library is a vault that sends one file.
type library struct{}

func (library) Send(w http.ResponseWriter, _ *http.Request, name string) {
	w.Header().Set("Cache-Control", "public, max-age=60")
	_, _ = io.WriteString(w, "file "+name)
}

// A file that the application hands over is for one visitor, whatever the application says; cookies that keep visitors with a server do not
// keep pages from the cache, nor get into it.
func TestFilesThatAreHandedOverAndStickyVisitors(t *testing.T) {
	t.Parallel()
	a := &counted{HandlerFunc: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/download" {
			w.Header().Set("X-Accel-Redirect", "/protected/paper.pdf")
			w.Header().Set("Cache-Control", "public, max-age=60")
			return
		}
		page(w, r)
	}}
	c := cached(startApp(t, a).url)
	c.Accel = []edge.Accel{{Prefix: "/protected/", To: edge.ToFiles}}
	c.Upstream.Sticky = "hf_server"
	s := start(t, edge.Options{Config: c, Vaults: map[string]edge.Vault{edge.ToFiles: library{}}})
	for i := range 3 {
		if got := s.ask("GET /download"); got.body != "file paper.pdf" || a.n.Load() != int64(i+1) {
			t.Errorf("%q, asked %d times", got.body, a.n.Load())
		}
	}
	before := a.n.Load()
	for _, fields := range [][]string{nil, {"Cookie: hf_server=http://127.0.0.1:1"}, nil} {
		if got := s.ask("GET /page", fields...); got.body != "page /page" || got.Header.Get("Set-Cookie") != "" {
			t.Errorf("%q %v", got.body, got.Header)
		}
	}
	if a.n.Load() != before+1 {
		t.Errorf("asked %d times", a.n.Load()-before)
	}
	if got := s.ask("GET /page", "Cookie: session=1"); got.body != "page /page" {
		t.Errorf("%q", got.body)
	}
	if got := s.ask("POST /page"); got.Header.Get("Set-Cookie") == "" {
		t.Error("a visitor who changes something is not kept with its server")
	}
}

// Errors of our own are not kept, and a page that was kept stands in for an application that is away (RFC 5861).
func TestAPageStandsInForAnApplicationThatIsAway(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=0, stale-if-error=600")
		w.Header().Set("Etag", `"a"`)
		_, _ = io.WriteString(w, "page")
	}))
	c := cached(a.url)
	c.Upstream.Timeouts.Wait = unit.Duration(100 * time.Millisecond)
	s := start(t, edge.Options{Config: c})
	if got := s.ask("GET /"); got.body != "page" {
		t.Fatalf("%d %q", got.StatusCode, got.body)
	}
	settle(s)
	a.Close()
	for range 3 {
		if got := s.ask("GET /"); got.StatusCode != http.StatusOK || got.body != "page" || !strings.Contains(got.Header.Get("Cache-Status"), "stale-if-error") {
			t.Errorf("%d %q %v", got.StatusCode, got.body, got.Header)
		}
	}
	if got := s.ask("GET /other"); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("a page that was not kept: %d", got.StatusCode)
	}
	startAppAt(t, a.addr, named("back"))
	eventually(t, "the application is back", func() error {
		if got := s.ask("GET /other"); got.body != "back" {
			return errors.New(got.Status)
		}
		return nil
	})
}

// An answer that breaks off on its way is cut for the visitor, and not kept.
func TestHalfAPageIsNoPage(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"", "100"} {
		var whole atomic.Bool
		s := start(t, edge.Options{Config: cached(startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			if whole.Load() {
				_, _ = io.WriteString(w, "whole")
				return
			}
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})).url)})
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
		resp, err := new(http.Transport).RoundTrip(r)
		if err == nil {
			var b []byte
			b, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil {
				t.Errorf("%q was taken for the whole", b)
			}
		}
		whole.Store(true)
		if got := s.ask("GET /"); got.body != "whole" {
			t.Errorf("then %q", got.body)
		}
	}
}

// Rules change with a reload; what is stored stays.
func TestRulesOfThePageCacheAreReloaded(t *testing.T) {
	t.Parallel()
	a := &counted{HandlerFunc: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") }}
	c := cached(startApp(t, a).url)
	s := start(t, edge.Options{Config: c})
	s.ask("GET /")
	c.Cache.Rules = []httpcache.Rule{{Path: "/", TTL: unit.Duration(time.Minute)}}
	if err := s.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s.ask("GET /")
	before := a.n.Load()
	for range 3 {
		s.ask("GET /")
	}
	if err := s.Reload(t.Context(), c); err != nil || a.n.Load() != before {
		t.Errorf("%v; asked %d times", err, a.n.Load()-before)
	}
	if s.ask("GET /"); a.n.Load() != before {
		t.Error("what was stored went with the reload")
	}
	c.Cache.Rules = []httpcache.Rule{{Path: "/", Bypass: true}}
	if err := s.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if s.ask("GET /"); a.n.Load() != before+1 {
		t.Error("the rule that keeps the cache away does not count")
	}
}
