package s3wire

import (
	"net/http"
	"time"

	"holdfast/internal/secret"
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

// Auth is what a request claims about its sender. Only after [Verifier.Verify] is it true.
type Auth struct {
	Scheme    Scheme
	AccessKey string
	Region    string    // of the scope; "" for version 2
	Time      time.Time // when it was signed (for QueryV2: zero)
	Expires   time.Time // end of validity of a presigned URL or of the scope's allowed skew
	Payload   Payload   // what was said about the body
	digest    string    // the hex digest when Payload is PayloadHash
	signed    string    // SignedHeaders as received: "host;x-amz-date"
	signature string    // as received
	proof     *proof    // set by Verify; chunk signatures go on from it
}

// Signs reports whether the header (in lower case) is covered by the signature.
func (a *Auth) Signs(header string) bool { panic("body follows") }

type proof struct{}

// Verifier checks proofs. Its fields are set before first use and then left alone; it is safe for concurrent use.
type Verifier struct {
	// Regions that signatures may name; empty: any.
	Regions []string
	// Hosts are further public names of the endpoint ("files.example.com", "https://files.example.com:8443"): a
	// signature made for any of them is accepted although the request arrived under another name.
	Hosts []string
	// SigV2 accepts presigned GET and HEAD of signature version 2.
	SigV2 bool
	// MaxSkew of signed headers. Default 15 minutes.
	MaxSkew time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// NewVerifier returns v made ready: the hosts are taken apart and the cache of signing keys is made.
func NewVerifier(v Verifier) *Verifier { panic("body follows") }

// Parse reads the claim of a request and checks everything that needs no secret: form, scope, clock, expiry, which
// headers are signed. A request without any claim is Anonymous. An upload form is Anonymous too until ParseForm.
func (v *Verifier) Parse(r *http.Request) (Auth, error) { panic("body follows") }

// Verify checks the signature with the secret that belongs to a.AccessKey. Nothing to do for Anonymous.
func (v *Verifier) Verify(r *http.Request, a *Auth, key secret.String) error { panic("body follows") }
