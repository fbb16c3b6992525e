package s3wire

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"holdfast/internal/secret"
)

// Verifier checks proofs. Make it with NewVerifier; the fields are not to be changed afterwards. It is safe for
// concurrent use.
type Verifier struct {
	// Regions that signatures may name; empty: any.
	Regions []string
	// Hosts are further public names of the endpoint ("files.example.com", "https://files.example.com:8443"): a
	// signature made for any of them is accepted although the request arrived under another name, and BucketOf finds
	// a bucket in front of them.
	Hosts []string
	// SigV2 accepts presigned GET and HEAD of signature version 2. It covers neither the host nor most of the query.
	SigV2 bool
	// MaxSkew of signed headers. Default 15 minutes.
	MaxSkew time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time

	names   []hostName
	keys    *signKeys
	scratch *sync.Pool // of *scratch
}

// scratch is the working memory of one verification.
type scratch struct {
	canonical []byte
	text      []byte
	sum       [sha256.Size]byte
	mac       [sha256.Size]byte
}

// NewVerifier returns v made ready: the hosts are taken apart and the cache of signing keys is made.
func NewVerifier(v Verifier) *Verifier {
	v.names = parseHosts(v.Hosts)
	v.keys = newSignKeys()
	v.scratch = &sync.Pool{New: func() any { return new(scratch) }}
	return &v
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

func (v *Verifier) skew() time.Duration {
	if v.MaxSkew > 0 {
		return v.MaxSkew
	}
	return 15 * time.Minute
}

// Parse reads the claim of a request and checks everything that needs no secret: form, scope, clock, expiry, which
// headers are signed. A request without any claim is Anonymous. An upload form is Anonymous too until ParseForm.
func (v *Verifier) Parse(r *http.Request) (Auth, error) {
	header := r.Header.Get("Authorization")
	scheme, rest, _ := strings.Cut(header, " ")
	ours := scheme == algorithmV4 || scheme == algorithmV4A || scheme == "AWS"
	var q queryClaim
	if r.URL.RawQuery != "" {
		q = readQueryClaim(r.URL.RawQuery)
	}
	inQuery := q.hasV4 || q.oldSignature != "" && q.accessKey != ""
	if inQuery || ours {
		if err := checkQuery(r.URL.RawQuery); err != nil {
			return Auth{}, err
		}
	}
	switch {
	case inQuery && ours:
		return Auth{}, argument("Authorization", scheme, "Only one auth mechanism allowed; only the X-Amz-Algorithm query "+
			"parameter, Signature query string parameter or the Authorization header should be specified")
	case q.hasV4:
		return v.parseQuery(r, q)
	case inQuery:
		return v.parseV2(r, q)
	case scheme == algorithmV4:
		return v.parseHeader(r, rest)
	case ours:
		return Auth{}, unsupportedMechanism()
	case header != "" && rest == "":
		return Auth{}, argument("Authorization", header, "Authorization header is invalid -- one and only one ' ' (space) required.")
	case header != "":
		return Auth{}, argument("Authorization", scheme, "Unsupported Authorization Type")
	}
	return parseAnonymous(r)
}

func parseAnonymous(r *http.Request) (a Auth, err error) {
	said := r.Header.Get("X-Amz-Content-Sha256")
	if said == "" {
		return a, nil
	}
	if a.Payload, err = parsePayload(said); err != nil {
		return Auth{}, err
	}
	if a.Payload == PayloadSignedChunks || a.Payload == PayloadSignedChunksTrailer {
		return Auth{}, InvalidRequest.Newf("Anonymous requests don't support this x-amz-content-sha256 value. " +
			"Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.")
	}
	a.digest = said
	return a, nil
}

// Verify checks the signature with the secret that belongs to a.AccessKey. There is nothing to check for Anonymous.
func (v *Verifier) Verify(r *http.Request, a *Auth, key secret.String) error {
	switch a.Scheme {
	case HeaderV4, QueryV4:
		return v.verifyV4(r, a, key)
	case QueryV2:
		return v.verifyV2(r, a, key)
	case FormV4:
		return InternalError.New().Because(errFormVerify)
	}
	return nil
}

// verifyV4 tries the request as received, which nearly always decides, then the other spellings that a signer may have
// seen.
func (v *Verifier) verifyV4(r *http.Request, a *Auth, key secret.String) error {
	sk, cached := v.keys.get(key, a.date(), a.Region)
	s := v.scratch.Get().(*scratch)
	defer v.scratch.Put(s)
	c := canonicalRequest{r: r, host: r.Host, signed: a.signed, payload: a.digest}
	if a.Scheme == QueryV4 {
		c.skip = "X-Amz-Signature"
	}
	if !s.matches(&c, a, sk) && !v.matchesOther(s, c, a, sk) {
		s.matches(&c, a, sk) // what the answer quotes is the request as received
		return s.mismatch(a)
	}
	if !cached {
		v.keys.put(key, a.date(), a.Region, sk)
	}
	a.key = sk
	return nil
}

// matchesOther tries the other spellings: another public name of ours; the path as it was sent, by clients that do not
// encode strictly; the query in the order it was sent, by clients (the AWS SDK for Go, minio-go) that sort before they
// encode. None of them makes a signature cover less than the request as we obey it.
func (v *Verifier) matchesOther(s *scratch, c canonicalRequest, a *Auth, sk *signKey) bool {
	paths, orders := []string{""}, []bool{false}
	if raw := c.r.URL.EscapedPath(); raw != string(appendEscaped(nil, c.r.URL.Path, true)) {
		paths = append(paths, raw)
	}
	query := c.r.URL.RawQuery
	if !bytes.Equal(appendCanonicalQuery(nil, query, c.skip, true), appendCanonicalQuery(nil, query, c.skip, false)) {
		orders = append(orders, true)
	}
	for _, host := range append([]string{c.r.Host}, v.aliases(c.r.Host)...) {
		for _, path := range paths {
			for _, asSent := range orders {
				c.host, c.rawPath, c.asSent = host, path, asSent
				if s.matches(&c, a, sk) {
					return true
				}
			}
		}
	}
	return false
}

// matches computes the signature of one spelling and compares it in constant time.
func (s *scratch) matches(c *canonicalRequest, a *Auth, sk *signKey) bool {
	s.canonical = c.append(s.canonical[:0])
	s.sum = sha256.Sum256(s.canonical)
	s.text = appendStringToSign(s.text[:0], a.stamp, a.scope, &s.sum)
	sk.sign(&s.mac, s.text)
	return subtle.ConstantTimeCompare(s.mac[:], a.signature[:]) == 1
}

// appendStringToSign appends what the signing key signs: algorithm, time, scope, digest of the canonical request.
func appendStringToSign(dst []byte, stamp, scope string, sum *[sha256.Size]byte) []byte {
	dst = append(dst, algorithmV4...)
	dst = append(dst, '\n')
	dst = append(dst, stamp...)
	dst = append(dst, '\n')
	dst = append(dst, scope...)
	dst = append(dst, '\n')
	return hex.AppendEncode(dst, sum[:])
}

// mismatch quotes what we computed from the request, so that the client's author can compare: never the signature that
// would have been right, and no header values that are secrets of the client.
func (s *scratch) mismatch(a *Auth) error {
	canonical := redactHeaders(string(s.canonical))
	return quote(a.AccessKey, string(s.text), hex.EncodeToString(a.signature[:])).
		With("CanonicalRequest", canonical).
		With("CanonicalRequestBytes", spacedHex(canonical))
}

// quote is SignatureDoesNotMatch with what was signed.
func quote(accessKey, text, signature string) *Error {
	return SignatureDoesNotMatch.New().
		With("AWSAccessKeyId", accessKey).
		With("StringToSign", text).
		With("SignatureProvided", signature).
		With("StringToSignBytes", spacedHex(text))
}

// spacedHex writes a text byte by byte: "41 57 53".
func spacedHex(s string) string {
	return fmt.Sprintf("% x", s)
}

// redactHeaders blacks out the values of headers that carry keys or tokens in a canonical request.
func redactHeaders(canonical string) string {
	lines := strings.Split(canonical, "\n")
	for i, line := range lines {
		name, _, ok := strings.Cut(line, ":")
		if ok && (strings.HasSuffix(name, "-token") || strings.Contains(name, "customer-key") ||
			name == "cookie" || name == "authorization") {
			lines[i] = name + ":" + secret.Redacted
		}
	}
	return strings.Join(lines, "\n")
}
