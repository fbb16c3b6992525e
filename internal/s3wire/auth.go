package s3wire

import "time"

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
