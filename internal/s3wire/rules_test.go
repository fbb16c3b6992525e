package s3wire

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestKeysThatS3Takes(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]Code{
		"a": "", "a/b//c/": "", "..": "", " ": "", "ü": "", strings.Repeat("k", 1024): "", "a\x01b": "",
		"": InvalidArgument, strings.Repeat("k", 1025): KeyTooLong, "\xff": InvalidURI, "a\x00b": InvalidURI,
	} {
		if err := CheckKey(key); codeOf(err) != want {
			t.Errorf("%.20q: %v, want %q", key, err, want)
		}
	}
}

func TestBucketNamesThatS3Takes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"abc", "a-b.c-d", "123", strings.Repeat("a", 63), "1.2.3"} {
		if err := CheckBucketName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "ab", strings.Repeat("a", 64), "Abc", "a_b", "-abc", "abc-", "a..b", "a.-b", "a-.b", ".abc", "abc.", "192.168.1.1",
		"xn--abc", "sthree-a", "abc-s3alias", "abc--ol-s3", "a/b", "a b", "äbc",
	} {
		if err := CheckBucketName(name); codeOf(err) != InvalidBucketName || !strings.Contains(fieldOf(err, "Reason"), "The name m") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// fieldOf returns an element of an error document.
func fieldOf(err error, name string) string {
	for _, f := range AsError(err).Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func TestCopySources(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]CopySource{
		"/bucket/key": {"bucket", "key", ""}, "bucket/key": {"bucket", "key", ""}, "bucket/a/b%20c%2Bd+e": {"bucket", "a/b c+d+e", ""},
		"bucket/key?versionId=v%2F1": {"bucket", "key", "v/1"}, "bucket/a?b": {"bucket", "a?b", ""}, "bucket%2Fkey": {"bucket", "key", ""},
		"bucket//key": {"bucket", "/key", ""}, "bucket/a%3FversionId=1": {"bucket", "a?versionId=1", ""},
	} {
		got, err := ParseCopySource(header)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", header, got, err)
		}
		if back, err := ParseCopySource(got.String()); err != nil || back != got {
			t.Errorf("%s: %s does not come back: %+v, %v", header, got, back, err)
		}
	}
	for header, text := range map[string]string{
		"": "bucket", "bucket": "key", "bucket/": "key", "/": "bucket", "Bad_/k": "bucket", "bucket/%zz": "encoding", "bucket/%ff": "key",
	} {
		if _, err := ParseCopySource(header); codeOf(err) != InvalidArgument || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]Range{
		"bytes=0-0": {0, 1}, "bytes=2-4": {2, 3}, "bytes=5-": {5, 5}, "bytes=-3": {7, 3}, "bytes=-100": {0, 10}, "bytes=3-100": {3, 7},
		"bytes=0-99999999999999999999": {0, 10}, "Bytes=1-2": {1, 2}, "bytes=-99999999999999999999": {0, 10},
	} {
		if got, ok, err := ParseRange(header, 10); err != nil || !ok || got != want {
			t.Errorf("%s: %+v %v %v", header, got, ok, err)
		}
	}
	for _, header := range []string{"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "items=0-1", "bytes=5-2", "bytes=1", "bytes=+1-2", "bytes=--1", "bytes= -1", "bytes=0 -1"} {
		if _, ok, err := ParseRange(header, 10); ok || err != nil {
			t.Errorf("%q: %v %v", header, ok, err)
		}
	}
	for _, header := range []string{"bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-"} {
		if _, ok, err := ParseRange(header, 10); ok || codeOf(err) != InvalidRange {
			t.Errorf("%q: %v %v", header, ok, err)
		}
	}
	if _, ok, err := ParseRange("bytes=-1", 0); ok || err != nil {
		t.Errorf("the last byte of nothing: %v %v", ok, err)
	}
	for _, header := range []string{"bytes=0-", "bytes=-0", "bytes=0-0"} {
		if _, ok, err := ParseRange(header, 0); ok || codeOf(err) != InvalidRange {
			t.Errorf("%q of nothing: %v %v", header, ok, err)
		}
	}
	if s := (Range{2, 3}).ContentRange(10); s != "bytes 2-4/10" {
		t.Error(s)
	}
}

func TestCopyRanges(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]Range{"": {0, 10}, "bytes=0-9": {0, 10}, "bytes=3-3": {3, 1}} {
		if got, err := ParseCopyRange(header, 10); err != nil || got != want {
			t.Errorf("%q: %+v %v", header, got, err)
		}
	}
	for _, header := range []string{"bytes=0-10", "bytes=5-", "bytes=-5", "0-5", "bytes=5-2", "bytes=a-b", "bytes=-", "bytes=1-2,3-4"} {
		if _, err := ParseCopyRange(header, 10); codeOf(err) != InvalidArgument {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestReadConditionsFollowTheOrderOfRFC9110(t *testing.T) {
	t.Parallel()
	const etag = "0123456789abcdef"
	modified := time.Date(2024, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	at := modified.Truncate(time.Second).Format(http.TimeFormat)
	before := modified.Add(-time.Hour).Format(http.TimeFormat)
	for name, test := range map[string]struct {
		headers []string
		code    Code
		copied  Code // the same for a copy's source
	}{
		"nothing":                            {nil, "", ""},
		"match":                              {[]string{"If-Match", `"` + etag + `"`}, "", ""},
		"match bare":                         {[]string{"If-Match", etag}, "", ""},
		"match any":                          {[]string{"If-Match", "*"}, "", ""},
		"match list":                         {[]string{"If-Match", `"x", "` + etag + `"`}, "", ""},
		"no match":                           {[]string{"If-Match", `"x"`}, PreconditionFailed, PreconditionFailed},
		"match wins over unmodified":         {[]string{"If-Match", etag, "If-Unmodified-Since", before}, "", ""},
		"unmodified":                         {[]string{"If-Unmodified-Since", at}, "", ""},
		"modified":                           {[]string{"If-Unmodified-Since", before}, PreconditionFailed, PreconditionFailed},
		"none match":                         {[]string{"If-None-Match", `"x"`}, "", ""},
		"none match hit":                     {[]string{"If-None-Match", etag}, NotModified, PreconditionFailed},
		"none match weak":                    {[]string{"If-None-Match", `W/"` + etag + `"`}, NotModified, PreconditionFailed},
		"none match any":                     {[]string{"If-None-Match", "*"}, NotModified, PreconditionFailed},
		"since then not":                     {[]string{"If-Modified-Since", at}, NotModified, PreconditionFailed},
		"since then":                         {[]string{"If-Modified-Since", before}, "", ""},
		"none match wins over since":         {[]string{"If-None-Match", "x", "If-Modified-Since", at}, "", ""},
		"no date":                            {[]string{"If-Modified-Since", "yesterday", "If-Unmodified-Since", "x"}, "", ""},
		"match before none match":            {[]string{"If-Match", "x", "If-None-Match", etag}, PreconditionFailed, PreconditionFailed},
		"unmodified before none match":       {[]string{"If-Unmodified-Since", before, "If-None-Match", etag}, PreconditionFailed, PreconditionFailed},
		"match and none match, both of them": {[]string{"If-Match", etag, "If-None-Match", etag}, NotModified, PreconditionFailed},
	} {
		h, c := http.Header{}, http.Header{}
		for i := 0; i < len(test.headers); i += 2 {
			h.Add(test.headers[i], test.headers[i+1])
			c.Add("X-Amz-Copy-Source-"+test.headers[i], test.headers[i+1])
		}
		if got := codeOf(ParseConditions(h).CheckRead(etag, modified)); got != test.code {
			t.Errorf("%s: %q, want %q", name, got, test.code)
		}
		if got := codeOf(ParseCopyConditions(c).CheckRead(etag, modified)); got != test.copied {
			t.Errorf("%s, copy: %q, want %q", name, got, test.copied)
		}
		if ParseConditions(h).IsZero() != (len(h) == 0 || name == "no date") {
			t.Errorf("%s: zero %v", name, ParseConditions(h).IsZero())
		}
	}
}

func TestIfRangeNeedsTheVeryObject(t *testing.T) {
	t.Parallel()
	modified := time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC)
	for value, want := range map[string]bool{
		"": true, `"abc"`: true, "abc": true, `"abd"`: false, "*": false, `"abc", "x"`: false,
		modified.Format(http.TimeFormat): true, modified.Add(time.Second).Format(http.TimeFormat): false,
	} {
		c := ParseConditions(http.Header{"If-Range": {value}})
		if got := c.RangeApplies("abc", modified); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestWriteConditionsThatS3Knows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		match, none         string
		wantMatch, wantNone string
		code                Code
	}{
		{"", "", "", "", ""},
		{`"abc"`, "", "abc", "", ""},
		{"abc", "", "abc", "", ""},
		{"", "*", "", "*", ""},
		{"", `"abc"`, "", "", NotImplemented},
		{"abc", "*", "", "", NotImplemented},
		{"a, b", "", "", "", NotImplemented},
	} {
		m, n, err := Conditions{IfMatch: test.match, IfNoneMatch: test.none}.CheckWrite()
		if m != test.wantMatch || n != test.wantNone || codeOf(err) != test.code {
			t.Errorf("%q %q: %q %q %v", test.match, test.none, m, n, err)
		}
	}
}

func TestCORSRules(t *testing.T) {
	t.Parallel()
	rule := CORSRule{
		AllowedOrigins: []string{"https://*.example.com", "http://localhost:3000"}, AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"Content-*", "x-amz-acl"},
	}
	for _, test := range []struct {
		origin, method string
		headers        []string
		want           bool
	}{
		{"https://a.example.com", "GET", nil, true},
		{"https://a.example.com", "DELETE", nil, false},
		{"https://example.com", "GET", nil, false},
		{"https://a.example.com.evil.org", "GET", nil, false},
		{"http://localhost:3000", "PUT", []string{"content-type", " X-Amz-Acl"}, true},
		{"http://localhost:3000", "PUT", []string{"x-other"}, false},
	} {
		if got := rule.Allows(test.origin, test.method, test.headers); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestCannedACLs(t *testing.T) {
	t.Parallel()
	for _, public := range []bool{false, true} {
		if got, ok := CannedACL(Owner{ID: "me"}, public).IsPublicRead(); got != public || !ok {
			t.Errorf("public %v: %v %v", public, got, ok)
		}
	}
	odd := CannedACL(Owner{ID: "me"}, true)
	odd.Grants[1].Permission = "WRITE"
	if _, ok := odd.IsPublicRead(); ok {
		t.Error("public write can be kept?")
	}
	for name, want := range map[string]Code{"": "", "private": "", "public-read": "", "public-read-write": NotImplemented, "secret": InvalidArgument} {
		if public, err := ParseCannedACL(name); codeOf(err) != want || public != (name == "public-read") {
			t.Errorf("%q: %v %v", name, public, err)
		}
	}
}
