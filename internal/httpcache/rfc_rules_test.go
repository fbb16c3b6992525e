package httpcache

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A 304 changes what is stored (RFC 9111 section 3.2): fields are replaced, but for those that describe the body.
func TestA304UpdatesWhatIsStored(t *testing.T) {
	t.Parallel()
	for _, disk := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				if disk {
					c.Disk = 10e6
				}
			}, func(w http.ResponseWriter, q *http.Request) {
				if q.Header.Get("If-None-Match") == `"a"` {
					answer(w, http.StatusNotModified, "", `ETag: "a"`, "Cache-Control: max-age=600", "X-New: 1", "X-Both: 2", "Content-Type: text/wrong", "Content-Length: 7")
					return
				}
				answer(w, http.StatusOK, "body", `ETag: "a"`, "Cache-Control: max-age=60", "X-Old: 1", "X-Both: 1", "Content-Type: text/right", "Content-Length: 4")
			})
			r.ask("GET /")
			time.Sleep(2 * minute)
			for i, want := range []Result{Revalidated, Hit} {
				got := r.ask("GET /")
				if r.result() != want || got.Body.String() != "body" || got.Code != http.StatusOK {
					t.Errorf("%d: %s, %d %q", i, r.result(), got.Code, got.Body)
				}
				h := got.Result().Header
				if h.Get("X-New") != "1" || h.Get("X-Old") != "1" || h.Get("X-Both") != "2" || h.Get("Content-Type") != "text/right" || h.Get("Content-Length") != "4" {
					t.Errorf("%d: %v", i, h)
				}
				time.Sleep(5 * minute)
			}
			if n, _ := r.asked(); n != 2 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// A 304 that is about something else, or that forbids storing, removes what is stored; the visitor gets what there is now.
func TestA304ThatDoesNotFitIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, says := range [][]string{{`ETag: "other"`, "Cache-Control: max-age=60"}, {`ETag: "a"`, "Cache-Control: no-store"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
				if q.Header.Get("If-None-Match") != "" {
					answer(w, http.StatusNotModified, "", says...)
					return
				}
				answer(w, http.StatusOK, "body", `ETag: "a"`, "Cache-Control: max-age=60")
			})
			r.ask("GET /")
			time.Sleep(2 * minute)
			if got := r.ask("GET /"); got.Code != http.StatusOK || got.Body.String() != "body" {
				t.Errorf("%q: %d %q", says, got.Code, got.Body)
			}
			if n, last := r.asked(); n != 3 || last.Header.Get("If-None-Match") != "" {
				t.Errorf("%q: asked %d times", says, n)
			}
		})
	}
}

// RFC 9110 sections 13 and 14: conditions and ranges are looked at by the cache, for what is stored and for what comes just now.
func TestConditionsAndRangesOfVisitors(t *testing.T) {
	t.Parallel()
	changed := "Sun, 06 Nov 1994 08:49:37 GMT"
	f := func(want int, body string, fields ...string) {
		t.Helper()
		for _, config := range []func(*Config){nil, func(c *Config) { c.Disk = 10e6 }, func(c *Config) { c.Disk, c.Memory, c.MaxObject = 10e6, 1e6, 1e6 }} {
			r := newRig(t, config, func(w http.ResponseWriter, q *http.Request) {
				if q.Header.Get("Range") != "" {
					answer(w, http.StatusPartialContent, "passed")
					return
				}
				answer(w, http.StatusOK, "0123456789", `ETag: "a"`, "Last-Modified: "+changed, "Cache-Control: max-age=60", "Vary: Accept")
			})
			r.ask("GET /warm")
			got := r.ask("GET /warm", fields...)
			if got.Code != want || got.Body.String() != body || r.result() != Hit {
				t.Errorf("%q: %d %q, %s; want %d %q", fields, got.Code, got.Body, r.result(), want, body)
			}
			if h := got.Result().Header; want == http.StatusNotModified && (h.Get("Etag") != `"a"` || h.Get("Cache-Control") != "max-age=60" || h.Get("Vary") != "Accept") {
				t.Errorf("%q: %v", fields, h)
			}
			if request("GET /", fields...).Header.Get("Range") != "" {
				continue
			}
			if got := r.ask("GET /cold", fields...); got.Code != want || got.Body.String() != body {
				t.Errorf("cold, %q: %d %q; want %d %q", fields, got.Code, got.Body, want, body)
			}
		}
	}
	f(304, "", `If-None-Match: "a"`)
	f(304, "", `If-None-Match: "x", W/"a"`)
	f(304, "", "If-None-Match: *")
	f(200, "0123456789", `If-None-Match: "x"`)
	f(304, "", "If-Modified-Since: "+changed)
	f(200, "0123456789", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT")
	f(200, "0123456789", `If-None-Match: "x"`, "If-Modified-Since: "+changed)
	f(412, "", `If-Match: "x"`)
	f(206, "2345", "Range: bytes=2-5")
	f(206, "89", "Range: bytes=-2")
	f(206, "789", "Range: bytes=7-")
	f(200, "0123456789", "Range: lines=2-5")
	f(206, "2345", "Range: bytes=2-5", `If-Range: "a"`)
	f(200, "0123456789", "Range: bytes=2-5", `If-Range: "x"`)
	f(200, "0123456789", "Range: bytes=2-5", `If-Range: W/"a"`)
}

// RFC 9111 section 4.4: what a visitor changes is not read from the cache any more, however it was selected.
func TestAnUnsafeMethodInvalidates(t *testing.T) {
	t.Parallel()
	f := func(method string, status int, says []string, gone ...string) {
		t.Helper()
		r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
			if q.Method == http.MethodGet {
				answer(w, http.StatusOK, q.URL.Path, "Cache-Control: max-age=60", "Vary: Accept-Language")
				return
			}
			answer(w, status, "", says...)
		})
		all := []string{"/a", "/a?q", "/b", "http://other/a", "http://other/b"}
		for _, target := range all {
			r.ask("GET "+target, "Accept-Language: de")
			r.ask("GET "+target, "Accept-Language: en")
		}
		r.ask(method + " /a")
		for _, target := range all {
			for _, lang := range []string{"de", "en"} {
				got := r.ask("GET "+target, "Accept-Language: "+lang)
				want := Hit
				for _, g := range gone {
					if g == target {
						want = Miss
					}
				}
				if r.result() != want || got.Code != http.StatusOK {
					t.Errorf("%s %d %q: %s in %s: %s; want %s", method, status, says, target, lang, r.result(), want)
				}
			}
		}
	}
	for _, m := range []string{"POST", "PUT", "PATCH", "DELETE", "M-SEARCH"} {
		f(m, 200, nil, "/a")
	}
	f("POST", 201, with("Location: /b"), "/a", "/b")
	f("POST", 303, with("Location: http://site/b"), "/a", "/b")
	f("POST", 200, with("Content-Location: b"), "/a", "/b")
	f("POST", 303, with("Location: http://other/b"), "/a")
	f("POST", 400, with("Location: /b"))
	f("POST", 500, nil)
	f("OPTIONS", 200, with("Location: /b"))
}

// The header of a stored answer: what is of a connection is gone, Age and Cache-Status tell (RFC 9211).
func TestTheHeaderOfAStoredAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, "body", "Cache-Control: max-age=60", "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: 5", "Age: 3", "X-Kept: a", "X-Kept: b",
				"Cache-Status: Before; hit", "Surrogate-Key: one two", "Cache-Tag: three, four", "Content-Type: text/plain", "Content-Length: 4")
		})
		first := r.ask("GET /").Result()
		time.Sleep(10 * time.Second)
		second := r.ask("GET /").Result()
		b, _ := io.ReadAll(second.Body)
		if string(b) != "body" || second.ContentLength != 4 {
			t.Errorf("%q, %d", b, second.ContentLength)
		}
		for name, want := range map[string]string{
			"Age": "13", "X-Hop": "", "Keep-Alive": "", "Surrogate-Key": "", "Cache-Tag": "", "X-Kept": "a", "Content-Type": "text/plain", "Content-Length": "4",
		} {
			if got := second.Header.Get(name); got != want {
				t.Errorf("%s: %q; want %q", name, got, want)
			}
		}
		if got := second.Header["Cache-Status"]; len(got) != 2 || got[0] != "Before; hit" || got[1] != "holdfast; hit; ttl=47" {
			t.Errorf("Cache-Status: %q", got)
		}
		if got := first.Header["Cache-Status"]; len(got) != 2 || got[1] != "holdfast; fwd=uri-miss; fwd-status=200; stored" || first.Header.Get("Cache-Tag") != "" {
			t.Errorf("Cache-Status: %q, %v", got, first.Header)
		}
		if got := r.ask("GET /nothing", "Cache-Control: only-if-cached"); got.Code != http.StatusGatewayTimeout {
			t.Errorf("only-if-cached: %d", got.Code)
		}
	})
}

// What is not stored is the application's to compare: visitors who have it already are told so.
func TestConditionsReachTheApplicationForWhatIsNotStored(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("If-None-Match") == `"a"` {
			answer(w, http.StatusNotModified, "", `ETag: "a"`)
			return
		}
		answer(w, http.StatusOK, "body", `ETag: "a"`, "Cache-Control: private")
	})
	r.ask("GET /")
	for _, fields := range [][]string{{`If-None-Match: "a"`}, {`If-None-Match: "a"`, "Authorization: x"}, {`If-None-Match: "a"`, "Cookie: a=b"}} {
		if got := r.ask("GET /", fields...); got.Code != http.StatusNotModified {
			t.Errorf("%q: %d", fields, got.Code)
		}
	}
	if got := r.ask("GET /", "Authorization: x"); got.Code != http.StatusOK || got.Body.String() != "body" {
		t.Errorf("%d %q", got.Code, got.Body)
	}
}
