package s3api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
	"holdfast/internal/web"
)

func TestMetadataIsBoundedJoinedAndCannotBreakALine(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-Amz-Meta-Color": {"red", "blue"}, "Content-Encoding": {"aws-chunked,gzip"}}
	got, err := storedHeaders(h)
	if err != nil || got.User["color"] != "red,blue" || got.ContentEncoding != "gzip" {
		t.Errorf("%+v %v", got, err)
	}
	f := func(code s3wire.Code, name, value string) {
		t.Helper()
		if _, err := storedHeaders(http.Header{name: {value}}); !isCode(err, code) {
			t.Errorf("%q: %v, want %s", name, err, code)
		}
	}
	f(s3wire.MetadataTooLarge, "X-Amz-Meta-A", strings.Repeat("x", 2048))
	f(s3wire.InvalidArgument, "X-Amz-Meta-A", "x\r\nSet-Cookie: a=b")
	f(s3wire.InvalidArgument, "X-Amz-Meta-A\r\nb", "x")
	f(s3wire.InvalidArgument, "Content-Disposition", "a\nb")
	f(s3wire.InvalidArgument, "Content-Type", "text/html\x00")
	if _, err := storedHeaders(http.Header{"X-Amz-Meta-A": {strings.Repeat("x", 2047)}}); err != nil {
		t.Errorf("2048 bytes: %v", err)
	}
}

// C-26: stored markup must not run as a page of this host.
func TestStoredMarkupIsSandboxedForBrowsersAndLinksCannotMakeAPageOfAPicture(t *testing.T) {
	t.Parallel()
	f := func(scheme s3wire.Scheme, stored, asked string, sandboxed, download bool) {
		t.Helper()
		c := &call{Recorder: web.NewRecorder(httptest.NewRecorder()), who: caller{scheme: scheme}, s: &Server{fixed: fixedHeaders{noSniff: []string{"nosniff"}}}}
		c.Header().Set("Content-Type", stored)
		over := http.Header{}
		if asked != "" {
			over.Set("Content-Type", asked)
		}
		c.guard(&objects.Object{Headers: objects.Headers{ContentType: stored}}, over)
		h := c.Header()
		if got := strings.Contains(h.Get("Content-Security-Policy"), "sandbox"); got != sandboxed {
			t.Errorf("%d %s as %q: sandbox %v", scheme, stored, asked, got)
		}
		if got := strings.HasPrefix(h.Get("Content-Disposition"), "attachment"); got != download {
			t.Errorf("%d %s as %q: download %v", scheme, stored, asked, got)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: browsers may guess", stored)
		}
	}
	f(s3wire.Anonymous, "text/html", "", true, false)
	f(s3wire.Anonymous, "image/svg+xml", "", true, false)
	f(s3wire.Anonymous, "image/png", "", false, false)
	f(s3wire.QueryV4, "text/html; charset=utf-8", "", true, false)
	f(s3wire.QueryV4, "image/png", "text/html", true, true)
	f(s3wire.QueryV4, "image/png", "image/jpeg", false, false)
	f(s3wire.HeaderV4, "text/html", "", false, false)
	if got := asDownload(`inline; filename="a.svg"`); got != `attachment; filename="a.svg"` {
		t.Errorf("disposition %s", got)
	}
}

func TestTagsKeepS3sLimits(t *testing.T) {
	t.Parallel()
	f := func(code s3wire.Code, header string) {
		t.Helper()
		_, err := headerTags(header)
		if code == "" && err != nil || code != "" && !isCode(err, code) {
			t.Errorf("%q: %v, want %q", header, err, code)
		}
	}
	f("", "a=b&c=d")
	f("", "a=&%C3%A4=x%20y")
	f(s3wire.InvalidArgument, "a=b&a=c")
	f(s3wire.InvalidArgument, "=b")
	f(s3wire.InvalidArgument, "a=%zz")
	f(s3wire.InvalidTag, "a=b%3Cscript%3E")
	f(s3wire.InvalidTag, strings.Repeat("k", 129)+"=v")
	f(s3wire.InvalidTag, "k="+strings.Repeat("v", 257))
	f(s3wire.BadRequest, "a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1")
}

func TestAHeaderInTheSignedQueryIsObeyedUnlessItIsAChecksum(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("PUT", "/b/k?x-amz-acl=private&X-Amz-Meta-A=1&x-amz-checksum-crc32=AAAAAA%3D%3D&X-Amz-Signature=s&x-amz-storage-class=GLACIER", nil)
	r.Header.Set("X-Amz-Storage-Class", "STANDARD")
	hoist(r, r.URL.Query())
	want := http.Header{"X-Amz-Acl": {"private"}, "X-Amz-Meta-A": {"1"}, "X-Amz-Storage-Class": {"STANDARD"}}
	if len(r.Header) != len(want) {
		t.Errorf("headers %v", r.Header)
	}
	for name := range want {
		if r.Header.Get(name) != want.Get(name) {
			t.Errorf("%s: %q", name, r.Header.Get(name))
		}
	}
}
