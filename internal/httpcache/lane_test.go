package httpcache

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lane"
)

// parse makes a request of the lane of one of net/http's.
func parse(r *http.Request) (*lane.Request, bool) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	_ = r.Header.Write(&b) // a Buffer takes everything
	b.WriteString("\r\n")
	return lane.Parse(b.Bytes(), netip.AddrPort{})
}

func guestOf(r *http.Request) *Guest {
	return &Guest{Scheme: "http", Host: r.Host, Path: r.URL.Path, Removed: func(string) bool { return false }}
}

// inTheLane looks whether the lane can answer.
func (r *rig) inTheLane(q *http.Request) (Found, bool) {
	if strings.HasPrefix(q.URL.Scheme, "https") || q.ContentLength != 0 {
		return Found{}, false
	}
	of, simple := parse(q)
	if !simple {
		return Found{}, false
	}
	found, ok := r.Find(of, guestOf(q))
	if ok {
		r.mu.Lock()
		r.inLane++
		r.mu.Unlock()
	}
	return found, ok
}

// give is the lane's answer.
func (r *rig) give(f Found) *httptest.ResponseRecorder {
	var reply lane.Reply
	f.Give(&reply)
	w := httptest.NewRecorder()
	maps.Copy(w.Header(), fieldsOf(r.t, &reply))
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Content())
	return w
}

// fieldsOf reads the header that a lane writes.
func fieldsOf(t testing.TB, r *lane.Reply) http.Header {
	t.Helper()
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(string(r.Written()) + "\r\n"))).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("%v in %q", err, r.Written())
	}
	if r.Status != http.StatusNotModified && r.Status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.Itoa(len(r.Content()))}
	}
	return http.Header(h)
}

// compare holds what the lane would have said a moment ago to what ServeHTTP said.
func (r *rig) compare(q *http.Request, w *httptest.ResponseRecorder, f Found) {
	r.t.Helper()
	var reply lane.Reply
	f.write(&reply)
	got, want := fieldsOf(r.t, &reply), w.Result().Header.Clone()
	body := string(reply.Content())
	if q.Method == http.MethodHead {
		body = ""
	}
	maps.DeleteFunc(want, func(_ string, v []string) bool { return len(v) == 0 })
	for _, h := range []http.Header{got, want} { // a second may have passed
		age, err := strconv.Atoi(h.Get("Age"))
		if status, _, _ := strings.Cut(h["Cache-Status"][len(h["Cache-Status"])-1], "ttl="); err != nil || status != "holdfast; hit; " {
			r.t.Errorf("%s %s: %v", q.Method, q.URL, h)
		}
		if stored := int(f.o.age(f.now) / time.Second); age < stored || age > stored+1 {
			r.t.Errorf("%s %s: the age is %d, not %d", q.Method, q.URL, age, stored)
		}
		h.Del("Age")
		h["Cache-Status"] = h["Cache-Status"][:len(h["Cache-Status"])-1]
	}
	if reply.Status != w.Code || body != w.Body.String() || !maps.EqualFunc(got, want, slices.Equal) {
		r.t.Errorf("%s %s %v:\nlane     %d %v %d bytes\nnet/http %d %v %d bytes",
			q.Method, q.URL, q.Header, reply.Status, got, len(body), w.Code, want, w.Body.Len())
	}
}

// fieldSets are what visitors send: each may be answered by another object, in another way, or not by the lane at all.
func fieldSets(etag, changed string) [][]string {
	return [][]string{
		nil,
		{"Accept-Encoding: gzip, br;q=0.5, x"},
		{"Accept-Encoding: GZIP;q=0"},
		{"Accept-Language: de"},
		{"Accept-Language: de", "Accept-Language: en"},
		{"Cookie: _ga=1"},
		{"Cookie: a=1"},
		{"Cookie: _ga=1; session=2"},
		{"Authorization: Basic eDp5"},
		{"Range: bytes=1-2"},
		{"Range: lines=1-2"},
		{"If-None-Match: " + etag},
		{"If-None-Match: W/" + etag},
		{`If-None-Match: "x", ` + etag},
		{`If-None-Match: "x" , , W/"y"`},
		{"If-None-Match: *"},
		{"If-None-Match: x"},
		{`If-None-Match: "x`},
		{"If-None-Match: "},
		{"If-None-Match: , \t " + etag + "x"},
		{`If-None-Match: "no"`, "If-Modified-Since: " + changed},
		{"If-Modified-Since: " + changed},
		{"If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT"},
		{"If-Modified-Since: yesterday"},
		{"If-Match: " + etag},
		{"If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT"},
		{"If-Range: " + etag},
		{"Cache-Control: no-cache"},
		{"Cache-Control: max-age=0", "Pragma: no-cache"},
		{"Cache-Control: only-if-cached"},
		{"X-Requested-With: XMLHttpRequest"},
		{"Sec-Fetch-Mode: navigate", "sec-ch-ua-full-version-list-of-some-length: x", "Upgrade-Insecure-Requests: 1", "User-Agent: Mozilla/5.0"},
		{"Origin: https://other.example"},
		{"X-Request-Id: 0123456789abcdef"},
	}
}

// Whatever is stored, and whoever asks: what the lane answers is what net/http answers (S3-16).
func TestTheLaneAnswersFromTheCacheAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	const changed, etag = "Tue, 01 Oct 2024 10:00:00 GMT", `"v1"`
	answers := map[string][]string{
		"plain":         {"Cache-Control: max-age=60"},
		"all":           {"Cache-Control: public, max-age=60", "ETag: " + etag, "Last-Modified: " + changed, "Content-Type: text/html", "Vary: Accept-Encoding, Accept-Language"},
		"dated":         {"Cache-Control: public, max-age=60", "Date: now-2s", "Last-Modified: tomorrow", "Age: 3"},
		"weak":          {"Cache-Control: s-maxage=60", "ETag: W/" + etag, "Vary: Cookie"},
		"old":           {"Cache-Control: max-age=60", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT"},
		"before":        {"Cache-Control: public, max-age=60", "Cache-Status: inner; hit", "X-A: 1", "X-A: 2", "Accept-Ranges: none", "Set-X: "},
		"coded":         {"Cache-Control: public, max-age=60", "Content-Encoding: gzip", "ETag: " + etag},
		"with a length": {"Cache-Control: public, max-age=60", "Content-Length: 7", "Content-Type: text/plain"},
		"of a rule":     {"Cache-Control: max-age=60", "Vary: Origin, X-Request-Id"},
		"with an id":    {"Cache-Control: max-age=60", "X-Request-Id: theirs"},
	}
	total := 0
	for name, says := range answers {
		for _, status := range []int{200, 204, 404} {
			for _, directives := range []bool{false, true} {
				r := newRig(t, func(c *Config) {
					c.ClientDirectives = directives
					c.IgnoreQuery = []string{"utm_*"}
				}, func(w http.ResponseWriter, _ *http.Request) {
					body := name + name + name
					if status == http.StatusNoContent {
						body = ""
					}
					answer(w, status, body[:min(7, len(body))], says...)
				})
				for _, path := range []string{"/", "/a%20b;c?d=%zz&utm_source=x", "http://SITE:80/", "/?"} {
					for _, fields := range fieldSets(etag, changed) {
						for _, method := range []string{"GET", "GET", "HEAD"} {
							r.ask(method+" "+path, fields...)
						}
					}
				}
				total += r.inLane
			}
		}
	}
	if total < 1000 {
		t.Errorf("the lane had only %d answers", total)
	}
}

// Nobody with Authorization or a cookie of their own gets from the lane what is not for everybody.
func TestTheLaneKnowsWhoIsSomebody(t *testing.T) {
	t.Parallel()
	for says, open := range map[string]bool{"max-age=60": false, "public, max-age=60": true} {
		r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "page", "Cache-Control: "+says) })
		r.ask("GET /")
		for field, want := range map[string]bool{
			"Accept: */*": true, "Cookie: _ga=1": true, "Cookie: ;; _ga_1=2 ;": true, "Cookie: session=1": open, "Cookie: _ga=1; x": open,
			"Cookie: =x": open, "Authorization: x": false, "Authorization: ": false,
		} {
			if _, got := r.inTheLane(request("GET /", field)); got != want {
				t.Errorf("%s, %s: %v", says, field, got)
			}
		}
	}
}

// Purging is effective at once, by whatever name, and what has ended is not given.
func TestTheLaneGivesNothingThatWasRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, "page", "Cache-Control: max-age=60", "Vary: Accept-Language", "Surrogate-Key: a b")
	})
	for _, p := range []Purge{{URL: "/x"}, {URL: "http://site/x"}, {Prefix: "/"}, {Prefix: "http://site/"}, {Tag: "b"}, {All: true}} {
		for _, language := range []string{"Accept-Language: de", "Accept-Language: en"} {
			r.ask("GET /x", language)
			if _, ok := r.inTheLane(request("GET /x", language)); !ok {
				t.Fatalf("%+v: not stored", p)
			}
		}
		if n, err := r.Purge(p); n == 0 || err != nil {
			t.Fatalf("%+v removes %d, %v", p, n, err)
		}
		for _, language := range []string{"Accept-Language: de", "Accept-Language: en"} {
			if _, ok := r.inTheLane(request("GET /x", language)); ok {
				t.Errorf("after %+v the lane still has %s", p, language)
			}
		}
	}
	r.ask("GET /x")
	r.ask("POST /x")
	if _, ok := r.inTheLane(request("GET /x")); ok {
		t.Error("after a POST the lane still has it")
	}
}

// A hit of the lane counts as one of net/http, keeps the answer young, and allocates nothing.
func TestAHitOfTheLaneCountsAndAllocatesNothing(t *testing.T) {
	r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, "page", "Cache-Control: max-age=60", "Vary: Accept-Language, Accept-Encoding", `ETag: "a"`)
	})
	r.Cache.opts.Observe = func(context.Context, Result) {}
	var replies [2]lane.Reply
	ask := func(i int, fields ...string) func() {
		q := request("GET /x?y=1", append(fields, "Accept-Language: de", "Accept-Encoding: gzip, br", "Cookie: _ga=1", "Sec-Fetch-Mode: navigate")...)
		r.ServeHTTP(httptest.NewRecorder(), q)
		of, simple := parse(q)
		g := guestOf(q)
		return func() {
			replies[i].Reset()
			if f, ok := r.Find(of, g); ok && simple {
				f.Give(&replies[i])
			} else {
				t.Error("it is not the lane's")
			}
		}
	}
	before := r.Stats()
	for i, fields := range [][]string{nil, {`If-None-Match: "a"`, "Accept-Language: en"}} {
		if n := testing.AllocsPerRun(99, ask(i, fields...)); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	after := r.Stats()
	if hits, inMemory := after.Requests[Hit]-before.Requests[Hit], after.Memory.Hits-before.Memory.Hits; hits != 200 || inMemory < 200 || after.Rules[0].Hits != 200 {
		t.Errorf("%d hits, %d in memory, %+v", hits, inMemory, after.Rules)
	}
}

// What is long goes another way, and what is on disk only comes into memory first, by net/http.
func TestTheLaneHasWhatIsInMemoryAndNotLong(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Memory, c.Disk, c.DiskFree = 64e6, 64e6, 0 }, func(w http.ResponseWriter, q *http.Request) {
		n, _ := strconv.Atoi(q.URL.RawQuery)
		answer(w, http.StatusOK, strings.Repeat("x", n), "Cache-Control: max-age=600")
	})
	f := func(line string, want bool) {
		t.Helper()
		if _, ok := r.inTheLane(request(line)); ok != want {
			t.Errorf("%s: %v, want %v", line, ok, want)
		}
	}
	for _, size := range []int{0, 1000, maxInLane, maxInLane + 1} {
		line := "GET /?" + itoa(size)
		f(line, false)
		r.ask(line)
		f(line, size <= maxInLane)
	}
	r.store.memory.Delete("http://site/?1000") // as if others had needed the room
	f("GET /?1000", false)
	if r.ask("GET /?1000"); r.result() != Hit {
		t.Errorf("on disk: %s", r.result())
	}
	f("GET /?1000", true)
}

// Lists of entity tags are read as net/http reads them, whatever they hold.
func FuzzEntityTagsAreMatchedAsByNetHTTP(f *testing.F) {
	for _, list := range []string{`"a"`, `W/"a"`, `"b", "a"`, `"b" "a"`, `*`, `"b",*`, `,, "a"`, `"`, `W/`, `W/"`, `"a`, `x, "a"`, "\t\"a\" ", `""`, "\"\x7f\", \"a\""} {
		f.Add(list, `"a"`)
		f.Add(list, "")
		f.Add(list, `W/"a"`)
	}
	f.Fuzz(func(t *testing.T, list, etag string) {
		if list = strings.Trim(list, " \t"); list == "" || strings.ContainsAny(list+etag, "\r\n") {
			return // none is sent; a line ends with the line
		}
		w := httptest.NewRecorder()
		w.Header().Set("Etag", etag)
		http.ServeContent(w, &http.Request{Method: http.MethodGet, Header: http.Header{"If-None-Match": {list}}}, "", time.Time{}, strings.NewReader("x"))
		if got, want := matches(list, etag), w.Code == http.StatusNotModified; got != want {
			t.Errorf("%q with %q: %v, net/http %v", list, etag, got, want)
		}
	})
}
