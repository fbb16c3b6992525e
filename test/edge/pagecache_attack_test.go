package edge_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/edge"
	"holdfast/internal/httpcache"
)

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

// poison lets an attacker ask at one address of an edge and a visitor at another, and returns how much the event loops answered.
func poison(t *testing.T, attacker, visitor int, name, line string, fields ...string) (inLane int64) {
	t.Helper()
	c := besideNetHTTP(startApp(t, http.HandlerFunc(gullible)).url)
	c.Cache.IgnoreQuery = []string{"utm_*"}
	c.Cache.Rules = []httpcache.Rule{{Path: "/private/", Bypass: true}}
	s := start(t, edge.Options{Config: c})
	s.addr = s.Addrs()[attacker]
	for range 3 {
		s.ask(line, append(fields, "Host: site.example")...)
	}
	s.addr = s.Addrs()[visitor]
	for _, host := range []string{"site.example", "SITE.example"} {
		want := "GET /page host=" + host + " query= body="
		if got := s.ask("GET /page", "Host: "+host); !strings.EqualFold(got.body, want) || got.StatusCode != http.StatusOK || got.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: the next visitor gets %d %q; want %q", name, got.StatusCode, got.body, want)
		}
	}
	if got := s.ask("GET /page", "Host: site.example", "Cookie: session=victim"); strings.Contains(got.body, "evil") {
		t.Errorf("%s: somebody gets %q", name, got.body)
	}
	return s.LaneStats().Answered
}

// S1-44: what attackers try with a page cache, and what the next visitor gets: always the page as it is for everybody. The application believes
// everything, says public whatever it is asked, and never Vary. Whether attacker and visitor come to the event loops or to net/http makes no difference.
func TestNoVisitorGetsAnothersPage(t *testing.T) {
	t.Parallel()
	var inLane int64
	f := func(name, line string, fields ...string) {
		t.Helper()
		inLane += poison(t, 0, 0, name, line, fields...)
		inLane += poison(t, 0, 1, name, line, fields...)
		inLane += poison(t, 1, 0, name, line, fields...)
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
	if inLane < 50 {
		t.Errorf("the lane answered only %d", inLane)
	}
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
