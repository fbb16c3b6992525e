package edge_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/fault"
	"holdfast/internal/throttle"
	"holdfast/internal/unit"
)

// reload puts another configuration in force, which has to work.
func (s *site) reload(c edge.Config) {
	s.t.Helper()
	if problems := c.Validate(); len(problems) > 0 {
		s.t.Fatal(problems.Err())
	}
	if err := s.Reload(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
}

// Twenty reloads under load, of servers, limits, headers, hosts and times, and no request fails.
func TestReloadsUnderLoadFailNoRequest(t *testing.T) {
	t.Parallel()
	_, urls := three(t)
	c := config(urls[0])
	s := start(t, edge.Options{Config: c})
	stop := load(t, s, 4)
	for i := range 20 {
		c.Upstreams = [][]string{urls, urls[1:], urls[:1], {urls[2], urls[0]}}[i%4]
		c.Headers.FrameOptions = []string{"DENY", "SAMEORIGIN"}[i%2]
		c.Limits = []throttle.Rule{{Path: "/", Rate: fmt.Sprintf("%d/s", 100_000+i%3)}}
		c.Hosts = [][]string{nil, {"127.0.0.1"}}[i%2]
		c.Upstream.Timeouts.Header = unit.Duration(time.Duration(30+i%2) * time.Second)
		s.reload(c)
		got := s.ask("GET /page")
		if got.StatusCode != http.StatusOK || got.Header.Get("X-Frame-Options") != c.Headers.FrameOptions {
			t.Errorf("after reload %d: %d, %q", i, got.StatusCode, got.Header.Get("X-Frame-Options"))
		}
	}
	if n, wrong := stop(); len(wrong) > 0 || n < 50 {
		t.Errorf("%d of %d failed: %.300q", len(wrong), n, wrong)
	}
}

// What is known of servers that stay is kept, new ones get requests, and those that are gone get none.
func TestAReloadKeepsWhatIsKnownOfServers(t *testing.T) {
	t.Parallel()
	_, urls := three(t)
	dead := "http://127.0.0.1:1"
	c := config(urls[0], urls[1], dead)
	s := start(t, edge.Options{Config: c})
	p, err := s.Upstreams()
	if err != nil {
		t.Fatal(err)
	}
	state := func(server string) string {
		for _, st := range p.Status() {
			if st.Server == server {
				return st.State
			}
		}
		return "gone"
	}
	if err := p.Drain(t.Context(), urls[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead server is known", func() error {
		if state(dead) != "down" {
			return errors.New(state(dead))
		}
		return nil
	})
	for range 5 {
		s.ask("GET /page")
	}
	c.Upstreams = []string{dead, urls[2], urls[0]}
	s.reload(c)
	if state(urls[0]) != "drained" || state(dead) != "down" || state(urls[1]) != "gone" || state(urls[2]) != "up" {
		t.Errorf("after the reload: %+v", p.Status())
	}
	names := map[string]int{}
	for range 10 {
		names[s.ask("GET /page").body]++
	}
	if len(names) != 1 {
		t.Errorf("answers come from %v, want the new server alone", names)
	}
}

// A request that is under way when its server, and then the application, is taken out ends as if nothing had happened.
func TestARequestUnderWayOutlivesAReload(t *testing.T) {
	t.Parallel()
	entered, proceed := make(chan struct{}, 2), make(chan struct{})
	slow := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first ")
		_ = http.NewResponseController(w).Flush()
		entered <- struct{}{}
		<-proceed
		_, _ = io.WriteString(w, "second")
	}))
	c := config(slow.url)
	s := start(t, edge.Options{Config: c})
	answers := make(chan string, 2)
	ask := func() { answers <- s.ask("GET /").body }
	go ask()
	<-entered
	c.Upstreams = []string{startApp(t, named("other")).url}
	s.reload(c)
	if got := s.ask("GET /"); got.body != "other" {
		t.Errorf("after the reload: %q", got.body)
	}
	c.Upstreams = []string{slow.url}
	s.reload(c)
	go ask()
	<-entered
	c.Upstreams = nil
	s.reload(c)
	if got := s.ask("GET /"); got.StatusCode != http.StatusNotFound {
		t.Errorf("without an application: %d", got.StatusCode)
	}
	close(proceed)
	for range 2 {
		if got := <-answers; got != "first second" {
			t.Errorf("a request under way: %q", got)
		}
	}
}

// A WebSocket lives on through reloads.
func TestAWebSocketOutlivesAReload(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, rw)
	}))
	c := config(a.url)
	s := start(t, edge.Options{Config: c})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	for i := range 3 {
		c.Upstream.Timeouts.Header = unit.Duration(time.Duration(30+i) * time.Second)
		s.reload(c)
		_, _ = io.WriteString(conn, "still here\n")
		if line, err := r.ReadString('\n'); line != "still here\n" {
			t.Fatalf("after reload %d: %q, %v", i, line, err)
		}
	}
}

// Who has used up a limit has not got it back by a reload, unless the rule is another one.
func TestLimitsGoOnCountingThroughAReload(t *testing.T) {
	t.Parallel()
	c := config(startApp(t, named("x")).url)
	c.Limits = []throttle.Rule{{Path: "/a", Rate: "1/h"}, {Path: "/b", Rate: "1/h"}}
	s := start(t, edge.Options{Config: c})
	s.ask("GET /a")
	s.ask("GET /b")
	c.Limits = []throttle.Rule{{Path: "/b", Rate: "2/h"}, {Path: "/a", Rate: "1/h"}}
	s.reload(c)
	if a, b := s.ask("GET /a").StatusCode, s.ask("GET /b").StatusCode; a != http.StatusTooManyRequests || b != http.StatusOK {
		t.Errorf("the same rule: %d, a new one: %d", a, b)
	}
}

// What cannot be put in force changes nothing.
func TestAReloadThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, roots := certificate(t, dir, "one.example.org")
	c := config(startApp(t, named("x")).url)
	c.TLSCert, c.TLSKey, c.AccessLog = cert.Cert, cert.Key, filepath.Join(dir, "access.jsonl")
	s := start(t, edge.Options{Config: c})
	frame := func() string {
		return over(t, client(roots, "one.example.org", true), s.URL(), "one.example.org").Header.Get("X-Frame-Options")
	}
	for name, change := range map[string]func(*edge.Config){
		"a log that cannot be opened": func(c *edge.Config) { c.AccessLog = filepath.Join(dir, "nowhere", "access.jsonl") },
		"a certificate that is gone":  func(c *edge.Config) { c.TLSCert = filepath.Join(dir, "nowhere.pem") },
		"a server twice":              func(c *edge.Config) { c.Upstreams = []string{c.Upstreams[0], c.Upstreams[0]} },
	} {
		wrong := c
		wrong.Headers.FrameOptions = "DENY"
		change(&wrong)
		if err := s.Reload(t.Context(), wrong); err == nil || fault.KindOf(err) != fault.Config {
			t.Errorf("%s: %v", name, err)
		}
		if got := frame(); got != "SAMEORIGIN" {
			t.Errorf("%s: X-Frame-Options is %q", name, got)
		}
	}
	c.Headers.FrameOptions, c.AccessLog = "DENY", filepath.Join(dir, "second.jsonl")
	c.Listen, c.HTTP3 = "127.0.0.1:1", true // which wait for a restart
	if err := s.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := frame(); got != "DENY" {
		t.Errorf("after a reload that works: %q", got)
	}
	if err := s.Reopen(); err != nil { // what is held back is written
		t.Fatal(err)
	}
	first, second := readFile(t, dir, "access.jsonl"), readFile(t, dir, "second.jsonl")
	if strings.Count(first, "\n") != 3 || strings.Count(second, "\n") != 1 {
		t.Errorf("the logs have %d and %d lines", strings.Count(first, "\n"), strings.Count(second, "\n"))
	}
}

// Certificates of hosts come and go with a reload; a listener cannot lose all of them.
func TestAReloadChangesCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, roots1 := certificate(t, dir, "one.example.org")
	two, roots2 := certificate(t, dir, "two.example.org")
	c := config(startApp(t, named("x")).url)
	c.TLSCert, c.TLSKey = one.Cert, one.Key
	s := start(t, edge.Options{Config: c})
	c.Certificates = []edge.Certificate{two}
	s.reload(c)
	over(t, client(roots1, "one.example.org", true), s.URL(), "one.example.org")
	over(t, client(roots2, "two.example.org", true), s.URL(), "two.example.org")
	c.TLSCert, c.TLSKey, c.Certificates = "", "", nil
	s.reload(c)
	over(t, client(roots1, "one.example.org", true), s.URL(), "one.example.org")
}
