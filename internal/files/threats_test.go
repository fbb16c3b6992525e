package files_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/files"
)

// One test for each line of the threat table (docs/security.md) that the other files of this package do not prove:
//
//	guessing                  TestWithoutProofEverythingIsTheSame404
//	one object for another    TestEveryDeadLinkIsRefusedAlike, TestALinkOfOneBucketIsNothingInAnother
//	type chosen by the client TestOnlyHarmlessTypesThatLookLikeItAreShown
//	oversize, slow            TestAnUploadIsHeldToItsLimits, TestAnUploadBelowTheLeastRateIsCutOff
//	key theft                 TestAnOrdinaryRoleCanNeitherReadKeysNorSign, TestALinkOfOneBucketIsNothingInAnother

// Threat "replay, sharing": a bound link works only with the cookie of its session.
func TestABoundLinkWorksOnlyInItsSession(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	path := n.sign(t, "papers", "x.png", func(r *files.SignLinkRequest) { r.Session = "s3cr3t" })
	if r := n.get(t, path, "Cookie", "other=1; sid=s3cr3t"); r.status != http.StatusOK ||
		r.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("own session: %+v", r)
	}
	for _, cookie := range []string{"", "sid=stolen", "sid=", "SID=s3cr3t"} {
		if r := n.get(t, path, "Cookie", cookie); r.header.Get("X-Holdfast-Error") != "link_refused" {
			t.Errorf("cookie %q: %+v", cookie, r)
		}
	}
}

// Threat "leak by Referer, log, history": the pages of files send no Referer, and no log line holds a token.
func TestTokensDoNotLeakIntoTheLog(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	path := n.sign(t, "papers", "x.png")
	slot := slotFor(t, n, "papers", "y.png")
	n.get(t, path)
	n.get(t, path+"x")
	n.do(t, http.MethodPut, slot, strings.NewReader(png))
	n.do(t, http.MethodPut, slot, strings.NewReader(png))
	log := n.log.String()
	if !strings.Contains(log, "route=/m/") || !strings.Contains(log, "route=/u/") {
		t.Fatalf("requests are not in the log:\n%s", log)
	}
	for _, secret := range []string{strings.Split(path, "/")[2], strings.Split(slot, "/")[2]} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the token %s", secret)
		}
	}
}

// Threat "signed for one object, used on another", "key theft": a key serves one bucket.
func TestALinkOfOneBucketIsNothingInAnother(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	other := n.put(t, "open", "x.png", "image/png", png)
	key := must[files.LinkKeyInfo](t, n, "/v1/files/linkkey/reveal", files.RevealLinkKeyRequest{Bucket: "papers"})
	path := helperLink(t, key.Text, other.Blob.String(), "x.png")
	if r := n.get(t, path); r.header.Get("X-Holdfast-Error") != "link_refused" {
		t.Errorf("the key of papers opens the bucket open: %+v", r)
	}
}

// Threat "range and cache poisoning", RFC 9110 sections 13 and 14.
func TestRangesAndConditionsKeepTheRFC(t *testing.T) {
	t.Parallel()
	n := newSite(t, onDisk(t)).node(t)
	large := strings.Repeat("0123456789", 30_000) // from the disk
	for name, body := range map[string]string{"small": "0123456789", "large": large} {
		n.put(t, "papers", name, "application/zip", body)
		path := n.sign(t, "papers", name)
		whole := n.get(t, path)
		etag, modified := whole.header.Get("Etag"), whole.header.Get("Last-Modified")
		f := func(wantStatus int, wantBody string, headers ...string) {
			t.Helper()
			r := n.get(t, path, headers...)
			if r.status != wantStatus || r.body != wantBody {
				t.Errorf("%s, %v: %d with %d bytes", name, headers, r.status, len(r.body))
			}
			if r.header.Get("Content-Security-Policy") == "" || r.status == http.StatusNotModified && r.header.Get("Cache-Control") == "" {
				t.Errorf("%s, %v: %v", name, headers, r.header)
			}
		}
		f(206, "123", "Range", "bytes=1-3")
		f(206, "89", "Range", "bytes=-2")
		f(206, "123", "Range", "bytes=1-3", "If-Range", etag)
		f(200, body, "Range", "bytes=1-3", "If-Range", `"other"`)
		f(200, body, "Range", "bytes=1-3", "If-Range", "W/"+etag) // a weak validator does not do
		f(304, "", "If-None-Match", etag)
		f(304, "", "If-None-Match", `"a", W/`+etag)
		f(304, "", "If-None-Match", "*")
		f(304, "", "If-Modified-Since", modified)
		f(200, body, "If-None-Match", `"other"`, "If-Modified-Since", modified) // the first one decides
		f(412, "", "If-Match", `"other"`)
		f(200, body, "Range", "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8") // too many parts: the whole
		multi := n.get(t, path, "Range", "bytes=0-0,2-2")
		if multi.status != 206 || !strings.HasPrefix(multi.header.Get("Content-Type"), "multipart/byteranges") {
			t.Errorf("%s: two ranges: %+v", name, multi)
		}
		beyond := n.get(t, path, "Range", "bytes="+strconv.Itoa(len(body))+"-")
		if beyond.status != 416 || beyond.header.Get("Content-Range") != "bytes */"+strconv.Itoa(len(body)) {
			t.Errorf("%s: beyond the end: %+v", name, beyond.header)
		}
	}
}

// Threat "cache deception": the extension that a visitor appends decides nothing.
func TestCachingComesFromTheLinkAndNotFromTheExtension(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "account", "text/plain", "secret")
	path := n.sign(t, "papers", "account", func(r *files.SignLinkRequest) { r.Name = "style.css" })
	if r := n.get(t, path); !strings.HasPrefix(r.header.Get("Cache-Control"), "private,") || r.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%v", r.header)
	}
	if r := n.get(t, path+"/x.css"); r.status != http.StatusNotFound || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%+v", r)
	}
}

// Threat "HTML, SVG, PDF script" (S0-39, C-26): what could run is saved as bytes; a bucket of the application's own pages
// shows them in a sandbox that may load only from where the configuration says.
func TestWhatCouldRunIsSavedUnlessTheBucketShowsPages(t *testing.T) {
	t.Parallel()
	n := newSite(t, func(s *site) {
		s.config.Buckets["pages"] = files.BucketConfig{Inline: []string{"text/html"}, Resources: []string{"https://app.example.com"}}
	}).node(t)
	page := "<!DOCTYPE html><script>alert(1)</script>"
	for _, bucket := range []string{"papers", "pages"} {
		n.put(t, bucket, "x.html", "text/html; charset=utf-8", page)
	}
	r := n.get(t, n.sign(t, "papers", "x.html"))
	if r.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment;") ||
		!strings.Contains(r.header.Get("Content-Security-Policy"), "; sandbox") {
		t.Errorf("an upload: %v", r.header)
	}
	r = n.get(t, n.sign(t, "pages", "x.html"))
	policy := r.header.Get("Content-Security-Policy")
	if r.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(r.header.Get("Content-Disposition"), "inline;") ||
		!strings.Contains(policy, "script-src https://app.example.com;") || !strings.HasSuffix(policy, "sandbox allow-scripts") {
		t.Errorf("a page of the application: %v", r.header)
	}
	svg := `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	n.put(t, "open", "x.svg", "image/svg+xml", svg)
	if r := n.get(t, "/media/open/x.svg"); r.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("a drawing: %v", r.header)
	}
}

// Threat "path traversal": there is no path to traverse. Whatever is asked is compared as a key, and nothing answers.
func TestPathsLeadNowhere(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	for _, path := range []string{
		"/media/open/..%2f..%2f..%2fetc%2fpasswd", "/media/open/%2e%2e/%2e%2e/etc/passwd", "/media/open//etc/passwd",
		"/m/..%2f..%2f/x/etc", "/media/..%5c..%5copen/x", "/media/open/a%00b",
	} {
		r := n.get(t, path)
		for r.status/100 == 3 { // the mux cleans paths by redirect
			r = n.get(t, r.header.Get("Location"))
		}
		if r.status != http.StatusNotFound {
			t.Errorf("%s: %+v", path, r)
		}
	}
	slot := slotFor(t, n, "papers", "in/x.png")
	up := strings.Replace(slot, "/in/x.png", "/..%2fx.png", 1)
	if r := n.do(t, http.MethodPut, up, strings.NewReader(png)); r.status != http.StatusForbidden {
		t.Errorf("%+v", r)
	}
}

// Threat "zip bombs": nothing is unpacked, so nothing compressed is taken for what it holds.
func TestACompressedUploadIsRefused(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	slot := slotFor(t, n, "papers", "x.png")
	if r := n.do(t, http.MethodPut, slot, strings.NewReader(png), "Content-Encoding", "gzip"); r.status != http.StatusUnsupportedMediaType ||
		r.code(t) != "content_encoding" {
		t.Errorf("%+v", r)
	}
}

// Threat "hot-linking": other sites may embed only what is public or meant for them.
func TestOtherSitesMayEmbedOnlyWhatIsMeantForThem(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	n := newSite(t, func(s *site) { s.config.Buckets["shared"] = files.BucketConfig{Origins: []string{app}} }).node(t)
	for bucket, want := range map[string]string{"papers": "same-site", "shared": "cross-origin"} {
		n.put(t, bucket, "x.png", "image/png", png)
		path := n.sign(t, bucket, "x.png")
		r := n.get(t, path, "Origin", app)
		if r.header.Get("Cross-Origin-Resource-Policy") != want || (r.header.Get("Access-Control-Allow-Origin") == app) != (bucket == "shared") {
			t.Errorf("%s: %v", bucket, r.header)
		}
		if r := n.get(t, path, "Origin", "https://evil.example.org"); r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", bucket, r.header)
		}
	}
	path := n.sign(t, "shared", "x.png")
	r := n.do(t, http.MethodOptions, path, nil, "Origin", app, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "range")
	if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Origin") != app || r.header.Get("Access-Control-Allow-Headers") != "range" {
		t.Errorf("preflight: %+v", r)
	}
	if r := n.do(t, http.MethodOptions, path+"x", nil, "Origin", app, "Access-Control-Request-Method", "GET"); r.status != http.StatusForbidden {
		t.Errorf("preflight of an altered link: %+v", r)
	}
}

// S0-38, E-29, principle 2: the database is gone, valid links go on, everything else says so at once.
func TestWithoutTheDatabaseLinksGoOn(t *testing.T) {
	t.Parallel()
	s := newClusterSite(t)
	n := s.node(t)
	large := strings.Repeat("x", 200<<10)
	n.put(t, "papers", "small.png", "image/png", png)
	n.put(t, "papers", "large.bin", "application/zip", large)
	small, big := n.sign(t, "papers", "small.png"), n.sign(t, "papers", "large.bin")
	slot := slotFor(t, n, "papers", "new.png")
	s.db.Server.Stop(t)
	for path, want := range map[string]string{small: png, big: large} { // neither was read before
		if r := n.get(t, path); r.status != http.StatusOK || r.body != want {
			t.Errorf("%s: %d, %d bytes", path, r.status, len(r.body))
		}
	}
	if r := n.get(t, small+"x"); r.header.Get("X-Holdfast-Error") != "link_refused" {
		t.Errorf("an altered link: %+v", r)
	}
	start := time.Now()
	if r := n.get(t, "/media/open/x.png"); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("a public object: %+v", r)
	}
	if r := n.do(t, http.MethodPut, slot, strings.NewReader(png)); r.status != http.StatusServiceUnavailable || strings.Contains(r.body, "postgres") {
		t.Errorf("an upload: %+v", r)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("two refusals took %v", took)
	}
	s.db.Server.Start(t)
	within(t, 20*time.Second, "uploads work again", func() bool {
		return n.do(t, http.MethodPut, slot, strings.NewReader(png)).status == http.StatusCreated
	})
}

// A store that cannot be read is 503, not a refusal: the link is good.
func TestAStoreThatIsDownIsToldFromADeadLink(t *testing.T) {
	t.Parallel()
	store := &brokenStore{}
	n := newSite(t, store.wrap).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	path := n.sign(t, "papers", "x.png")
	store.down.Store(true)
	r := n.get(t, path)
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || strings.Contains(r.body, "blob") {
		t.Errorf("%+v", r)
	}
	store.down.Store(false)
	if r := n.get(t, path); r.status != http.StatusOK {
		t.Errorf("after: %+v", r)
	}
}

// A body that ends early must not look complete.
func TestAFileThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	store := &brokenStore{}
	n := newSite(t, store.wrap).node(t)
	n.put(t, "papers", "x.bin", "application/zip", strings.Repeat("x", 1<<20))
	path := n.sign(t, "papers", "x.bin")
	n.get(t, path)
	store.cut.Store(true)
	resp, err := http.Get(n.url + path) //nolint:noctx // the server ends with the test
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%d bytes of %d arrived without an error", len(b), resp.ContentLength)
	}
}
