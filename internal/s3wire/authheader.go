package s3wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// parseHeader reads a claim of the form
//
//	Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…
func (v *Verifier) parseHeader(r *http.Request, text string) (Auth, error) {
	a := Auth{Scheme: HeaderV4}
	credential, signature, err := a.splitHeader(text)
	if err != nil {
		return Auth{}, err
	}
	if err := v.setCredential(&a, credential, headerComplaint); err != nil {
		return Auth{}, err
	}
	if !checkSignedHeaders(a.signed) {
		return Auth{}, headerComplaint("", "the authorization component %q is malformed.", "SignedHeaders="+a.signed)
	}
	if err := v.setHeaderTime(&a, r.Header); err != nil {
		return Auth{}, err
	}
	if err := checkUnsigned(r.Header, a.signed, false); err != nil {
		return Auth{}, err
	}
	if r.Header.Get("X-Amz-Security-Token") != "" {
		return Auth{}, InvalidToken.New() // there are no temporary credentials here
	}
	a.digest = r.Header.Get("X-Amz-Content-Sha256")
	if a.digest == "" {
		return Auth{}, InvalidRequest.Newf("Missing required header for this request: x-amz-content-sha256")
	}
	if a.Payload, err = parsePayload(a.digest); err != nil {
		return Auth{}, err
	}
	if !a.setSignature(signature) {
		return Auth{}, SignatureDoesNotMatch.New().With("AWSAccessKeyId", a.AccessKey)
	}
	return a, nil
}

// splitHeader finds the three components, in any order, with or without spaces behind the commas.
func (a *Auth) splitHeader(text string) (credential, signature string, err error) {
	if strings.Count(text, ",") < 2 {
		return "", "", headerComplaint("", "the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok:
			return "", "", headerComplaint("", "the authorization component %q is malformed.", part)
		case name == "Credential":
			credential = value
		case name == "SignedHeaders":
			a.signed = value
		case name == "Signature":
			signature = value
		}
	}
	switch "" {
	case credential:
		return "", "", headerComplaint("", "missing Credential.")
	case a.signed:
		return "", "", headerComplaint("", "missing SignedHeaders.")
	case signature:
		return "", "", headerComplaint("", "missing Signature.")
	}
	return credential, signature, nil
}

// setHeaderTime takes the time from x-amz-date or, where that is missing, from Date, and compares it with our clock and
// with the scope.
func (v *Verifier) setHeaderTime(a *Auth, h http.Header) error {
	t, err := time.Time{}, error(nil)
	stamp := h.Get("X-Amz-Date")
	if stamp != "" {
		t, err = time.Parse(stampLayout, stamp)
	} else {
		t, err = parseDate(h.Get("Date"))
	}
	if err != nil {
		return AccessDenied.Newf("AWS authentication requires a valid Date or x-amz-date header.")
	}
	if stamp == "" {
		stamp = t.Format(stampLayout)
	}
	a.Time, a.stamp, a.Expires = t, stamp, t.Add(v.skew())
	if stamp[:8] != a.date() {
		return headerComplaint("", "Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	return v.checkSkew(t)
}

// parseDate reads a Date header: an HTTP date or, as some clients send, ISO 8601 basic.
func parseDate(s string) (time.Time, error) {
	if t, err := time.Parse(stampLayout, s); err == nil {
		return t, nil
	}
	t, err := http.ParseTime(s)
	return t.UTC(), err
}

func (v *Verifier) checkSkew(t time.Time) error {
	now := v.now()
	if d := now.Sub(t); d <= v.skew() && -d <= v.skew() {
		return nil
	}
	return RequestTimeTooSkewed.New().
		With("RequestTime", t.UTC().Format(stampLayout)).
		With("ServerTime", now.UTC().Format(time.RFC3339)).
		With("MaxAllowedSkewMilliseconds", strconv.FormatInt(v.skew().Milliseconds(), 10))
}
