package s3api

import (
	"net/url"
	"strings"
)

// address is what a request is about: nothing (the list of buckets), a bucket, or an object.
type address struct {
	bucket, key string
	virtual     bool // the bucket stands in the host name
}

func (a address) level() level {
	switch {
	case a.key != "":
		return object
	case a.bucket != "":
		return bucket
	}
	return service
}

// resolve finds out what a request addresses. fromHost is the bucket that the host name addresses, "" in path style.
// The escaped path is split before it is decoded, so "%2F" never divides bucket and key; nothing else is done to it:
// "." and ".." and empty segments are parts of keys like any other. ok is false when the path cannot be decoded.
func resolve(fromHost string, u *url.URL) (a address, ok bool) {
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if fromHost != "" {
		key, err := unescape(path)
		return address{bucket: fromHost, key: key, virtual: true}, err == nil
	}
	b, k, _ := strings.Cut(path, "/")
	b, err1 := unescape(b)
	k, err2 := unescape(k)
	if b == "" && k != "" {
		return address{}, false
	}
	return address{bucket: b, key: k}, err1 == nil && err2 == nil
}

// unescape is url.PathUnescape without the call for the many that need none.
func unescape(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	return url.PathUnescape(s)
}
