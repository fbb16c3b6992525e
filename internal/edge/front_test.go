package edge_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/lane"
	"holdfast/internal/logging"
	"holdfast/internal/throttle"
)

// fast answers everything with one word.
type fast string

func (f fast) Answer(_ *lane.Request, r *lane.Reply) lane.Verdict {
	r.Status = http.StatusOK
	r.Body([]byte(f))
	return lane.Answered
}

func (fast) Warm(context.Context, *lane.Request) {}

func slow(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "net/http") }

// lines is a log and an Observer.
type lines struct {
	mu    sync.Mutex // protects the following
	log   bytes.Buffer
	seen  []string
	total int64
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(b)
}

func (l *lines) Observe(route string, _ int, n int64, _ time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen, l.total = append(l.seen, route), l.total+n
}

func start(t *testing.T, c edge.Config, l *lines) *edge.Edge {
	t.Helper()
	c.Listen = "127.0.0.1:0"
	e, err := edge.New(edge.Options{
		Config: c, Observe: l, Log: logging.New(logging.Config{Level: "debug", Format: "json"}, l),
		Routes: map[string]http.Handler{
			"/m/": http.HandlerFunc(slow), "/m/special/": http.HandlerFunc(slow), "/w/{name}/deep": http.HandlerFunc(slow),
			"/w/": http.HandlerFunc(slow),
			"/a/": http.HandlerFunc(slow), "/b/": http.HandlerFunc(slow),
		},
		Lanes: map[string]lane.Handler{"/m/": fast("lane m"), "/a/": fast("lane a"), "/w/": fast("lane w")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// get asks on a connection of its own.
func get(t *testing.T, e *edge.Edge, path, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestTheLaneTakesTheRoutesThatTheMuxWouldGiveIt(t *testing.T) {
	t.Parallel()
	e := start(t, edge.Config{}, new(lines))
	for path, want := range map[string]string{
		"/m/x": "lane m", "/m/x?y": "lane m", "/a/x/y": "lane a", "/m/": "lane m",
		"/m/special/x": "net/http", "/b/x": "net/http", "/w/x/deep": "net/http", "/w/x": "net/http",
	} {
		if _, b := get(t, e, path, ""); b != want {
			t.Errorf("%s: %q, want %q", path, b, want)
		}
	}
}

// Rebinding a name to this server reaches nothing, in the lane as elsewhere.
func TestTheLaneAnswersForConfiguredHostsOnly(t *testing.T) {
	t.Parallel()
	e := start(t, edge.Config{Hosts: []string{"school.example.com", "other.example.com"}}, new(lines))
	for host, want := range map[string]string{
		"school.example.com": "lane m", "other.example.com:8000": "lane m", "SCHOOL.example.com": "net/http",
		"school.example.com.evil.org": "", "evil.org": "", "school.example.comx": "", "school.example.com:80x": "net/http",
		"xschool.example.com": "", "school.example.com:80:80": "",
	} {
		status, b := get(t, e, "/m/x", host)
		switch {
		case want == "" && (status == http.StatusOK || status != http.StatusMisdirectedRequest && status != http.StatusBadRequest):
			t.Errorf("%s: %d %q", host, status, b)
		case want != "" && b != want:
			t.Errorf("%s: %d %q, want %q", host, status, b, want)
		}
	}
}

// S2-90: whoever answered, the same line and the same numbers.
func TestTheLaneIsLoggedAndCountedAsNetHTTPIs(t *testing.T) {
	t.Parallel()
	l := new(lines)
	e := start(t, edge.Config{}, l)
	_, _ = get(t, e, "/m/secret-token", "")
	_, _ = get(t, e, "/b/secret-token", "")
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.seen, " "); got != "/m/ /b/" || l.total != int64(len("lane m")+len("net/http")) {
		t.Errorf("observed %q, %d bytes", got, l.total)
	}
	keys := []string{}
	for line := range strings.Lines(l.log.String()) {
		if strings.Contains(line, "secret-token") {
			t.Errorf("a path is in the log: %s", line)
		}
		var shape []string
		for part := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "{}"), ",") {
			name, _, _ := strings.Cut(part, ":")
			shape = append(shape, name)
		}
		keys = append(keys, strings.Join(shape, " "))
	}
	if len(keys) != 2 || keys[0] != keys[1] || !strings.Contains(keys[0], "request_id") {
		t.Errorf("lines have %q", keys)
	}
}

// What the lane answers follows a reload as net/http does: hosts, headers, limits.
func TestTheLaneFollowsAReload(t *testing.T) {
	t.Parallel()
	c := edge.DefaultConfig()
	e := start(t, c, &lines{})
	if _, body := get(t, e, "/m/x", "any.example.org"); body != "lane m" {
		t.Fatalf("before: %q", body)
	}
	c.Hosts = []string{"one.example.org"}
	if err := e.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, e, "/m/x", "any.example.org"); status != http.StatusMisdirectedRequest {
		t.Errorf("a host that is none any more: %d %q", status, body)
	}
	if _, body := get(t, e, "/m/x", "one.example.org"); body != "lane m" {
		t.Errorf("the new host: %q", body)
	}
	c.Limits = []throttle.Rule{{Path: "/m/", Rate: "1/h"}}
	if err := e.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	get(t, e, "/m/x", "one.example.org")
	if status, _ := get(t, e, "/m/x", "one.example.org"); status != http.StatusTooManyRequests {
		t.Errorf("above the new limit: %d", status)
	}
	c.Limits, c.RedirectHTTPS = nil, true
	if err := e.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, e, "/m/x", "one.example.org"); status != http.StatusMovedPermanently {
		t.Errorf("where all is to be HTTPS: %d %q", status, body)
	}
}

// A browser asks for a page, and on the same connection for what is on it: after two of these it has the lane again.
func TestAConnectionThatAskedForAPageGetsItsAssetsFromTheLane(t *testing.T) {
	t.Parallel()
	e := start(t, edge.Config{}, new(lines))
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	var got []string
	for _, path := range []string{"/b/page", "/m/1", "/m/2", "/m/3", "/a/4", "/b/page", "/m/5"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b))
	}
	if want := "net/http net/http net/http lane m lane a net/http net/http"; strings.Join(got, " ") != want {
		t.Errorf("answered by %q, want %q", got, want)
	}
}
