package s3wire

import (
	"net/http"
	"strconv"
	"time"
)

// maxPresign is the longest life of a presigned URL.
const maxPresign = 7 * 24 * time.Hour

// queryClaim holds the authentication parameters of a query. Names are case-sensitive, as they are to S3.
type queryClaim struct {
	algorithm, credential, date, expires, signed, signature, digest, token string // version 4
	hasExpires, hasV4                                                      bool
	accessKey, oldExpires, oldSignature                                    string // version 2
}

func readQueryClaim(raw string) (q queryClaim) {
	for p := range queryParams(raw) {
		switch p.name {
		case "X-Amz-Algorithm":
			setFirst(&q.algorithm, p.value)
			q.hasV4 = true
		case "X-Amz-Credential":
			setFirst(&q.credential, p.value)
		case "X-Amz-Date":
			setFirst(&q.date, p.value)
		case "X-Amz-Expires":
			setFirst(&q.expires, p.value)
			q.hasExpires = true
		case "X-Amz-SignedHeaders":
			setFirst(&q.signed, p.value)
		case "X-Amz-Signature":
			setFirst(&q.signature, p.value)
			q.hasV4 = true
		case "X-Amz-Content-Sha256":
			setFirst(&q.digest, p.value)
		case "X-Amz-Security-Token":
			setFirst(&q.token, p.value)
		case "AWSAccessKeyId":
			setFirst(&q.accessKey, p.value)
		case "Expires":
			setFirst(&q.oldExpires, p.value)
		case "Signature":
			setFirst(&q.oldSignature, p.value)
		}
	}
	return q
}

func setFirst(dst *string, value string) {
	if *dst == "" {
		*dst = value
	}
}

// parseQuery reads the claim of a presigned URL.
func (v *Verifier) parseQuery(r *http.Request, q queryClaim) (Auth, error) {
	switch {
	case q.algorithm == algorithmV4A:
		return Auth{}, AuthorizationQueryParametersError.Newf("X-Amz-Algorithm only supports %q", algorithmV4)
	case q.algorithm != "" && q.algorithm != algorithmV4:
		return Auth{}, AuthorizationQueryParametersError.Newf(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
	case q.algorithm == "" || q.credential == "" || q.date == "" || q.signed == "" || q.signature == "" || !q.hasExpires:
		return Auth{}, AuthorizationQueryParametersError.Newf("Query-string authentication version 4 requires the X-Amz-Algorithm, " +
			"X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	case q.token != "":
		return Auth{}, InvalidToken.New() // there are no temporary credentials here
	}
	a := Auth{Scheme: QueryV4, signed: q.signed, stamp: q.date}
	if err := v.setCredential(&a, q.credential, queryComplaint); err != nil {
		return Auth{}, err
	}
	if err := v.setQueryTime(&a, q.expires); err != nil {
		return Auth{}, err
	}
	if !checkSignedHeaders(a.signed) {
		return Auth{}, AuthorizationQueryParametersError.Newf("X-Amz-SignedHeaders is malformed: %q", a.signed)
	}
	if err := checkUnsigned(r.Header, a.signed, true); err != nil {
		return Auth{}, err
	}
	if err := a.setQueryPayload(r.Header, q.digest); err != nil {
		return Auth{}, err
	}
	if !a.setSignature(q.signature) {
		return Auth{}, SignatureDoesNotMatch.New().With("AWSAccessKeyId", a.AccessKey)
	}
	return a, nil
}

// setQueryPayload finds what the signature covers of the body, which is nothing unless the signer said so, and how the
// body is encoded, which the header says even when it is not signed.
func (a *Auth) setQueryPayload(h http.Header, query string) (err error) {
	header := h.Get("X-Amz-Content-Sha256")
	a.digest = payloadUnsigned
	switch {
	case query != "":
		a.digest = query
	case header != "" && a.Signs("x-amz-content-sha256"):
		a.digest = header
	}
	if header == "" {
		header = a.digest
	}
	a.Payload, err = parsePayload(header)
	return err
}

func (v *Verifier) setQueryTime(a *Auth, expires string) error {
	t, err := time.Parse(stampLayout, a.stamp)
	if err != nil {
		return AuthorizationQueryParametersError.Newf(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	switch {
	case err != nil:
		return AuthorizationQueryParametersError.Newf("X-Amz-Expires should be a number")
	case seconds < 0:
		return AuthorizationQueryParametersError.Newf("X-Amz-Expires must be non-negative")
	case seconds > int64(maxPresign/time.Second):
		return AuthorizationQueryParametersError.Newf("X-Amz-Expires must be less than a week (in seconds); " +
			"that is, the given X-Amz-Expires must be less than 604800 seconds")
	case a.stamp[:8] != a.date():
		return AuthorizationQueryParametersError.Newf("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.",
			a.date(), a.stamp[:8])
	}
	a.Time, a.Expires = t, t.Add(time.Duration(seconds)*time.Second)
	now := v.now()
	if t.Sub(now) > v.skew() {
		return AccessDenied.Newf("Request is not valid yet.").
			With("X-Amz-Date", a.stamp).With("ServerTime", now.UTC().Format(time.RFC3339))
	}
	if seconds == 0 || now.After(a.Expires) {
		return expired(a.Expires, now).With("X-Amz-Expires", expires)
	}
	return nil
}

// expired is the answer to a presigned URL whose time is over.
func expired(at, now time.Time) *Error {
	return AccessDenied.Newf("Request has expired.").
		With("Expires", at.UTC().Format(time.RFC3339)).
		With("ServerTime", now.UTC().Format(time.RFC3339))
}
