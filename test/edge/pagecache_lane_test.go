package edge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lane/lanetest"

	"holdfast/internal/edge"
	"holdfast/internal/httpcache"
	"holdfast/internal/throttle"
	"holdfast/internal/unit"
)

// besideNetHTTP returns settings with a second address, where net/http alone answers from the same page cache.
func besideNetHTTP(servers ...string) edge.Config {
	c := cached(servers...)
	c.Listeners = []edge.Listener{{Listen: "127.0.0.1:0"}}
	return c
}

// settledHeader is a header without what differs from one answer to the next. It returns the age.
func settledHeader(t *testing.T, h http.Header) (age int) {
	t.Helper()
	if len(h["X-Request-Id"]) != 1 || len(h["Date"]) != 1 {
		t.Errorf("ids and dates: %v", h)
	}
	age, _ = strconv.Atoi(h.Get("Age"))
	status, _, _ := strings.Cut(h.Get("Cache-Status"), "ttl=")
	h.Set("Cache-Status", status)
	for _, name := range []string{"X-Request-Id", "Date", "Age"} {
		h.Del(name)
	}
	return age
}

// various answers with what pages differ by.
func various(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=600")
	switch {
	case strings.HasPrefix(r.URL.Path, "/plain"):
		h.Del("Cache-Control")
		h.Set("Cache-Control", "max-age=600")
	case strings.HasPrefix(r.URL.Path, "/vary"):
		h.Set("Vary", "Cookie, Accept-Encoding")
		h.Set("Etag", `"v"`)
	case strings.HasPrefix(r.URL.Path, "/strict"):
		h.Set("X-Frame-Options", "DENY")
		h.Set("Strict-Transport-Security", "max-age=1")
	case strings.HasPrefix(r.URL.Path, "/gone"):
		w.WriteHeader(http.StatusGone)
	case strings.HasPrefix(r.URL.Path, "/moved"):
		h.Set("Location", "/other")
		w.WriteHeader(http.StatusMovedPermanently)
	case strings.HasPrefix(r.URL.Path, "/private"):
		h.Set("Cache-Control", "private")
	}
	fmt.Fprintf(w, "%s %s %s of %s", r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Cookie"))
}

// The same request gets the same answer from the event loops and from net/http: status, header, body (issue 5, S3-16).
func TestPagesAreTheSameFromTheLaneAndFromNetHTTP(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*edge.Config){
		"plain":   func(*edge.Config) {},
		"hosts":   func(c *edge.Config) { c.Hosts = []string{"a.example", "b.example"} },
		"trusted": func(c *edge.Config) { c.TrustedProxies = []string{"127.0.0.0/8"} },
		"several": func(c *edge.Config) {
			c.Hosts = []string{"a.example", "b.example"}
			c.Apps = []edge.App{{Name: "shop", Path: "/vary/", Upstreams: c.Upstreams}, {Name: "b", Hosts: []string{"b.example"}, Upstreams: c.Upstreams}}
		},
		"several behind a proxy": func(c *edge.Config) {
			c.Hosts, c.TrustedProxies = []string{"a.example", "b.example"}, []string{"127.0.0.1"}
			c.Apps = []edge.App{{Name: "b", Hosts: []string{"b.example"}, Upstreams: c.Upstreams}}
		},
		"rules": func(c *edge.Config) {
			c.Cache.Rules = []httpcache.Rule{{Path: "/moved", Bypass: true}, {Path: "/vary", IgnoreQuery: []string{"*"}}}
			c.Auth = []edge.AuthRule{{Path: "/gone", URL: "/page"}}
			c.Limits = []throttle.Rule{{Path: "/plain", Concurrent: 5}, {Path: "/", Rate: "100000/s"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := besideNetHTTP(startApp(t, http.HandlerFunc(various)).url)
			change(&c)
			s := start(t, edge.Options{Config: c, Routes: map[string]http.Handler{
				"/own/": named("own"), "GET /form/{id}": named("form"),
			}})
			compareAll(t, s)
			if st := s.LaneStats(); st.Answered < 30 {
				t.Errorf("the lane answered only %d", st.Answered)
			}
		})
	}
}

func compareAll(t *testing.T, s *site) {
	t.Helper()
	for i, path := range []string{
		"/page", "/plain?a=1&utm_x=2", "/vary/x", "/vary%2Fx", "/strict", "/gone", "/moved", "/private", "/%C3%BC", "/own", "/own/x", "/%6Fwn/x", "/own%2F",
		"/form/1", "/form", "/a%5Cb", "/x/..%2fy", "/x/%2e%2e/y", "/a;/..;/b", "/a//b", "/.well-known/x", "/a%00b",
	} {
		for _, host := range []string{"a.example", []string{"b.example:80", "A.example", "c.example"}[i%3]} {
			for k, fields := range []string{
				"", "Accept-Encoding: gzip\r\nAccept-Language: de\r\nUser-Agent: x\r\nSec-Fetch-Dest: document\r\n", "Cookie: a=b\r\n", "Cookie: _ga=b\r\n",
				"If-None-Match: \"v\"\r\n", "X-Forwarded-Proto: https\r\nX-Forwarded-Host: b.example\r\nX-Forwarded-For: 1.2.3.4\r\n", "X-Evil: 1\r\n",
				"X-Forwarded-Port: 1\r\nX-Real-Ip: 6.6.6.6\r\nProxy: x\r\nX_under: 1\r\n", "Range: bytes=1-3\r\n", "Authorization: x\r\n",
			} {
				if (i+k)%2 == 1 && k > 0 && os.Getenv("HOLDFAST_SOAK") == "" {
					continue
				}
				for _, method := range []string{"GET", "HEAD"} {
					if method == "HEAD" && k > 0 && os.Getenv("HOLDFAST_SOAK") == "" {
						continue
					}
					request := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n"
					lanetest.Say(t, s.Addrs()[1], request) // now it is stored, if it ever is
					lane, laneBody := lanetest.Say(t, s.Addrs()[0], request)
					plain, plainBody := lanetest.Say(t, s.Addrs()[1], request)
					if a, b := settledHeader(t, lane.Header), settledHeader(t, plain.Header); b < a || b > a+1 {
						t.Errorf("%q: the ages are %d and %d", request, a, b)
					}
					if lane.StatusCode >= 400 && lane.StatusCode != http.StatusGone { // these pages hold their request's id
						laneBody, plainBody = "", ""
						lane.Header.Del("Content-Length")
						plain.Header.Del("Content-Length")
					}
					if lane.StatusCode != plain.StatusCode || laneBody != plainBody || lane.ContentLength != plain.ContentLength || !maps.EqualFunc(lane.Header, plain.Header, slices.Equal) {
						t.Fatalf("%q:\nlane     %d %v %q\nnet/http %d %v %q", request, lane.StatusCode, lane.Header, laneBody, plain.StatusCode, plain.Header, plainBody)
					}
				}
			}
		}
	}
}

// The access log has the same line whoever answered (S1-50), with the visitor that a trusted proxy names.
func TestTheLogOfAPageIsTheSameFromTheLane(t *testing.T) {
	t.Parallel()
	c := besideNetHTTP(startApp(t, http.HandlerFunc(page)).url)
	c.AccessLog = filepath.Join(t.TempDir(), "access.jsonl")
	c.TrustedProxies = []string{"127.0.0.1"}
	s := start(t, edge.Options{Config: c})
	const request = "GET /%C3%BC?secret HTTP/1.1\r\nHost: h.example:81\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n"
	lanetest.Say(t, s.Addrs()[1], request)
	settle(s)
	for _, addr := range s.Addrs() {
		lanetest.Say(t, addr, request)
	}
	eventually(t, "the lane has answered", func() error {
		if n := s.LaneStats().Answered; n != 1 {
			return fmt.Errorf("%d answers", n)
		}
		return nil
	})
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for text := range strings.Lines(readFile(t, filepath.Dir(c.AccessLog), "access.jsonl")) {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["id"] == "" || line["peer"] == "" {
			t.Errorf("%s", text)
		}
		for _, name := range []string{"time", "id", "peer", "total_ms"} {
			delete(line, name)
		}
		lines = append(lines, line)
	}
	if len(lines) != 3 || fmt.Sprint(lines[1]) != fmt.Sprint(lines[2]) || lines[1]["cache"] != "hit" || lines[1]["address"] != "192.0.2.7" || lines[1]["path"] != "/ü" {
		t.Errorf("%v", lines)
	}
}

// On a connection with all sorts of requests, those that are stored are answered on the loops again and again.
func TestAConnectionOfAllSortsComesBackToTheLane(t *testing.T) {
	t.Parallel()
	c := cached(startApp(t, http.HandlerFunc(various)).url)
	s := start(t, edge.Options{Config: c})
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	ask := func(method, path string) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(strings.Repeat("x", 5000*len(method)%3)))
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, resp, nil); !strings.Contains(got, method+" "+path+" ") {
			t.Fatalf("%s %s: %s", method, path, got)
		}
	}
	ask("GET", "/page")
	settle(s)
	for range 5 {
		ask("GET", "/private")
		ask("POST", "/private")
		for range 20 {
			ask("GET", "/page")
		}
	}
	if st := s.LaneStats(); st.Returned != 5 || st.Answered < 80 || st.Conns != 1 {
		t.Errorf("%+v", st)
	}
}

// A limit counts what the lane answers, and refuses with net/http's words.
func TestARateHoldsInTheLane(t *testing.T) {
	t.Parallel()
	c := besideNetHTTP(startApp(t, http.HandlerFunc(page)).url)
	c.Limits = []throttle.Rule{{Path: "/news/", Rate: "6/h"}}
	s := start(t, edge.Options{Config: c})
	var got []int
	for i := range 8 {
		r, _ := lanetest.Say(t, s.Addrs()[i%2], "GET /news/ HTTP/1.1\r\nHost: h\r\n\r\n")
		got = append(got, r.StatusCode)
		settle(s)
	}
	if want := []int{200, 200, 200, 200, 200, 200, 429, 429}; !slices.Equal(got, want) || s.LaneStats().Answered == 0 {
		t.Errorf("%v, %+v", got, s.LaneStats())
	}
}

// What is stale goes to net/http, which gives it while it asks; then the lane has the new one.
func TestTheLaneLeavesStalePagesToNetHTTP(t *testing.T) {
	t.Parallel()
	a := &counted{HandlerFunc: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1, stale-while-revalidate=600")
		_, _ = io.WriteString(w, "page")
	}}
	c := besideNetHTTP(startApp(t, a).url)
	c.Cache.StaleWhileRevalidate = unit.Duration(time.Hour)
	s := start(t, edge.Options{Config: c})
	seen := map[string]bool{}
	eventually(t, "fresh, stale, and fresh again", func() error {
		r, body := lanetest.Say(t, s.Addr(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		said := r.Header.Get("Cache-Status")
		switch {
		case body != "page":
			t.Fatalf("%q", body)
		case strings.Contains(said, "stale-while-revalidate"):
			seen["stale"] = true
		case strings.Contains(said, "; hit") && seen["stale"] && s.LaneStats().Answered > 0 && a.n.Load() > 1:
			return nil
		}
		return fmt.Errorf("asked %d times, %q, %+v", a.n.Load(), said, s.LaneStats())
	})
}
