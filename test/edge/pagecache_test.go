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

// gullible believes everything that it is told, and says public whatever it is asked.
func gullible(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("fail") || r.Header.Get("X-Oversized") != "" {
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.URL.Query().Has("login") {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "new"})
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s host=%s", r.Method, r.URL.Path, r.Host)
	for _, name := range []string{
		"Cookie", "Authorization", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Forwarded-Prefix", "X-Original-Url", "X-Rewrite-Url",
		"X-Host", "X-Http-Method-Override", "X-Evil", "Hx-Request", "Range", "If-None-Match", "Cache-Control", "Pragma", "Origin", "X-User",
	} {
		if v := r.Header.Get(name); v != "" && name != "X-Forwarded-Host" && name != "X-Forwarded-Proto" || v == "evil" {
			fmt.Fprintf(w, " %s=%s", name, v)
		}
	}
	fmt.Fprintf(w, " query=%s body=%s", r.URL.RawQuery, body)
}

// What attackers try with a page cache, and what the next visitor gets: always the page as it is for everybody. The application believes
// everything, says public whatever it is asked, and never Vary.
func TestNoVisitorGetsAnothersPage(t *testing.T) {
	t.Parallel()
	f := func(name, line string, fields ...string) {
		t.Helper()
		c := cached(startApp(t, http.HandlerFunc(gullible)).url)
		c.Cache.IgnoreQuery = []string{"utm_*"}
		c.Cache.Rules = []httpcache.Rule{{Path: "/private/", Bypass: true}}
		s := start(t, edge.Options{Config: c})
		for range 3 {
			s.ask(line, append(fields, "Host: site.example")...)
		}
		for _, host := range []string{"site.example", "SITE.example"} {
			want := "GET /page host=" + host + " query= body="
			if got := s.ask("GET /page", "Host: "+host); !strings.EqualFold(got.body, want) || got.StatusCode != http.StatusOK || got.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: the next visitor gets %d %q; want %q", name, got.StatusCode, got.body, want)
			}
		}
		if got := s.ask("GET /page", "Host: site.example", "Cookie: session=victim"); strings.Contains(got.body, "evil") {
			t.Errorf("%s: somebody gets %q", name, got.body)
		}
	}
	f("a login cookie", "GET /page", "Cookie: session=evil")
	f("a cookie beside an ignored one", "GET /page", "Cookie: _ga=1; session=evil")
	f("a cookie that looks like an ignored one", "GET /page", "Cookie: _gax=evil")
	f("a cookie without a name", "GET /page", "Cookie: =evil")
	f("an ignored cookie with a payload", "GET /page", "Cookie: _ga=evil")
	f("authorization without public", "GET /page?login", "Authorization: evil")
	f("another host by a field", "GET /page", "X-Forwarded-Host: evil")
	f("another host by a field that many know", "GET /page", "X-Host: evil")
	f("another scheme", "GET /page", "X-Forwarded-Scheme: evil", "X-Forwarded-Proto: evil")
	f("another prefix", "GET /page", "X-Forwarded-Prefix: evil")
	f("another path by a field", "GET /page", "X-Original-Url: /evil", "X-Rewrite-Url: /evil")
	f("another method by a field", "GET /page", "X-Http-Method-Override: evil")
	f("a field that nobody knows", "GET /page", "X-Evil: evil")
	f("part of a page", "GET /page", "Hx-Request: evil")
	f("another origin", "GET /page", "Origin: evil")
	f("a field that a guard sets", "GET /page", "X-User: evil")
	f("a field of the connection", "GET /page", "Connection: X-Evil", "X-Evil: evil")
	f("an ignored parameter", "GET /page?utm_source=evil")
	f("an ignored parameter with another behind a semicolon", "GET /page?utm_source=x;callback=evil")
	f("an ignored parameter in disguise", "GET /page?%75tm_source=evil")
	f("a parameter", "GET /page?evil")
	f("an error that can be provoked", "GET /page", "X-Oversized: 1")
	f("an error by a parameter", "GET /page?fail")
	f("a range", "GET /page", "Range: bytes=0-1")
	f("a condition", "GET /page", `If-None-Match: "evil"`)
	f("HEAD", "HEAD /page")
	f("POST", "POST /page")
	f("a method that nobody knows", "EVIL /page")
	f("directives", "GET /page", "Cache-Control: evil", "Pragma: evil")
	f("another path that is the same to some", "GET //page", "X-Evil: evil")
	f("capitals", "GET /Page", "X-Evil: evil")
	f("an escaped path", "GET /p%61ge", "X-Evil: evil")
	f("a path that looks like a stylesheet", "GET /page/x.css", "Cookie: session=evil")
	f("a path with a parameter", "GET /page;x.css", "X-Evil: evil")
	f("a user field with an underscore", "GET /page", "X_evil: evil")
}

// A GET with a body is not the page (RFC 9110 section 9.3.1).
func TestABodyWithAGetIsNoKeyToAPage(t *testing.T) {
	t.Parallel()
	s := start(t, edge.Options{Config: cached(startApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprintf(w, "body %s", b)
	})).url)})
	for _, body := range []io.Reader{strings.NewReader("evil"), struct{ io.Reader }{strings.NewReader("evil")}} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/", body)
		if got := s.send(r); got.body != "body evil" {
			t.Errorf("the application got %q", got.body)
		}
		if got := s.ask("GET /"); got.body != "body " {
			t.Errorf("the next visitor got %q", got.body)
		}
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
