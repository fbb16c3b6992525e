package s3api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/s3api/s3apitest"
)

// S0-30: reading whole, in part, and only when it is worth while.
func TestReadsObeyRangesAndConditions(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	etag := c.mustPut("/bkt/k", "0123456789", "Cache-Control: max-age=9").header.Get("Etag")
	f := func(status int, body, header string) {
		t.Helper()
		a := c.do("GET", "/bkt/k", "", header)
		if a.status != status || status < 300 && a.body != body {
			t.Errorf("%s: %d %q, want %d %q", header, a.status, a.body, status, body)
		}
		if h := c.do("HEAD", "/bkt/k", "", header); h.status != status || h.body != "" {
			t.Errorf("HEAD %s: %d %q", header, h.status, h.body)
		}
	}
	f(206, "234", "Range: bytes=2-4")
	f(206, "89", "Range: bytes=-2")
	f(206, "56789", "Range: bytes=5-")
	f(200, "0123456789", "Range: bytes=0-1,3-4")
	f(200, "0123456789", "Range: lines=0-1")
	f(416, "", "Range: bytes=10-")
	f(304, "", "If-None-Match: "+etag)
	f(200, "0123456789", `If-None-Match: "other"`)
	f(412, "", `If-Match: "other"`)
	f(200, "0123456789", "If-Match: "+etag)
	f(304, "", "If-Modified-Since: "+time.Now().UTC().Format(http.TimeFormat))
	f(412, "", "If-Unmodified-Since: "+time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	if a := c.do("GET", "/bkt/k", "", "Range: bytes=2-4", `If-Range: "other"`); a.status != 200 {
		t.Errorf("If-Range of another version: %d", a.status)
	}
	if a := c.do("GET", "/bkt/k", "", "If-None-Match: "+etag); a.header.Get("Cache-Control") != "max-age=9" || a.header.Get("Etag") != etag {
		t.Errorf("304 without what a cache needs: %v", a.header)
	}
	if a := c.do("GET", "/bkt/k", "", "Range: bytes=20-"); a.header.Get("Content-Range") != "bytes */10" {
		t.Errorf("416 without the size: %v", a.header)
	}
}

// Path tricks are keys like any other: they name nothing but themselves.
func TestOddKeysAreKeysAndNothingElse(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.mustBucket("other")
	c.mustPut("/other/secret", "secret")
	keys := []string{"../other/secret", "..", ".", "/", "//", "/etc/passwd", "a//b", "a/../b", "a/./b", "a b+c&d=e?f#g%h", "ä/ö", "a\\b", "con", "a\nb", "%2e%2e/x", "a?versionId=1", "trailing ", strings.Repeat("k", 1024)}
	for i, key := range keys {
		body := fmt.Sprintf("body %d", i)
		c.mustPut("/bkt/"+strings.ReplaceAll(escape(key), "+", "%2B"), body)
	}
	for i, key := range keys {
		if a := c.do("GET", "/bkt/"+strings.ReplaceAll(escape(key), "+", "%2B"), ""); a.body != fmt.Sprintf("body %d", i) {
			t.Errorf("%q: %d %q", key, a.status, a.body)
		}
	}
	list := c.do("GET", "/bkt?list-type=2&encoding-type=url", "")
	if n := strings.Count(list.body, "<Key>"); n != len(keys) {
		t.Errorf("%d keys listed, want %d", n, len(keys))
	}
	c.do("GET", "/bkt/..%2Fother%2Fsecret2", "").want(t, 404, "NoSuchKey")
	if a := c.do("GET", "/other/secret", ""); a.body != "secret" {
		t.Errorf("the other bucket's object: %d %q", a.status, a.body)
	}
}

// 100-continue comes after proof, permission and limits, not before.
func TestAClientThatWaitsForLeaveIsToldBeforeItSends(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	f := func(target, want string, tamper bool) {
		t.Helper()
		r := c.request("PUT", target, "", "Expect: 100-continue")
		r.ContentLength = 4
		if _, err := c.signer().SignHeader(r, "UNSIGNED-PAYLOAD"); err != nil {
			t.Fatal(err)
		}
		if tamper {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
		}
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", strings.TrimPrefix(e.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n", target, r.URL.Host)
		if err := r.Header.Write(conn); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Errorf("%s: %q %v, want %s", target, line, err, want)
		}
	}
	f("/bkt/k", "100 Continue", false)
	f("/bkt/k", "403 Forbidden", true)
	f("/absent/k", "404 Not Found", false)
}

// The life of one object, told as S3 tells of lifecycle rules.
func TestAnObjectWithALifeOfItsOwnEnds(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	put := c.mustPut("/bkt/k", "x", "X-Holdfast-Expires-In: 12h")
	at := put.header.Get("X-Amz-Expiration")
	if !strings.HasPrefix(at, `expiry-date="`) || at != c.do("HEAD", "/bkt/k", "").header.Get("X-Amz-Expiration") {
		t.Errorf("expiration %q", at)
	}
	c.mustPut("/bkt/short", "x", "X-Holdfast-Expires-In: 1s")
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		if a := c.do("GET", "/bkt/short", ""); a.status != http.StatusNotFound {
			return fmt.Errorf("the object lives on: %d", a.status)
		}
		return nil
	})
}

// A joined upload that takes long is answered bit by bit, and an error in it comes inside the 200.
func TestALongCompletionKeepsTheConnectionAlive(t *testing.T) {
	t.Parallel()
	store := &slowJoin{Store: s3apitest.Memory(), pause: 300 * time.Millisecond}
	e := s3apitest.Start(t, s3apitest.Options{Store: store, Prepare: keepAliveOften})
	c := newClient(t, e)
	c.mustBucket("bkt")
	complete := func(fail error) answer {
		t.Helper()
		store.fail.Store(&failure{fail})
		id := c.do("POST", "/bkt/k?uploads", "").element("UploadId")
		etag := c.mustPut("/bkt/k?partNumber=1&uploadId="+id, "part").header.Get("Etag")
		return c.do("POST", "/bkt/k?uploadId="+id, `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>`+etag+`</ETag></Part></CompleteMultipartUpload>`)
	}
	a := complete(nil)
	if a.status != 200 || a.element("ETag") == "" || !strings.Contains(a.body, "?>\n  ") {
		t.Errorf("%d %q", a.status, a.body)
	}
	a = complete(io.ErrClosedPipe)
	if a.status != 200 || a.code() != "InternalError" {
		t.Errorf("%d %q", a.status, a.body)
	}
	if a := c.do("GET", "/bkt/k", ""); a.body != "part" {
		t.Errorf("the object of the first completion: %q", a.body)
	}
}
