package s3wire

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is what a signature of version 4 covers. The path is that of the request, decoded and encoded
// strictly once (S3 does not encode twice), unless rawPath gives another spelling.
type canonicalRequest struct {
	r       *http.Request
	host    string // value for the header host, which may differ from the one received
	rawPath string // spelling of the path to use as it is; "" for the strict one
	asSent  bool   // take the query's parameters in the order they came
	signed  string // SignedHeaders
	payload string // last line
	skip    string // query parameter left out: X-Amz-Signature of a presigned URL
}

func (c *canonicalRequest) append(dst []byte) []byte {
	dst = append(dst, c.r.Method...)
	dst = append(dst, '\n')
	dst = c.appendPath(dst)
	dst = append(dst, '\n')
	dst = appendCanonicalQuery(dst, c.r.URL.RawQuery, c.skip, c.asSent)
	dst = append(dst, '\n')
	for rest := c.signed; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, ";")
		dst = append(dst, name...)
		dst = append(dst, ':')
		dst = c.appendHeader(dst, name)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, c.signed...)
	dst = append(dst, '\n')
	return append(dst, c.payload...)
}

func (c *canonicalRequest) appendPath(dst []byte) []byte {
	switch {
	case c.rawPath != "":
		return append(dst, c.rawPath...)
	case c.r.URL.Path == "":
		return append(dst, '/')
	}
	return appendEscaped(dst, c.r.URL.Path, true)
}

// appendHeader appends the values of a header, trimmed, runs of spaces made one, joined by commas. net/http keeps some
// headers elsewhere than in the header map; an absent one has no value.
func (c *canonicalRequest) appendHeader(dst []byte, name string) []byte {
	if name == "host" {
		return appendFolded(dst, c.host)
	}
	var room [64]byte
	values := c.r.Header[string(appendHeaderKey(room[:0], name))] // the compiler makes no string for a look-up
	if len(values) == 0 {
		switch name {
		case "content-length":
			return strconv.AppendInt(dst, c.r.ContentLength, 10)
		case "transfer-encoding":
			values = c.r.TransferEncoding
		case "expect":
			return append(dst, "100-continue"...) // HTTP/2 servers take it out
		}
	}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFolded(dst, v)
	}
	return dst
}

// appendHeaderKey appends a lower-case header name as net/http spells it: "x-amz-date" as "X-Amz-Date".
func appendHeaderKey(dst []byte, name string) []byte {
	start := true
	for i := 0; i < len(name); i++ {
		c := name[i]
		if start && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		start = c == '-'
		dst = append(dst, c)
	}
	return dst
}

func appendFolded(dst []byte, v string) []byte {
	v = strings.TrimSpace(v)
	if !strings.Contains(v, "  ") {
		return append(dst, v...)
	}
	for i := 0; i < len(v); i++ {
		if v[i] != ' ' || v[i-1] != ' ' { // i > 0: v starts with no space
			dst = append(dst, v[i])
		}
	}
	return dst
}

func sortParams(p []param) {
	slices.SortFunc(p, func(a, b param) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
}
