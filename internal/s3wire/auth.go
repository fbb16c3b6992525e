package s3wire

import (
	"net/http"
	"strings"
	"time"
)

// Scheme says in which way a request proves who sent it.
type Scheme uint8

// The schemes.
const (
	Anonymous Scheme = iota // no proof at all
	HeaderV4                // Authorization: AWS4-HMAC-SHA256 …
	QueryV4                 // presigned URL, X-Amz-Signature
	FormV4                  // POST policy, x-amz-signature
	QueryV2                 // presigned URL of signature version 2, GET and HEAD only
)

// String returns the scheme's name for logs.
func (s Scheme) String() string {
	return [...]string{"anonymous", "header", "query", "form", "query-v2"}[s]
}

// Auth is what a request claims about its sender. Only after [Verifier.Verify] is it true.
type Auth struct {
	Scheme    Scheme
	AccessKey string
	Region    string    // of the scope; "" for version 2
	Time      time.Time // when it was signed; zero for version 2
	Expires   time.Time // when the proof ends: of a presigned URL its expiry, of a header the allowed skew
	Payload   Payload   // what was said about the body

	digest    string   // x-amz-content-sha256 as the canonical request has it
	signed    string   // SignedHeaders as received: "host;x-amz-date"
	scope     string   // "20130524/us-east-1/s3/aws4_request"
	stamp     string   // Time as signed: "20130524T000000Z"
	signature [32]byte // as received
	rawSig    string   // as received, for version 2
	key       *signKey // set by Verify: chunk signatures go on with it
}

// Signs reports whether the header is covered by the signature, name in any case.
func (a *Auth) Signs(header string) bool { return listHas(a.signed, header) }

// date returns the day of the scope: "20130524".
func (a *Auth) date() string { return a.scope[:8] }

// Header returns the headers that steer the request: its own and, for a presigned URL, the x-amz-* parameters of the
// query, which signers put there in place of headers (x-amz-acl, x-amz-tagging …). Checksums in a query are left out:
// the JavaScript SDK puts that of an empty body there, and the signature of a presigned URL says nothing of the body.
func (a *Auth) Header(r *http.Request) http.Header {
	if a.Scheme != QueryV4 {
		return r.Header
	}
	h := r.Header
	for p := range queryParams(r.URL.RawQuery) {
		name := http.CanonicalHeaderKey(p.name)
		if !hoisted(name) || len(r.Header[name]) > 0 {
			continue
		}
		if len(h) == len(r.Header) {
			h = r.Header.Clone()
		}
		h.Add(name, p.value)
	}
	return h
}

// hoisted reports whether a query parameter stands for a header.
func hoisted(name string) bool {
	if !strings.HasPrefix(name, "X-Amz-") || strings.HasPrefix(name, "X-Amz-Checksum-") {
		return false
	}
	switch name {
	case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signedheaders",
		"X-Amz-Signature", "X-Amz-Content-Sha256", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Trailer",
		"X-Amz-Decoded-Content-Length":
		return false
	}
	return true
}
