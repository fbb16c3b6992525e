package s3api_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/objects"
	"holdfast/internal/s3api"
	"holdfast/internal/s3api/s3apitest"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func contentMD5(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// S0-36 and the bad input list of the issue: what is not exactly what was signed is refused, and nothing is stored.
func TestATamperedRequestStoresNothing(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.mustBucket("other")
	f := func(name, code string, status int, tamper func(r *http.Request)) {
		t.Helper()
		r := c.request("PUT", "/bkt/k", "body", "X-Amz-Meta-A: 1")
		if _, err := c.signer().SignHeader(r, digest("body")); err != nil {
			t.Fatal(err)
		}
		tamper(r)
		if a := c.send(r); a.status != status || a.code() != code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.code(), status, code)
		}
	}
	body := func(s string) func(r *http.Request) {
		return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader(s)), int64(len(s)) }
	}
	f("other method", "SignatureDoesNotMatch", 403, func(r *http.Request) { r.Method = "POST"; r.URL.RawQuery = "uploads" })
	f("other key", "SignatureDoesNotMatch", 403, func(r *http.Request) { r.URL.Path = "/bkt/other" })
	f("other bucket", "SignatureDoesNotMatch", 403, func(r *http.Request) { r.URL.Path = "/other/k" })
	f("other host", "SignatureDoesNotMatch", 403, func(r *http.Request) { r.Host = "evil.example.com" })
	f("other query", "SignatureDoesNotMatch", 403, func(r *http.Request) { r.URL.RawQuery = "x-id=PutObject" })
	f("other metadata", "SignatureDoesNotMatch", 403, func(r *http.Request) { r.Header.Set("X-Amz-Meta-A", "2") })
	f("unsigned metadata", "AccessDenied", 403, func(r *http.Request) { r.Header.Set("X-Amz-Meta-B", "2") })
	f("unsigned acl", "AccessDenied", 403, func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") })
	f("other body", "XAmzContentSHA256Mismatch", 400, body("bodY"))
	f("longer body", "XAmzContentSHA256Mismatch", 400, body("body and more"))
	f("shorter body", "XAmzContentSHA256Mismatch", 400, body("bod"))
	f("no signature", "AuthorizationHeaderMalformed", 400, func(r *http.Request) {
		r.Header.Set("Authorization", strings.Split(r.Header.Get("Authorization"), ", Signature=")[0])
	})
	f("other signature", "SignatureDoesNotMatch", 403, func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
	})
	f("unknown key", "InvalidAccessKeyId", 403, func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), c.key.ID, "AKIDOFNOBODYATALL000", 1))
	})
	f("no proof at all", "AccessDenied", 403, func(r *http.Request) { r.Header.Del("Authorization") })
	c.holds("bkt")
	c.holds("other")
}

// Clock skew and expiry.
func TestSignaturesHaveTheirTime(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.at(-14*time.Minute).mustPut("/bkt/late", "x")
	c.at(14*time.Minute).mustPut("/bkt/early", "x")
	c.at(-16*time.Minute).do("PUT", "/bkt/k", "x").want(t, 403, "RequestTimeTooSkewed")
	c.at(16*time.Minute).do("PUT", "/bkt/k", "x").want(t, 403, "RequestTimeTooSkewed")
	expired := c.at(-2*time.Minute).presign("PUT", "/bkt/k", time.Minute)
	c.open("PUT", expired, "x").want(t, 403, "AccessDenied")
	c.holds("bkt", "early", "late")
}

// A link is for one method, one object, one place and one time, and every part of it counts.
func TestALinkIsGoodForNothingElse(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.mustBucket("other")
	c.mustPut("/bkt/k", "stored")
	link := c.presign("GET", "/bkt/k?response-content-type=text%2Fplain", time.Minute)
	if a := c.open("GET", link, ""); a.status != 200 || a.body != "stored" {
		t.Fatalf("%+v", a)
	}
	for _, method := range []string{"PUT", "DELETE", "HEAD"} {
		if a := c.open(method, link, ""); a.status != 403 {
			t.Errorf("%s: %d", method, a.status)
		}
	}
	f := func(old, replacement, code string) {
		t.Helper()
		c.open("GET", strings.Replace(link, old, replacement, 1), "").want(t, 403, code)
	}
	f("/bkt/k", "/bkt/k2", "SignatureDoesNotMatch")
	f("/bkt/k", "/other/k", "SignatureDoesNotMatch")
	f("text%2Fplain", "text%2Fhtml", "SignatureDoesNotMatch")
	f("X-Amz-Expires=60", "X-Amz-Expires=600", "SignatureDoesNotMatch")
	f("response-content-type", "x&response-content-disposition=a&response-content-type", "SignatureDoesNotMatch")
	if a := c.open("POST", c.presign("POST", "/bkt?delete", time.Minute), "<Delete/>"); a.status != 400 {
		t.Errorf("a list to delete without a digest: %d %s", a.status, a.code())
	}
	c.holds("bkt", "k")
}

// Length, digest and checksum in every form that clients send them.
func TestABodyThatIsNotWhatWasAnnouncedStoresNothing(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	f := func(code string, headers ...string) {
		t.Helper()
		c.do("PUT", "/bkt/k", "body", headers...).want(t, 400, code)
	}
	f("BadDigest", "Content-Md5: "+contentMD5("other"))
	f("InvalidDigest", "Content-Md5: nonsense")
	f("BadDigest", "X-Amz-Checksum-Crc32: AAAAAA==")
	f("BadDigest", "X-Amz-Checksum-Crc32c: AAAAAA==")
	f("BadDigest", "X-Amz-Checksum-Crc64nvme: AAAAAAAAAAA=")
	f("BadDigest", "X-Amz-Checksum-Sha1: "+base64.StdEncoding.EncodeToString(make([]byte, 20)))
	f("BadDigest", "X-Amz-Checksum-Sha256: "+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	f("InvalidRequest", "X-Amz-Checksum-Crc32: short")
	f("InvalidRequest", "X-Amz-Checksum-Crc32: AAAAAA==", "X-Amz-Checksum-Crc32c: AAAAAA==")
	for _, sum := range []string{"deadbeef", strings.Repeat("z", 64), "STREAMING-NONSENSE"} {
		r := c.request("PUT", "/bkt/k", "body")
		if _, err := c.signer().SignHeader(r, sum); err == nil {
			c.send(r).want(t, 400, "InvalidArgument")
		}
	}
	c.holds("bkt")
}

// E-15: the limits of a bucket, told before or while the body comes.
func TestWhatABucketDoesNotAllowIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	err := e.Index.CreateBucket(t.Context(), objects.Bucket{Name: "small", Owner: "config", MaxSize: 100, MaxObjects: 2, AllowedTypes: []string{"image/*", "text/plain"}})
	if err != nil {
		t.Fatal(err)
	}
	c.mustPut("/small/a.txt", "plain text")
	f := func(a answer, status int, code, limit string) {
		t.Helper()
		a.want(t, status, code)
		if got := a.element("Limit"); got != limit {
			t.Errorf("%s names the limit %q, want %q\n%s", code, got, limit, a.body)
		}
	}
	f(c.do("PUT", "/small/large", strings.Repeat("x", 101)), 413, "EntityTooLarge", "max_size")
	f(c.do("PUT", "/small/fake.png", "%PDF-1.7\n", "Content-Type: image/png"), 403, "AccessDenied", "types")
	c.mustPut("/small/b.txt", "more text")
	f(c.do("PUT", "/small/c.txt", "text"), 403, "QuotaExceeded", "max_objects")
	c.holds("small", "a.txt", "b.txt")
}

func TestWhatS3DoesNotAllowIsRefused(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.do("PUT", "/absent/k", "x").want(t, 404, "NoSuchBucket")
	c.do("PUT", "/bkt/"+strings.Repeat("k", 1025), "x").want(t, 400, "KeyTooLongError")
	c.do("PUT", "/bkt/a%00b", "x").want(t, 400, "InvalidURI")
	c.do("PUT", "/bkt/%ff%fe", "x").want(t, 400, "InvalidURI")
	c.do("PUT", "/bkt/k", "x", "X-Amz-Meta-A: "+strings.Repeat("v", 2048)).want(t, 400, "MetadataTooLarge")
	c.do("PUT", "/bkt/k", "x", "X-Amz-Server-Side-Encryption: AES256").want(t, 501, "NotImplemented")
	c.do("PUT", "/bkt/k", "x", "X-Amz-Website-Redirect-Location: x").want(t, 400, "InvalidRedirectLocation")
	c.do("PUT", "/bkt/k", "x", "X-Amz-Object-Lock-Legal-Hold: ON").want(t, 400, "InvalidRequest")
	c.do("PUT", "/bkt/k", "x", "X-Amz-Storage-Class: NONSENSE").want(t, 400, "InvalidStorageClass")
	c.do("PUT", "/bkt/k", "x", "X-Amz-Acl: public-read-write").want(t, 400, "AccessControlListNotSupported")
	c.do("PUT", "/bkt/k", "x", "X-Amz-Grant-Read: id=1").want(t, 400, "AccessControlListNotSupported")
	c.do("PUT", "/bkt/k", "x", "X-Holdfast-Expires-In: soon").want(t, 400, "InvalidArgument")
	c.do("PUT", "/bkt/k?policy", "{}").want(t, 501, "NotImplemented")
	c.do("PUT", "/bkt/k?brand-new", "{}").want(t, 501, "NotImplemented")
	c.do("PUT", "/bkt?policy", "{}").want(t, 501, "NotImplemented")
	c.do("PUT", "/Bad_Name", "").want(t, 400, "InvalidBucketName")
	c.do("PUT", "/192.168.1.1", "").want(t, 400, "InvalidBucketName")
	c.do("PUT", "/bkt?cors", "<CORSConfiguration>").want(t, 400, "MalformedXML")
	c.do("PUT", "/bkt?versioning", "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>").want(t, 400, "MalformedXML")
	c.do("POST", "/bkt?delete", "<Delete>"+strings.Repeat("<Object><Key>k</Key></Object>", 1001)+"</Delete>").want(t, 400, "MalformedXML")
	c.holds("bkt")
}

// An upload that comes too slowly is cut off.
func TestASlowBodyIsCutOffAndStoresNothing(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{
		Config:  func(c *s3api.Config) { c.MinRate = 1 << 20 },
		Prepare: func(s *s3api.Server) { s3api.SetPace(s, 50*time.Millisecond) },
	})
	c := newClient(t, e)
	c.mustBucket("bkt")
	r := c.request("PUT", "/bkt/k", "")
	r.ContentLength = 1 << 20
	if _, err := c.signer().SignHeader(r, "UNSIGNED-PAYLOAD"); err != nil {
		t.Fatal(err)
	}
	pipe, w := io.Pipe()
	defer w.Close()
	r.Body = pipe
	go func() { _, _ = w.Write([]byte("a little")) }() // the pipe's end ends it
	c.send(r).want(t, 400, "RequestTimeout")
	c.holds("bkt")
}

func TestTheBytesOfUploadsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{Config: func(c *s3api.Config) { c.MaxInFlight = 1000 }})
	c := newClient(t, e)
	c.mustBucket("bkt")
	r := c.request("PUT", "/bkt/first", "")
	r.ContentLength = 900
	if _, err := c.signer().SignHeader(r, "UNSIGNED-PAYLOAD"); err != nil {
		t.Fatal(err)
	}
	pipe, w := io.Pipe()
	r.Body = pipe
	done := make(chan answer, 1)
	go func() { done <- c.send(r) }()
	if _, err := w.Write([]byte("x")); err != nil { // the endpoint reads, so it has counted the upload
		t.Fatal(err)
	}
	c.waitInFlight(900)
	c.do("PUT", "/bkt/second", strings.Repeat("x", 200)).want(t, 503, "SlowDown")
	c.mustPut("/bkt/third", "small")
	if _, err := w.Write([]byte(strings.Repeat("x", 899))); err != nil {
		t.Fatal(err)
	}
	w.Close()
	first := <-done
	first.want(t, 200, "")
	if n := e.Server.Status().InFlight; n != 0 {
		t.Errorf("%d bytes still in flight", n)
	}
	c.holds("bkt", "first", "third")
}
