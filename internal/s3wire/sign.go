package s3wire

import (
	"net/http"
	"time"

	"holdfast/internal/secret"
)

// Signer makes proofs: the client's side.
type Signer struct {
	AccessKey string
	Secret    secret.String
	Region    string           // default "us-east-1"
	Now       func() time.Time // default time.Now
}

// SignHeader adds x-amz-date, x-amz-content-sha256 and Authorization to the request. payload is the hex digest of the
// body or one of the words that stand for a [Payload]; "" means UNSIGNED-PAYLOAD. Every header present is signed but
// those that proxies change. It returns the signature, which is the seed of chunk signatures.
func (s *Signer) SignHeader(r *http.Request, payload string) (string, error) { panic("body follows") }

// Presign returns the request's URL with the proof in the query, valid for the time given (1 second to 7 days). The
// request's headers are signed: whoever uses the URL must send the same.
func (s *Signer) Presign(r *http.Request, valid time.Duration) (string, error) {
	panic("body follows")
}

// PostPolicy returns the form fields that go with a policy document (JSON): policy, x-amz-algorithm, x-amz-credential,
// x-amz-date and x-amz-signature. The policy must itself allow these fields; see [PolicyBuilder].
func (s *Signer) PostPolicy(document []byte) (map[string]string, error) { panic("body follows") }
