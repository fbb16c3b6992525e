package files_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/files"
	"holdfast/internal/unit"
)

// A picture that is one: the first bytes decide.
const png = "\x89PNG\x0D\x0A\x1A\x0A\x00\x00\x00\x0DIHDR picture"

// S0-36, S0-33: a signed link shows the file, with every header that makes it harmless.
func TestALinkServesItsFileWithSafeHeaders(t *testing.T) {
	t.Parallel()
	n := newSite(t, onDisk(t)).node(t)
	o := n.put(t, "papers", "2026/Übersicht 1.png", "image/png", png)
	path := n.sign(t, "papers", "2026/Übersicht 1.png")
	r := n.get(t, path)
	if r.status != http.StatusOK || r.body != png {
		t.Fatalf("%d %q", r.status, r.body)
	}
	for name, want := range map[string]string{
		"Content-Type":                 "image/png",
		"Content-Disposition":          `inline; filename="_bersicht 1.png"; filename*=UTF-8''%C3%9Cbersicht%201.png`,
		"Content-Security-Policy":      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Resource-Policy": "same-site",
		"Etag":                         `"` + o.ETag + `"`,
		"Accept-Ranges":                "bytes",
		"Content-Length":               "24",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := r.header.Get("Repr-Digest"); !strings.HasPrefix(got, "sha-256=:") || len(got) != 54 {
		t.Errorf("Repr-Digest: %q", got)
	}
	if _, err := http.ParseTime(r.header.Get("Last-Modified")); err != nil {
		t.Error(err)
	}
	head := n.do(t, http.MethodHead, path, nil)
	if head.status != http.StatusOK || head.body != "" || head.header.Get("Content-Length") != "24" ||
		head.header.Get("Etag") != r.header.Get("Etag") {
		t.Errorf("HEAD: %+v", head)
	}
}

// The cache of a browser or CDN never outlives the link, and only links that say so may be shared (S1-33, S1-47, S1-74).
func TestCachesKeepAFileOnlyWhileItsLinkLives(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "a.png", "image/png", png)
	hour := unit.Duration(time.Hour)
	private := n.get(t, n.sign(t, "papers", "a.png", func(r *files.SignLinkRequest) { r.TTL = hour })).header
	age := maxAge(t, private.Get("Cache-Control"), "private, ", ", immutable")
	if age < 3590 || age > 3600+900 || private.Get("CDN-Cache-Control") != "" {
		t.Errorf("private: %v", private)
	}
	shared := n.get(t, n.sign(t, "papers", "a.png", func(r *files.SignLinkRequest) { r.TTL, r.Shared = hour, true })).header
	maxAge(t, shared.Get("Cache-Control"), "public, ", ", immutable")
	maxAge(t, shared.Get("CDN-Cache-Control"), "public, ", "")
}

func maxAge(t *testing.T, value, before, after string) int {
	t.Helper()
	text, ok := strings.CutPrefix(value, before+"max-age=")
	text, ok2 := strings.CutSuffix(text, after)
	n, err := unit.ParseDuration(text)
	if !ok || !ok2 || err != nil {
		t.Fatalf("cache control %q", value)
	}
	return int(n.D().Seconds())
}

// S0-36: each alteration is 403 with one body; an expired link says so; what is no link is 404.
func TestEveryDeadLinkIsRefusedAlike(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "a.png", "image/png", png)
	path := n.sign(t, "papers", "a.png")
	other := n.put(t, "papers", "b.png", "image/png", png)
	gone := n.sign(t, "papers", "b.png")
	n.put(t, "papers", "b.png", "image/png", png+"2") // replaced: its old link dies
	within(t, time.Second, "link to a replaced file dies", func() bool { return n.get(t, gone).status == http.StatusForbidden })
	parts := strings.Split(path, "/") // "", m, token, blob, name
	token := strings.Split(parts[2], ".")
	join := func(kid, exp, flags, sig, blob, name string) string {
		return "/m/" + strings.Join([]string{kid, exp, flags, sig}, ".") + "/" + blob + "/" + name
	}
	kid, exp, flags, sig, blob := token[0], token[1], token[2], token[3], parts[3]
	want := n.get(t, join(kid, exp, flags, strings.Repeat("A", 22), blob, "a.png"))
	if want.status != http.StatusForbidden || want.header.Get("X-Holdfast-Error") != "link_refused" {
		t.Fatalf("%+v", want)
	}
	refused := map[string]reply{
		"replaced":        n.get(t, gone),
		"altered name":    n.get(t, join(kid, exp, flags, sig, blob, "b.png")),
		"altered time":    n.get(t, join(kid, exp[:len(exp)-1]+"1", flags, sig, blob, "a.png")),
		"altered flags":   n.get(t, join(kid, exp, "a", sig, blob, "a.png")),
		"nonsense flags":  n.get(t, join(kid, exp, "zz", sig, blob, "a.png")),
		"other blob":      n.get(t, join(kid, exp, flags, sig, other.Blob.String(), "a.png")),
		"unknown blob":    n.get(t, join(kid, exp, flags, sig, strings.Repeat("0", 32), "a.png")),
		"unknown key":     n.get(t, join("zzzzzzzz", exp, flags, sig, blob, "a.png")),
		"truncated":       n.get(t, join(kid, exp, flags, sig[:21], blob, "a.png")),
		"extended":        n.get(t, join(kid, exp, flags, sig+"A", blob, "a.png")),
		"upload instead":  n.do(t, http.MethodPut, path, strings.NewReader("x")),
		"delete instead":  n.do(t, http.MethodDelete, path, nil),
		"upload's prefix": n.get(t, "/u/"+strings.Join(parts[2:], "/")),
	}
	for name, got := range refused {
		if name == "upload's prefix" { // answered as an upload is, in JSON
			if got.status != http.StatusForbidden || got.code(t) != "link_refused" {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		same(t, name, got, want)
	}
	expired, err := n.SignExpiredLink(t.Context(), files.SignLinkRequest{Bucket: "papers", Key: "a.png"})
	if err != nil {
		t.Fatal(err)
	}
	if r := n.get(t, expired.Path); r.status != http.StatusForbidden || r.header.Get("X-Holdfast-Error") != "link_expired" {
		t.Errorf("expired: %+v", r)
	}
	if r := n.get(t, path); r.status != http.StatusOK {
		t.Errorf("the genuine link: %+v", r)
	}
}

// same checks that two answers cannot be told apart, but for what every answer has of its own.
func same(t *testing.T, name string, got, want reply) {
	t.Helper()
	for _, h := range []http.Header{got.header, want.header} {
		h.Del("Date")
		h.Del("X-Request-Id")
	}
	if got.status != want.status || got.body != want.body || len(got.header) != len(want.header) {
		t.Errorf("%s can be told from others: %+v, want %+v", name, got, want)
	}
	for k := range want.header {
		if got.header.Get(k) != want.header.Get(k) {
			t.Errorf("%s: %s is %q, want %q", name, k, got.header.Get(k), want.header.Get(k))
		}
	}
}

// S0-38: any process serves what any other stored, at once, and a link dies on every process within a second after its
// file is deleted or replaced, its key revoked or the bucket's epoch raised.
func TestLinksLiveAndDieOnEveryProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t, onDisk(t))
	a, b := s.node(t), s.node(t)
	kill := map[string]func(t *testing.T, bucket string){
		"deleted": func(t *testing.T, bucket string) {
			must[files.DeleteObjectsAnswer](t, a, "/v1/files/object/delete", files.DeleteObjectsRequest{Bucket: bucket, Keys: []string{"x.png"}})
		},
		"replaced": func(t *testing.T, bucket string) { a.put(t, bucket, "x.png", "image/png", png+"new") },
		"revoked": func(t *testing.T, bucket string) {
			keys := must[files.ListLinkKeysAnswer](t, a, "/v1/files/linkkey/list", files.ListLinkKeysRequest{Bucket: bucket})
			must[files.Empty](t, a, "/v1/files/linkkey/revoke", files.RevokeLinkKeyRequest{ID: keys.Keys[0].ID})
		},
		"epoch": func(t *testing.T, bucket string) {
			must[files.Empty](t, a, "/v1/files/linkkey/revoke-all", files.RevokeLinksRequest{Bucket: bucket})
		},
	}
	for name, end := range kill {
		t.Run(name, func(t *testing.T) {
			bucket := "bucket-" + name
			must[files.BucketInfo](t, a, "/v1/files/bucket/create", files.CreateBucketRequest{Name: bucket})
			a.put(t, bucket, "x.png", "image/png", png)
			path := a.sign(t, bucket, "x.png")
			for _, n := range []*node{a, b} {
				if r := n.get(t, path); r.status != http.StatusOK || r.body != png {
					t.Fatalf("before: %+v", r)
				}
			}
			end(t, bucket)
			for _, n := range []*node{a, b} {
				within(t, time.Second, "the link dies", func() bool { return n.get(t, path).status == http.StatusForbidden })
			}
		})
	}
}

// S0-36: after a rotation old links live until they expire, and new ones are made with the new key.
func TestAfterARotationOldLinksLiveOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.node(t), s.node(t)
	a.put(t, "papers", "x.png", "image/png", png)
	old := a.sign(t, "papers", "x.png")
	rotated := must[files.LinkKeyInfo](t, a, "/v1/files/linkkey/rotate", files.RotateLinkKeyRequest{Bucket: "papers"})
	within(t, 10*time.Second, "the new key signs", func() bool {
		return strings.HasPrefix(a.sign(t, "papers", "x.png"), "/m/"+rotated.ID+".")
	})
	fresh := a.sign(t, "papers", "x.png")
	for _, n := range []*node{a, b} {
		for _, path := range []string{old, fresh} {
			if r := n.get(t, path); r.status != http.StatusOK {
				t.Errorf("%s: %+v", path, r)
			}
		}
	}
}

// A helper in the application may hold the key, but not give a link a longer life than the configuration allows.
func TestALinkThatWouldLiveTooLongIsRefused(t *testing.T) {
	t.Parallel()
	n := newSite(t, func(s *site) { s.config.LinkMaxTTL = s.config.LinkTTL }).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	path := n.sign(t, "papers", "x.png")
	if r := n.get(t, path); r.status != http.StatusOK {
		t.Fatalf("%+v", r)
	}
	n.skew.Store(int64(-2 * time.Hour)) // seen from two hours ago, the link lives for three
	if r := n.get(t, path); r.header.Get("X-Holdfast-Error") != "link_refused" {
		t.Errorf("%+v", r)
	}
	n.skew.Store(int64(2 * time.Hour))
	if r := n.get(t, path); r.header.Get("X-Holdfast-Error") != "link_expired" {
		t.Errorf("%+v", r)
	}
}

// S3-26: a job gets a working absolute URL with no request in hand; the query form serves under the object's own path
// (S1-74, C-07).
func TestLinksAreAbsoluteAndAlsoWorkBesideTheObjectsPath(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "2026/v 1.png", "image/png", png)
	n.put(t, "papers", "2026/v2.png", "image/png", png)
	a, err := n.SignLink(t.Context(), files.SignLinkRequest{Bucket: "papers", Key: "2026/v 1.png", Name: "Other.png"})
	if err != nil {
		t.Fatal(err)
	}
	if a.URL != "https://files.example.com"+a.Path {
		t.Errorf("URL %s, path %s", a.URL, a.Path)
	}
	if r := n.get(t, "/media/papers/2026/v%201.png?hf="+a.Query); r.status != http.StatusOK || r.body != png {
		t.Errorf("%+v", r)
	}
	for _, wrong := range []string{
		"/media/papers/2026/v2.png?hf=" + a.Query, "/media/open/2026/v%201.png?hf=" + a.Query, "/media/papers/v%201.png?hf=" + a.Query,
	} {
		if r := n.get(t, wrong); r.header.Get("X-Holdfast-Error") != "link_refused" {
			t.Errorf("%s: %+v", wrong, r)
		}
	}
}

// S0-35, E-12, S1-74, threat "guessing": without proof there is one answer, whether the file exists or not.
func TestWithoutProofEverythingIsTheSame404(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	o := n.put(t, "papers", "secret.pdf", "application/pdf", "%PDF-1.4")
	want := n.get(t, "/media/papers/missing.pdf")
	if want.status != http.StatusNotFound {
		t.Fatalf("%+v", want)
	}
	id := o.Blob.String()
	for _, path := range []string{
		"/media/papers/secret.pdf", "/media/nobucket/secret.pdf", "/media/open/secret.pdf", "/media/papers", "/media/papers/",
		"/media/", "/media/PAPERS/secret.pdf", "/media/papers/secret.pdf?hf=x", "/media/papers/secret.pdf?hf=",
		"/m/" + id, "/m/" + id + "/secret.pdf", "/m/x/" + id + "/secret.pdf", "/m/", "/m/a.b.c/" + id + "/secret.pdf",
		"/m/blobs/" + id[:2] + "/" + id, "/media/blobs/" + id[:2] + "/" + id, "/m/%2e%2e/%2e%2e/etc/passwd",
		"/media/papers/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/media/papers/%00",
	} {
		same(t, path, n.get(t, path), want)
	}
}

// C-07, S1-33: a bucket is public only if it says so; then its objects have cache headers and validators.
func TestAPublicBucketIsServedWithoutProof(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "open", "a/b c.png", "image/png", png)
	r := n.get(t, "/media/open/a/b%20c.png")
	if r.status != http.StatusOK || r.body != png || r.header.Get("Cache-Control") != "public, max-age=300" {
		t.Fatalf("%+v", r)
	}
	if r.header.Get("Content-Security-Policy") == "" || r.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("%v", r.header)
	}
	if r := n.get(t, "/media/open/a/b%20c.png", "If-None-Match", r.header.Get("Etag")); r.status != http.StatusNotModified {
		t.Errorf("%+v", r)
	}
	if got := n.PublicURL("open", "a/b c.png"); got != "https://files.example.com/media/open/a/b%20c.png" {
		t.Error(got)
	}
	n.put(t, "open", "a/b c.png", "image/png", png+"2")
	if r := n.get(t, "/media/open/a/b%20c.png"); r.body != png+"2" {
		t.Errorf("after an overwrite: %+v", r)
	}
}

// E-29: the token does not depend on where the bytes lie.
func TestLinksWorkOverAnyStore(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	big := strings.Repeat("0123456789abcdef", 20<<10) // 320 KB: not kept in memory, read from the store
	n.put(t, "papers", "big.bin", "application/zip", big)
	path := n.sign(t, "papers", "big.bin")
	if r := n.get(t, path); r.status != http.StatusOK || r.body != big {
		t.Errorf("%d, %d bytes", r.status, len(r.body))
	}
	if r := n.get(t, path, "Range", "bytes=16-31"); r.status != http.StatusPartialContent || r.body != "0123456789abcdef" {
		t.Errorf("%+v", r)
	}
}
