package s3wire

import (
	"net/http"
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
}

// ParseConditions reads the conditional headers.
func ParseConditions(h http.Header) Conditions { panic("body follows") }

// ParseCopyConditions reads the x-amz-copy-source-if-* headers.
func ParseCopyConditions(h http.Header) Conditions { panic("body follows") }

// IsZero reports whether nothing is asked.
func (c Conditions) IsZero() bool { panic("body follows") }

// CheckRead evaluates the conditions of a GET or HEAD (or of a copy's source) against an object that exists: nil,
// PreconditionFailed or NotModified (status 304, no body). etag is without quotes.
func (c Conditions) CheckRead(etag string, modified time.Time) error { panic("body follows") }

// RangeApplies evaluates If-Range: false means send the whole object.
func (c Conditions) RangeApplies(etag string, modified time.Time) bool { panic("body follows") }

// CheckWrite refuses forms of If-Match and If-None-Match that S3 does not know on writes (NotImplemented), and returns
// the values for the index: an ETag without quotes or "*".
func (c Conditions) CheckWrite() (ifMatch, ifNoneMatch string, err error) { panic("body follows") }

// MatchETag reports whether an If-Match list names the ETag (strong comparison; "*" matches).
func MatchETag(list, etag string) bool { panic("body follows") }
