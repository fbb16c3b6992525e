package s3wire

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/fault"
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
// those that proxies and transports change. It returns the signature, which is the seed of chunk signatures. The path
// is spelled as signed.
func (s *Signer) SignHeader(r *http.Request, payload string) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	if payload == "" {
		payload = payloadUnsigned
	}
	t := s.now()
	r.Header.Set("X-Amz-Date", t.Format(stampLayout))
	r.Header.Set("X-Amz-Content-Sha256", payload)
	spellPath(r)
	c := canonicalRequest{r: r, host: hostOf(r), signed: signableHeaders(r.Header), payload: payload}
	signature := s.signCanonical(&c, t)
	r.Header.Set("Authorization", algorithmV4+" Credential="+s.AccessKey+"/"+s.scope(t)+
		", SignedHeaders="+c.signed+", Signature="+signature)
	return signature, nil
}

// Presign returns the request's URL with the proof in the query, valid for the time given (1 second to 7 days). The
// request's headers are signed: whoever uses the URL must send the same.
func (s *Signer) Presign(r *http.Request, valid time.Duration) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	if valid < time.Second || valid > maxPresign {
		return "", fault.New(fault.Usage, "presign_expiry", "presign: %s is not between 1 second and 7 days", valid)
	}
	t := s.now()
	spellPath(r)
	c := canonicalRequest{r: r, host: hostOf(r), signed: signableHeaders(r.Header), payload: payloadUnsigned}
	q := strings.TrimSuffix(r.URL.RawQuery, "&")
	if q != "" {
		q += "&"
	}
	q += "X-Amz-Algorithm=" + algorithmV4 +
		"&X-Amz-Credential=" + strictQueryText(s.AccessKey+"/"+s.scope(t)) +
		"&X-Amz-Date=" + t.Format(stampLayout) +
		"&X-Amz-Expires=" + strconv.FormatInt(int64(valid/time.Second), 10) +
		"&X-Amz-SignedHeaders=" + strings.ReplaceAll(c.signed, ";", "%3B")
	u := *r.URL
	u.RawQuery = q
	signed := *r
	signed.URL = &u
	c.r = &signed
	u.RawQuery += "&X-Amz-Signature=" + s.signCanonical(&c, t)
	return u.String(), nil
}

func (s *Signer) check() error {
	if s.AccessKey == "" || s.Secret.IsZero() {
		return fault.New(fault.Usage, "s3_no_credentials", "sign request: no access key or no secret")
	}
	return nil
}

func (s *Signer) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC()
	}
	return time.Now().UTC()
}

func (s *Signer) region() string {
	if s.Region == "" {
		return "us-east-1"
	}
	return s.Region
}

func (s *Signer) scope(t time.Time) string {
	return t.Format("20060102") + "/" + s.region() + "/" + service + "/" + terminator
}

func (s *Signer) signCanonical(c *canonicalRequest, t time.Time) string {
	sum := sha256.Sum256(c.append(nil))
	return s.signText(string(appendStringToSign(nil, t.Format(stampLayout), s.scope(t), &sum)), t)
}

func (s *Signer) signText(text string, t time.Time) string {
	return hex.EncodeToString(hmacSHA256(deriveKey(s.Secret, t.Format("20060102"), s.region()), text))
}

func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// spellPath makes the URL's path go out as it is signed, so that servers that sign what they received agree.
func spellPath(r *http.Request) {
	r.URL.RawPath = string(appendEscaped(nil, r.URL.Path, true))
}

// signableHeaders lists the headers to sign: all but those that change on the way, plus the host.
func signableHeaders(h http.Header) string {
	names := []string{"host"}
	for name := range h {
		switch name {
		case "Host", "Authorization", "User-Agent", "Accept-Encoding", "Connection", "Expect", "Keep-Alive", "Te",
			"Trailer", "Transfer-Encoding", "Upgrade", "X-Amzn-Trace-Id", "Content-Length":
			continue
		}
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	return strings.Join(names, ";")
}
