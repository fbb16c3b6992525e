package assets

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/unit"
)

// serving returns the service over a bench, built and loaded.
func serving(t testing.TB, b *bench, origins ...string) *Assets {
	t.Helper()
	b.build()
	a, err := New(Options{Config: b.config, Origins: origins, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// ask sends one request; fields are header lines "Name: value".
func ask(t testing.TB, a *Assets, method, path string, fields ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// expect compares status and header; "" means that a field must not be there.
func expect(t *testing.T, resp *http.Response, status int, header map[string]string) {
	t.Helper()
	if resp.StatusCode != status {
		t.Errorf("status %d, want %d", resp.StatusCode, status)
	}
	for name, want := range header {
		if got := strings.Join(resp.Header.Values(name), " | "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// S3-17, S3-18, C-09, S1-29, C-24: what every answer says, by what was asked.
func TestAnswersSayHowLongAndForWhomTheyHold(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	b.config.Rules = []Rule{{Match: "img/**", MaxAge: unit.Duration(30 * 24 * time.Hour)}}
	a := serving(t, b)
	const year, ask4 = "public, max-age=31536000, immutable", "public, no-cache"
	main := "/static/" + b.hashed("css/main.css")
	expect(t, ask(t, a, "GET", main, "Accept-Encoding: br"), 200, map[string]string{
		"Cache-Control": year, "Content-Encoding": "br", "Vary": "Accept-Encoding", "Content-Type": "text/css; charset=utf-8",
		"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin",
		"Access-Control-Allow-Origin": "",
	})
	expect(t, ask(t, a, "GET", "/static/css/main.css"), 200, map[string]string{"Cache-Control": ask4, "Content-Encoding": "", "Vary": "Accept-Encoding"})
	expect(t, ask(t, a, "GET", "/static/f.woff2", "Accept-Encoding: br"), 200, map[string]string{"Cache-Control": ask4, "Vary": "", "Content-Type": "font/woff2"})
	expect(t, ask(t, a, "GET", "/static/img/logo.svg"), 200, map[string]string{"Cache-Control": "public, max-age=2592000"})
	expect(t, ask(t, a, "GET", "/static/css/main.0123456789ab.css"), 404, map[string]string{"Cache-Control": "no-store"})
	expect(t, ask(t, a, "GET", "/static/staticfiles.json"), 404, map[string]string{"Cache-Control": "no-store"})
	expect(t, ask(t, a, "GET", "/static/.holdfast/index.json"), 404, nil)
	expect(t, ask(t, a, "GET", "/static/"), 404, nil)
	expect(t, ask(t, a, "POST", main), 405, map[string]string{"Allow": "GET, HEAD, OPTIONS", "Cache-Control": "no-store"})
	expect(t, ask(t, a, "GET", main, "Accept-Encoding: identity;q=0, deflate"), 406, map[string]string{"Cache-Control": "no-store"})
}

func TestEachCodingDecodesToTheSameAndHasItsOwnTag(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	a := serving(t, b)
	tags := map[string]bool{}
	for _, c := range []Coding{Identity, Gzip, Brotli, Zstd} {
		resp := ask(t, a, "GET", "/static/css/main.css", "Accept-Encoding: "+string(c))
		body := text(t, resp)
		if decode(t, c, body) != b.output(b.hashed("css/main.css")) || resp.Header.Get("Content-Length") != strconv.Itoa(len(body)) {
			t.Errorf("%s: %v", c, resp.Header)
		}
		tags[resp.Header.Get("Etag")] = true
		head := ask(t, a, "HEAD", "/static/css/main.css", "Accept-Encoding: "+string(c))
		if text(t, head) != "" || head.Header.Get("Content-Length") != strconv.Itoa(len(body)) || head.Header.Get("Etag") != resp.Header.Get("Etag") {
			t.Errorf("HEAD in %s: %v", c, head.Header)
		}
	}
	if len(tags) != 4 {
		t.Errorf("tags: %v", tags)
	}
}

// RFC 9110 section 13: conditions in their order.
func TestConditionsAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	a := serving(t, b)
	const path = "/static/css/main.css"
	plain, br := ask(t, a, "GET", path).Header, ask(t, a, "GET", path, "Accept-Encoding: br").Header
	tag, modified := plain.Get("Etag"), plain.Get("Last-Modified")
	f := func(status int, fields ...string) {
		t.Helper()
		resp := ask(t, a, "GET", path, fields...)
		if resp.StatusCode != status {
			t.Errorf("%v: status %d, want %d", fields, resp.StatusCode, status)
		}
		if status == 304 {
			expect(t, resp, 304, map[string]string{"Etag": tag, "Cache-Control": "public, no-cache", "Vary": "Accept-Encoding", "Content-Length": "", "Content-Type": "", "Content-Encoding": ""})
		}
	}
	f(304, "If-None-Match: "+tag)
	f(304, "If-None-Match: W/"+tag)
	f(304, "If-None-Match: *")
	f(304, `If-None-Match: "x", W/"a,b" , `+tag)
	f(304, `If-None-Match: "x"`, "If-None-Match: "+tag)
	f(200, `If-None-Match: "x"`)
	f(200, "If-None-Match: "+strings.Trim(tag, `"`))
	f(200, "If-None-Match: "+br.Get("Etag"))
	f(304, "If-Modified-Since: "+modified)
	f(200, "If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT")
	f(200, "If-Modified-Since: yesterday")
	f(200, `If-None-Match: "x"`, "If-Modified-Since: "+modified)
	f(412, `If-Match: "x"`)
	f(412, "If-Match: W/"+tag)
	f(200, "If-Match: "+tag)
	f(200, "If-Match: *")
	f(412, "If-Unmodified-Since: Mon, 02 Jan 2006 15:04:05 GMT")
	f(200, "If-Unmodified-Since: "+modified)
	f(412, `If-Match: "x"`, "If-None-Match: "+tag)
	f(304, "If-Match: "+tag, "If-None-Match: "+tag)
	f(304, "If-None-Match: "+tag, "Range: bytes=0-1")
}

// RFC 9110 section 14.
func TestRangesAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"digits.bin": "0123456789", "empty.bin": "", "long.css": long("a{}")})
	a := serving(t, b)
	tag := ask(t, a, "GET", "/static/digits.bin").Header.Get("Etag")
	f := func(status int, body, contentRange string, fields ...string) {
		t.Helper()
		resp := ask(t, a, "GET", "/static/digits.bin", fields...)
		if got := text(t, resp); resp.StatusCode != status || status < 400 && got != body || resp.Header.Get("Content-Range") != contentRange {
			t.Errorf("%v: %d %q %q, want %d %q %q", fields, resp.StatusCode, got, resp.Header.Get("Content-Range"), status, body, contentRange)
		}
		if status == 206 && resp.Header.Get("Content-Length") != strconv.Itoa(len(body)) {
			t.Errorf("%v: Content-Length %s", fields, resp.Header.Get("Content-Length"))
		}
	}
	const whole = "0123456789"
	f(206, "01", "bytes 0-1/10", "Range: bytes=0-1")
	f(206, "56789", "bytes 5-9/10", "Range: bytes=5-")
	f(206, "789", "bytes 7-9/10", "Range: bytes=-3")
	f(206, whole, "bytes 0-9/10", "Range: bytes=-99")
	f(206, "89", "bytes 8-9/10", "Range: bytes=8-99999999999999999999")
	f(206, "2", "bytes 2-2/10", "Range: BYTES=2-2")
	f(416, "", "bytes */10", "Range: bytes=10-")
	f(416, "", "bytes */10", "Range: bytes=-0")
	f(200, whole, "", "Range: bytes=5-2")
	f(200, whole, "", "Range: bytes=x-2")
	f(200, whole, "", "Range: bytes=0-1,3-4")
	f(200, whole, "", "Range: lines=0-1")
	f(200, whole, "", "Range: bytes=-")
	f(200, whole, "", "Range: bytes=+1-2")
	f(206, "01", "bytes 0-1/10", "Range: bytes=0-1", "If-Range: "+tag)
	f(200, whole, "", "Range: bytes=0-1", `If-Range: "other"`)
	f(200, whole, "", "Range: bytes=0-1", "If-Range: W/"+tag)
	f(200, whole, "", "Range: bytes=0-1", "If-Range: Mon, 02 Jan 2006 15:04:05 GMT")
	expect(t, ask(t, a, "GET", "/static/empty.bin", "Range: bytes=0-"), 416, map[string]string{"Content-Range": "bytes */0"})
	expect(t, ask(t, a, "GET", "/static/empty.bin"), 200, map[string]string{"Content-Length": "0"})
	expect(t, ask(t, a, "HEAD", "/static/digits.bin", "Range: bytes=0-1"), 200, map[string]string{"Content-Length": "10"})
	br := ask(t, a, "GET", "/static/long.css", "Accept-Encoding: br")
	part := ask(t, a, "GET", "/static/long.css", "Accept-Encoding: br", "Range: bytes=2-5", "If-Range: "+br.Header.Get("Etag"))
	if part.StatusCode != 206 || part.Header.Get("Content-Encoding") != "br" || text(t, part) != text(t, br)[2:6] {
		t.Errorf("a part of a coding: %d %v", part.StatusCode, part.Header)
	}
}

// S0-40: configured origins and no others; never with credentials; caches are told.
func TestOnlyKnownOriginsMayUseWhatBrowsersGuard(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	b.config.Origins = []string{"https://www.example.com"}
	a := serving(t, b, "https://s3.example.net")
	font := "/static/" + b.hashed("f.woff2")
	for _, origin := range []string{"https://www.example.com", "https://s3.example.net"} {
		expect(t, ask(t, a, "GET", font, "Origin: "+origin), 200, map[string]string{
			"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Allow-Credentials": "",
		})
		expect(t, ask(t, a, "OPTIONS", font, "Origin: "+origin, "Access-Control-Request-Method: GET"), 204, map[string]string{
			"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": "GET, HEAD",
		})
		tag := ask(t, a, "GET", font).Header.Get("Etag")
		expect(t, ask(t, a, "GET", font, "Origin: "+origin, "If-None-Match: "+tag), 304, map[string]string{"Access-Control-Allow-Origin": origin, "Vary": "Origin"})
	}
	for _, origin := range []string{"https://evil.example", "null", "https://www.example.com.evil.example", "http://www.example.com"} {
		expect(t, ask(t, a, "GET", font, "Origin: "+origin), 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Origin"})
		expect(t, ask(t, a, "OPTIONS", font, "Origin: "+origin), 204, map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": ""})
	}
	expect(t, ask(t, a, "GET", "/static/css/main.css"), 200, map[string]string{"Vary": "Accept-Encoding, Origin"})
	b.config.Origins = []string{"*"}
	all := serving(t, b)
	expect(t, ask(t, all, "GET", font, "Origin: https://any.example"), 200, map[string]string{"Access-Control-Allow-Origin": "*", "Vary": ""})
}

// What does not fit into memory is served from the file, in the same words.
func TestFilesThatAreNotInMemoryAreServedAlike(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	in := serving(t, b)
	b.config.Memory = 0
	out := serving(t, b)
	for _, fields := range [][]string{nil, {"Accept-Encoding: br"}, {"Range: bytes=3-9"}, {"If-None-Match: *"}, {"Range: bytes=99999999-"}} {
		x, y := ask(t, in, "GET", "/static/css/main.css", fields...), ask(t, out, "GET", "/static/css/main.css", fields...)
		if text(t, x) != text(t, y) || x.StatusCode != y.StatusCode {
			t.Errorf("%v: %d and %d", fields, x.StatusCode, y.StatusCode)
		}
		for name := range x.Header {
			if x.Header.Get(name) != y.Header.Get(name) {
				t.Errorf("%v: %s: %q and %q", fields, name, x.Header.Get(name), y.Header.Get(name))
			}
		}
	}
	if out.set.Load().bytes != 0 || in.set.Load().bytes == 0 {
		t.Error("memory is not used as it should be")
	}
}

// A file that was changed behind our back is not served, and told.
func TestADamagedFileIsNotServed(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	b.build()
	name := b.hashed("css/theme.css")
	content := b.output(name)
	path := filepath.Join(b.config.Output, name)
	overwrite(t, path, strings.Repeat("x", len(content)))
	a, err := New(Options{Config: b.config, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err == nil {
		err = a.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	expect(t, ask(t, a, "GET", "/static/"+name), 404, map[string]string{"Cache-Control": "no-store"})
	if s := a.Status(); len(s.Damaged) != 1 {
		t.Errorf("status: %+v", s)
	}
	if _, err := a.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if resp := ask(t, a, "GET", "/static/"+name); resp.StatusCode != 200 || text(t, resp) != content {
		t.Errorf("a build did not repair it: %d", resp.StatusCode)
	}
}

// Head is the header of a 200 for listeners that do not know net/http: it must say the same.
func TestThePrebuiltHeaderSaysWhatNetHTTPSays(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	a := serving(t, b, "https://www.example.com")
	for _, path := range []string{"/static/css/main.css", "/static/" + b.hashed("f.woff2")} {
		answer := a.Answer(&Query{Method: "GET", Path: path, AcceptEncoding: "br"})
		want := ask(t, a, "GET", path, "Accept-Encoding: br").Header
		want.Del("Content-Length")
		got := http.Header{}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(answer.Variant.Head), "\r\n"), "\r\n") {
			name, value, _ := strings.Cut(line, ": ")
			got.Add(name, value)
		}
		if len(got) != len(want) {
			t.Errorf("%v and %v", got, want)
		}
		for name := range want {
			if got.Get(name) != want.Get(name) {
				t.Errorf("%s: %q and %q", name, got.Get(name), want.Get(name))
			}
		}
	}
}
