package s3api

import (
	"net"
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

// hosts are the public names of the endpoint, lower case, without ports.
type hosts []string

// newHosts takes the names out of the configuration. Validate has refused what is no name.
func newHosts(configured []string) hosts {
	var hs hosts
	for _, c := range configured {
		if h, ok := hostName(c); ok {
			hs = append(hs, withoutPort(h))
		}
	}
	return hs
}

// bucketOf returns the bucket that a Host header addresses: "" in path style. Only what stands before a configured
// name is a bucket; an unknown host, an address or a configured name itself means path style, so no made-up Host
// header can change what is addressed in a way that the signature does not cover.
func (hs hosts) bucketOf(host string) string {
	if len(hs) == 0 || host == "" {
		return ""
	}
	host = strings.ToLower(withoutPort(host))
	for _, h := range hs {
		if host == h {
			return ""
		}
	}
	for _, h := range hs {
		if b, ok := strings.CutSuffix(host, "."+h); ok && b != "" {
			return b
		}
	}
	return ""
}

// resolve finds out what a request addresses. The escaped path is split before it is decoded, so "%2F" never divides
// bucket and key. ok is false when the path cannot be decoded.
func (hs hosts) resolve(host string, u *url.URL) (a address, ok bool) {
	path := u.EscapedPath()
	path = strings.TrimPrefix(path, "/")
	if b := hs.bucketOf(host); b != "" {
		key, err := url.PathUnescape(path)
		return address{bucket: b, key: key, virtual: true}, err == nil
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

// withoutPort drops ":9000" from a host; an IPv6 address keeps its colons and loses its brackets.
func withoutPort(host string) string {
	if !strings.Contains(host, ":") {
		return host
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}
