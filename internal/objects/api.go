package objects

import (
	"io"
	"time"
)

// Condition guards a write or delete. The zero value allows anything.
type Condition struct {
	IfMatch           string    // ETag the current object must have; "*" any object must be there
	IfNoneMatch       string    // "*": no object may be there; else an ETag it must not have
	IfUnmodifiedSince time.Time // zero: not asked
	IfSize            *int64    // deletes: size that the object must have
}

// Put is one write of an object.
type Put struct {
	Bucket, Key string
	Size        int64 // bytes; -1 when not known before the body ended
	Headers     Headers
	Tags        map[string]string
	Public      bool
	ExpiresAt   time.Time // zero: the bucket's default, if any
	Condition   Condition
	// Body is read to io.EOF exactly once. An error other than io.EOF from it aborts the write and is returned
	// unchanged, so whoever verifies digests does it there.
	Body io.Reader
	// Checksum, if not nil, is asked after Body ended for the checksum the client sent or asked for.
	Checksum func() (algorithm string, sum []byte)
	// ETag, if not "", is stored instead of the MD5 of the body.
	ETag string
}

// Ref names an object or one version of it.
type Ref struct {
	Bucket, Key string
	Generation  Generation // 0: the latest
	NullVersion bool       // the version whose S3 id is "null"
}

// Deleted says what a delete did.
type Deleted struct {
	Ref
	Found     bool // something was there
	Marker    bool // a delete marker was made, or the version deleted was one
	MarkerGen Generation
	WasLatest bool
	Err       error // in a batch: why this one was not deleted
}

// ListQuery asks for a page of a listing. Keys come in byte order.
type ListQuery struct {
	Bucket    string
	Prefix    string
	Delimiter string
	After     string // keys (and common prefixes) that sort after this one; exclusive
	Limit     int    // 1 to 1000
}

// Page is a page of a listing.
type Page struct {
	Objects  []Object
	Prefixes []string
	Next     string // value for After of the next page; "" when this was the last one
}
