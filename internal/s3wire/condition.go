package s3wire

import (
	"net/http"
	"strings"
	"time"
)

// Conditions are the conditional headers of a request.
type Conditions struct {
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   time.Time // zero: not sent, or not a date
	IfUnmodifiedSince time.Time
	IfRange           string
	copy              bool
	names             [4]string // of the headers, for error documents
}

// ParseConditions reads the conditional headers.
func ParseConditions(h http.Header) Conditions {
	return readConditions(h, false, [4]string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"})
}

// ParseCopyConditions reads the x-amz-copy-source-if-* headers.
func ParseCopyConditions(h http.Header) Conditions {
	const p = "X-Amz-Copy-Source-"
	return readConditions(h, true, [4]string{p + "If-Match", p + "If-None-Match", p + "If-Modified-Since", p + "If-Unmodified-Since"})
}

func readConditions(h http.Header, isCopy bool, names [4]string) Conditions {
	c := Conditions{copy: isCopy, names: names}
	c.IfMatch = strings.Join(h[names[0]], ",")
	c.IfNoneMatch = strings.Join(h[names[1]], ",")
	c.IfModifiedSince = conditionTime(h.Get(names[2]))
	c.IfUnmodifiedSince = conditionTime(h.Get(names[3]))
	if !isCopy {
		c.IfRange = h.Get("If-Range")
	}
	return c
}

// conditionTime reads an HTTP date, or ISO 8601 as some SDKs send it. What is no date is no condition (RFC 9110
// section 13.1.3).
func conditionTime(s string) time.Time {
	if s == "" { // mostly: a failed parse would cost five allocations
		return time.Time{}
	}
	if t, err := http.ParseTime(s); err == nil {
		return t
	}
	t, _ := time.Parse(time.RFC3339, s)
	return t
}

// IsZero reports whether nothing is asked.
func (c Conditions) IsZero() bool {
	return c.IfMatch == "" && c.IfNoneMatch == "" && c.IfModifiedSince.IsZero() && c.IfUnmodifiedSince.IsZero()
}

// CheckRead evaluates the conditions of a GET or HEAD (or of a copy's source) against an object that exists, in the
// order of RFC 9110 section 13.2.2: nil, PreconditionFailed, or NotModified (status 304, no body; a copy fails
// instead). etag is without quotes.
func (c Conditions) CheckRead(etag string, modified time.Time) error {
	modified = modified.Truncate(time.Second) // HTTP dates know no less
	switch {
	case c.IfMatch != "":
		if !MatchETag(c.IfMatch, etag) {
			return c.failed(0)
		}
	case !c.IfUnmodifiedSince.IsZero() && modified.After(c.IfUnmodifiedSince):
		return c.failed(3)
	}
	switch {
	case c.IfNoneMatch != "":
		if MatchETag(c.IfNoneMatch, etag) {
			return c.notModified(1)
		}
	case !c.IfModifiedSince.IsZero() && !modified.After(c.IfModifiedSince):
		return c.notModified(2)
	}
	return nil
}

func (c Conditions) failed(name int) error {
	text := c.names[name]
	if c.copy {
		text = strings.ToLower(text)
	}
	return PreconditionFailed.New().With("Condition", text)
}

func (c Conditions) notModified(name int) error {
	if c.copy {
		return c.failed(name)
	}
	return NotModified.New()
}

// RangeApplies evaluates If-Range: false means send the whole object. A date must be exactly that of the object.
func (c Conditions) RangeApplies(etag string, modified time.Time) bool {
	if c.IfRange == "" {
		return true
	}
	if t, err := http.ParseTime(c.IfRange); err == nil {
		return t.Equal(modified.Truncate(time.Second))
	}
	return !strings.Contains(c.IfRange, ",") && c.IfRange != "*" && MatchETag(c.IfRange, etag)
}

// CheckWrite refuses forms of If-Match and If-None-Match that S3 does not know on writes, and returns the values for
// the index: an ETag without quotes or "*". S3 knows If-None-Match: * and If-Match with one ETag, not both.
func (c Conditions) CheckWrite() (ifMatch, ifNoneMatch string, err error) {
	if c.IfMatch != "" && c.IfNoneMatch != "" || strings.Contains(c.IfMatch, ",") || c.IfNoneMatch != "" && c.IfNoneMatch != "*" {
		return "", "", NotImplemented.New()
	}
	return trimETag(c.IfMatch), trimETag(c.IfNoneMatch), nil
}

// MatchETag reports whether an If-Match or If-None-Match list names the ETag; "*" matches. Ours are all strong, so a
// weak one matches as if it were: that is right for If-None-Match and harmless for reads.
func MatchETag(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "*" || trimETag(item) == etag && etag != "" {
			return true
		}
	}
	return false
}

// trimETag takes the quotes off; many S3 clients send none.
func trimETag(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "W/")
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// TrimETag takes the quotes off an ETag that a client sent.
func TrimETag(s string) string { return trimETag(s) }
