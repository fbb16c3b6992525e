package files_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lane/lanetest"

	"holdfast/internal/files"
	"holdfast/internal/objects"
)

// raw sends a request as it stands and reads one answer.
func raw(t testing.TB, base, request string) reply {
	t.Helper()
	r, body := lanetest.Say(t, strings.TrimPrefix(base, "http://"), request)
	if r.Close {
		r.Header.Set("Connection", "close")
	}
	return reply{r.StatusCode, r.Header, body}
}

// twinRequests are requests for links in every state, with every header that matters.
func twinRequests(t *testing.T, n *node) map[string]string {
	t.Helper()
	n.put(t, "papers", "small.png", "image/png", png)
	n.put(t, "papers", "large.bin", "application/zip", strings.Repeat("0123456789", 50_000))
	n.put(t, "papers", "empty", "text/plain", "")
	n.put(t, "papers", "Übersicht 1.txt", "text/plain; charset=latin1", "text")
	n.put(t, "open", "page.html", "text/html", "<p>page")
	n.put(t, "shown", "page.html", "text/html", "<!DOCTYPE html><p>page")
	n.put(t, "shared", "a.png", "image/png", png)
	if _, err := n.index.Put(t.Context(), objects.Put{
		Bucket: "papers", Key: "coded.txt", Size: 4, Body: strings.NewReader("text"),
		Headers: objects.Headers{ContentType: "text/plain", ContentEncoding: "gzip", ContentLanguage: "de"},
	}); err != nil {
		t.Fatal(err)
	}
	dead := n.put(t, "papers", "dead.png", "image/png", png)
	deadLink := n.sign(t, "papers", "dead.png")
	if _, err := n.index.Delete(t.Context(), []objects.Ref{{Bucket: "papers", Key: "dead.png"}}, objects.Condition{}); err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Second, "the death is known", func() bool { return n.index.Dead(dead.Blob) })
	small := n.sign(t, "papers", "small.png")
	paths := map[string]string{
		"small": small, "large": n.sign(t, "papers", "large.bin"), "empty": n.sign(t, "papers", "empty"),
		"named": n.sign(t, "papers", "Übersicht 1.txt"), "html": n.sign(t, "open", "page.html"),
		"page": n.sign(t, "shown", "page.html"), "shared": n.sign(t, "shared", "a.png"), "coded": n.sign(t, "papers", "coded.txt"),
		"saved":      n.sign(t, "papers", "small.png", func(r *files.SignLinkRequest) { r.Attachment = true }),
		"cached":     n.sign(t, "papers", "small.png", func(r *files.SignLinkRequest) { r.Shared = true }),
		"bound":      n.sign(t, "papers", "small.png", func(r *files.SignLinkRequest) { r.Session = "abc" }),
		"dead":       deadLink,
		"altered":    strings.Replace(small, ".i.", ".a.", 1),
		"other key":  strings.Replace(small, "/m/", "/m/x", 1),
		"no key":     "/m/!" + small[3:],
		"no link":    "/m/x/y",
		"nothing":    "/m/",
		"query":      small + "?x=1&y=%20",
		"slash":      small + "/",
		"other path": "/elsewhere",
	}
	return paths
}

// fieldLines are what clients add to a request.
func fieldLines() map[string]string {
	return map[string]string{
		"plain":     "",
		"browser":   "User-Agent: Mozilla/5.0 (X11)\r\nAccept: image/avif,*/*;q=0.8\r\nAccept-Encoding: gzip, br\r\nAccept-Language: de\r\nSec-Fetch-Mode: no-cors\r\nCookie: a=b; sid=abc\r\n",
		"origin":    "Origin: https://app.example.com\r\n",
		"stranger":  "Origin: https://evil.example.com\r\n",
		"id":        "X-Request-Id: 0123456789abcdef\r\n",
		"bad id":    "X-Request-Id: no good\r\n",
		"close":     "Connection: close\r\n",
		"range":     "Range: bytes=1-3\r\n",
		"condition": "If-None-Match: \"x\"\r\n",
		"since":     "If-Modified-Since: Mon, 02 Jan 2034 15:04:05 GMT\r\n",
	}
}

// The bar of issue 2 is met by another server than net/http; nobody may notice which one answered (S0-36, S1-80).
func TestTheLaneAnswersAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	n := newSite(t, onDisk(t), func(s *site) {
		s.config.Buckets["shown"] = files.BucketConfig{Inline: []string{"text/html"}, Resources: []string{"https://app.example.com"}}
		s.config.Buckets["shared"] = files.BucketConfig{Origins: []string{"https://app.example.com"}}
	}).node(t)
	paths, lines := twinRequests(t, n), fieldLines()
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		for _, kind := range slices.Sorted(maps.Keys(lines)) {
			for _, method := range []string{"GET", "HEAD"} {
				request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, paths[name], lines[kind])
				compare(t, name+", "+kind+", "+method, raw(t, n.url, request), raw(t, n.plain, request))
			}
		}
	}
	if st := n.lane.Stats(); st.Answered < st.HandedOver {
		t.Errorf("the lane answered little: %+v", st)
	}
}

// compare holds an answer of the lane to that of net/http. The second between the two may show in times.
func compare(t *testing.T, what string, got, want reply) {
	t.Helper()
	if got.status != want.status || got.body != want.body {
		t.Errorf("%s: %d with %d bytes, net/http %d with %d", what, got.status, len(got.body), want.status, len(want.body))
	}
	for _, h := range []http.Header{got.header, want.header} {
		if id := h.Get("X-Request-Id"); len(id) == 26 {
			h.Set("X-Request-Id", "made here")
		}
		if _, err := http.ParseTime(h.Get("Date")); err == nil {
			h.Set("Date", "a time")
		}
		if c := h.Get("Cache-Control"); strings.Contains(c, "max-age=") {
			before, age, _ := strings.Cut(c, "max-age=")
			h.Set("Cache-Control", before+"max-age="+strings.TrimLeft(age, "0123456789"))
		}
		if c := h.Get("Cdn-Cache-Control"); c != "" {
			h.Set("Cdn-Cache-Control", strings.TrimRight(c, "0123456789"))
		}
	}
	for name := range maps.Keys(want.header) {
		if !slices.Equal(got.header[name], want.header[name]) {
			t.Errorf("%s: %s is %q, with net/http %q", what, name, got.header[name], want.header[name])
		}
	}
	for name := range maps.Keys(got.header) {
		if want.header[name] == nil {
			t.Errorf("%s: %s is %q, and net/http sends none", what, name, got.header[name])
		}
	}
}

// What dies, dies in the lane too, within the second that all links have (S0-36): contents in memory and open files
// are no way around.
func TestALinkDiesInTheLaneWhileItsFileIsInMemory(t *testing.T) {
	t.Parallel()
	for what, kill := range map[string]func(n *node) error{
		"deleted": func(n *node) error {
			refs := []objects.Ref{{Bucket: "papers", Key: "a.bin"}, {Bucket: "papers", Key: "a.png"}}
			_, err := n.index.Delete(t.Context(), refs, objects.Condition{})
			return err
		},
		"revoked": func(n *node) error { return n.index.RevokeLinks(t.Context(), "papers") },
		"expired": func(n *node) error { n.skew.Store(int64(3 * time.Hour)); return nil },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			n := newSite(t, onDisk(t)).node(t)
			n.put(t, "papers", "a.bin", "application/zip", strings.Repeat("x", 200<<10))
			n.put(t, "papers", "a.png", "image/png", png)
			paths := []string{n.sign(t, "papers", "a.bin"), n.sign(t, "papers", "a.png")}
			for _, path := range slices.Repeat(paths, 2) {
				if r := n.get(t, path); r.status != http.StatusOK {
					t.Fatalf("%d %q", r.status, r.body)
				}
			}
			within(t, time.Second, "all were answered in the lane", func() bool {
				st := n.lane.Stats()
				return st.Answered == 4 && st.HandedOver == 0
			})
			if err := kill(n); err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				within(t, time.Second, path+" is refused", func() bool { return n.get(t, path).status == http.StatusForbidden })
			}
		})
	}
}
