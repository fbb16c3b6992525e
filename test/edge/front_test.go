package edge_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/throttle"
	"holdfast/internal/unit"
)

// outspoken is an application that says something about headers itself.
func outspoken() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(r.PathValue("n"), &n)
		w.WriteHeader(n)
	})
	mux.HandleFunc("/own", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Referrer-Policy", "same-origin")
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "done")
	})
	return mux
}

// S1-72, C-24: the headers are on every answer, whoever gives it, once; what the application says itself counts.
func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	c := config(startApp(t, outspoken()).url)
	c.TrustedProxies = []string{"127.0.0.1"} // who says that the visitor came by HTTPS
	c.Headers.HSTSSubdomains = true
	c.Headers.ContentSecurityPolicy = "default-src 'self'"
	c.Limits = []throttle.Rule{{Path: "/limited", Rate: "1/h"}}
	static := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "static") })
	s := start(t, edge.Options{Config: c, Routes: map[string]http.Handler{"/static/": static}})
	s.ask("GET /limited")
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin-when-cross-origin", "X-Frame-Options": "SAMEORIGIN",
		"Permissions-Policy": "browsing-topics=(), payment=(), usb=()", "Content-Security-Policy": "default-src 'self'",
		"Strict-Transport-Security": "max-age=31536000; includeSubDomains",
	}
	f := func(path string, status int, changed ...string) {
		t.Helper()
		got := s.ask("GET "+path, "X-Forwarded-Proto: https")
		if got.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, status)
		}
		for name, value := range want {
			for _, c := range changed {
				if n, v, _ := strings.Cut(c, ": "); n == name {
					value = v
				}
			}
			if have := got.Header.Values(name); len(have) != 1 || have[0] != value {
				t.Errorf("%s: %s is %q, want %q", path, name, have, value)
			}
		}
		if got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", path)
		}
	}
	f("/status/200", 200)
	f("/status/304", 304)
	f("/status/404", 404)
	f("/status/500", 500)
	f("/static/x", 200)
	f("/hints", 200)
	f("/limited", 429, "Referrer-Policy: no-referrer")
	f("/a/../b", 400, "Referrer-Policy: no-referrer")
	f("/own", 200, "X-Frame-Options: DENY", "Referrer-Policy: same-origin")
	p, _ := s.Upstreams()
	if err := p.Drain(t.Context(), c.Upstreams[0]); err != nil {
		t.Fatal(err)
	}
	f("/status/200", 503, "Referrer-Policy: no-referrer")
}

// S1-45, E-24: limits are told with the time to come back, in every spelling of the path.
func TestALimitHoldsInEverySpellingOfAPath(t *testing.T) {
	t.Parallel()
	c := config(startApp(t, named("x")).url)
	c.Limits = []throttle.Rule{{Path: "/api/", Rate: "1/h"}, {Path: "/all", Rate: "1/h", By: "route"}}
	s := start(t, edge.Options{Config: c})
	if got := s.ask("GET /api/x"); got.StatusCode != http.StatusOK {
		t.Fatalf("the first: %d", got.StatusCode)
	}
	for _, path := range []string{"/api/x", "/api/y", "//api/x", "/%61pi/x", "/api%2Fx", "///api//x", `/%5Capi/x`} {
		if got := s.ask("GET " + path); got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") != "3600" {
			t.Errorf("%s: %d, Retry-After %q", path, got.StatusCode, got.Header.Get("Retry-After"))
		}
	}
	if got := s.ask("GET /other"); got.StatusCode != http.StatusOK {
		t.Errorf("elsewhere: %d", got.StatusCode)
	}
	s.ask("GET /all")
	if got := s.ask("GET /all"); got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got.body, "overload") {
		t.Errorf("too many for a route: %d %s", got.StatusCode, got.body)
	}
}

// C-07: a path is guarded by the application's word, for our own routes and the application's, in every spelling.
func TestAGuardedPathIsReadOnlyWithTheApplicationsYes(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/may", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		user, err := r.Cookie("session")
		switch {
		case r.Method != http.MethodGet || r.Header.Get("X-Original-Uri") == "" || r.ContentLength > 0:
			w.WriteHeader(http.StatusTeapot)
		case err != nil:
			w.Header().Set("Location", "/login?next="+r.Header.Get("X-Original-Uri"))
			w.WriteHeader(http.StatusFound)
		case user.Value == "ann":
			w.Header().Set("X-User", "ann")
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "not yours")
		}
	})
	mux.HandleFunc("/", echo)
	c := config(startApp(t, mux).url)
	c.Auth = []edge.AuthRule{{Path: "/uploads/", URL: "/may", Copy: []string{"X-User"}, Cache: unit.Duration(time.Minute)}}
	own := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") })
	s := start(t, edge.Options{Config: c, Routes: map[string]http.Handler{"/uploads/own/": own}})
	for _, path := range []string{"/uploads/own/x", "/uploads/x", "//uploads/x", "/upload%73/x", "/uploads//own/x"} {
		if got := s.ask("GET " + path); got.StatusCode != http.StatusFound || !strings.HasPrefix(got.Header.Get("Location"), "/login?next=/") {
			t.Errorf("%s without a session: %d %s", path, got.StatusCode, got.body)
		}
		if got := s.ask("GET "+path, "Cookie: session=eve", "X-User: ann"); got.StatusCode != http.StatusForbidden || got.body != "not yours" {
			t.Errorf("%s as a stranger: %d %s", path, got.StatusCode, got.body)
		}
	}
	if got := s.ask("GET /uploads/own/x", "Cookie: session=ann"); got.body != "secret" {
		t.Errorf("own route with a yes: %d %s", got.StatusCode, got.body)
	}
	if got := s.ask("GET /uploads/x", "Cookie: session=ann", "X-User: root"); !strings.Contains(got.body, "X-User: ann\n") || strings.Contains(got.body, "root") {
		t.Errorf("the application sees:\n%s", got.body)
	}
	if got := s.ask("GET /elsewhere", "X-User: root"); strings.Contains(got.body, "root") {
		t.Errorf("a forged field passes where nobody is asked:\n%s", got.body)
	}
	before := asked.Load()
	s.ask("GET /uploads/x", "Cookie: session=ann")
	if n := asked.Load() - before; n != 0 {
		t.Errorf("asked %d times more within the time of the answer", n)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/uploads/x", strings.NewReader("a body"))
	r.Header.Set("Cookie", "session=ann")
	if got := s.send(r); got.StatusCode != http.StatusOK || !strings.HasPrefix(got.body, "POST /uploads/x") {
		t.Errorf("POST with a yes: %d %s", got.StatusCode, got.body)
	}
}

// vault is a store of the test's own.
type vault struct{}

func (vault) Send(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Content-Type", "application/pdf")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader("file "+name))
}

// The application hands files over, where the configuration says so; a visitor cannot ask for it.
func TestTheApplicationHandsFilesOverAndAVisitorCannot(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Set-Cookie", "seen=1")
		h.Set("Content-Disposition", `attachment; filename="paper.pdf"`)
		h.Set("Content-Type", "text/html")
		for _, name := range []string{"X-Accel-Redirect", "X-Sendfile"} {
			if target := r.URL.Query().Get(name); target != "" {
				h.Set(name, target)
			}
		}
		_, _ = io.WriteString(w, "the application's own")
	}))
	c := config(a.url)
	c.Accel = []edge.Accel{
		{Prefix: "/protected/", To: "files", Bucket: "papers", Under: "2026/"}, {Prefix: "/srv/media/", To: "files"},
	}
	s := start(t, edge.Options{Config: c, Vaults: map[string]edge.Vault{"files": vault{}}})
	f := func(query, want string, status int, fields ...string) {
		t.Helper()
		got := s.ask("GET /download?"+query, fields...)
		if got.StatusCode != status || want != "" && got.body != want {
			t.Errorf("%s: %d %q, want %d %q", query, got.StatusCode, got.body, status, want)
		}
		if got.Header.Get("X-Accel-Redirect")+got.Header.Get("X-Sendfile") != "" {
			t.Errorf("%s: the target is told to the visitor", query)
		}
		if status < 300 && got.body != "the application's own" {
			if got.Header.Get("Content-Type") != "application/pdf" || got.Header.Get("Set-Cookie") != "seen=1" ||
				!strings.Contains(got.Header.Get("Content-Disposition"), "paper.pdf") || !strings.Contains(got.Header.Get("Cache-Control"), "private") {
				t.Errorf("%s: %v", query, got.Header)
			}
		}
	}
	f("X-Accel-Redirect=/protected/a%2520b.pdf", "file papers/2026/a b.pdf", 200)
	f("X-Sendfile=/srv/media/papers/x%25y.pdf", "file papers/x%y.pdf", 200)
	f("X-Accel-Redirect=/protected/a.pdf", "file", 206, "Range: bytes=0-3")
	f("X-Accel-Redirect=/other/a.pdf", "", 404)
	f("X-Accel-Redirect=/protected/../other/a.pdf", "", 404)
	f("X-Accel-Redirect=/protected/%252e%252e/a.pdf", "", 404)
	f("X-Sendfile=/etc/passwd", "", 404)
	f("X-Accel-Redirect=http://evil.org/", "", 404)
	f("x=1", "the application's own", 200, "X-Accel-Redirect: /protected/a.pdf", "X-Sendfile: /srv/media/papers/x")
}

// The access log tells all times and no secrets.
func TestTheAccessLogTellsTimesAndNoSecrets(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server-Timing", `cache;desc="x", db;dur=12.5`)
		_, _ = io.WriteString(w, "hello")
	}))
	c := config(a.url)
	c.AccessLog = filepath.Join(t.TempDir(), "access.jsonl")
	own := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s := start(t, edge.Options{Config: c, Routes: map[string]http.Handler{"/m/": own}})
	id := s.ask("GET /page?token=secret", "Cookie: session=secret", "Host: www.example.org").Header.Get("X-Request-Id")
	s.ask("GET /m/secret-link")
	if err := os.Rename(c.AccessLog, c.AccessLog+".1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	s.ask("DELETE /later")
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, later := readFile(t, "", c.AccessLog+".1"), readFile(t, "", c.AccessLog)
	if strings.Contains(old, "secret") || strings.Count(old, "\n") != 2 || strings.Count(later, "\n") != 1 {
		t.Errorf("the log is\n%s---\n%s", old, later)
	}
	var line struct {
		ID, Host, Method, Path, Route, Server string
		Status, Bytes                         int
		DB                                    float64 `json:"db_ms"`
		App, Queue                            *float64
	}
	if err := json.NewDecoder(bufio.NewReader(strings.NewReader(old))).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.ID != id || line.Host != "www.example.org" || line.Method != "GET" || line.Path != "/page" || line.Route != "app" ||
		line.Server != a.url || line.Status != 200 || line.Bytes != 5 || line.DB != 12.5 {
		t.Errorf("the line says %+v", line)
	}
}

// Slow loris: a header has 10 s, whoever trickles; others are not held up. Here only that others are not.
func TestPeersThatSendNothingHoldUpNobody(t *testing.T) {
	t.Parallel()
	s := start(t, edge.Options{Config: config(startApp(t, named("x")).url)})
	for range 200 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na")
	}
	if got := s.ask("GET /"); got.StatusCode != http.StatusOK {
		t.Errorf("got %d", got.StatusCode)
	}
}
