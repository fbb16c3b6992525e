package s3wire

import (
	"slices"
	"strings"
	"time"
)

// The fixed words of signature version 4 as S3 uses it.
const (
	algorithmV4  = "AWS4-HMAC-SHA256"
	algorithmV4A = "AWS4-ECDSA-P256-SHA256"
	service      = "s3"
	terminator   = "aws4_request"
	stampLayout  = "20060102T150405Z" // ISO 8601 basic
)

// complaint words a fault of the credential for one of the three places where it may stand.
type complaint func(region, format string, args ...any) *Error

func headerComplaint(region, format string, args ...any) *Error {
	e := AuthorizationHeaderMalformed.Newf("The authorization header is malformed; "+format, args...)
	if region != "" {
		e = e.With("Region", region)
	}
	return e
}

func queryComplaint(region, format string, args ...any) *Error {
	e := AuthorizationQueryParametersError.Newf("Error parsing the X-Amz-Credential parameter; "+format, args...)
	if region != "" {
		e = e.With("Region", region)
	}
	return e
}

// setCredential takes "AKID/20130524/us-east-1/s3/aws4_request" apart and checks the scope.
func (v *Verifier) setCredential(a *Auth, text string, complain complaint) error {
	key, scope, _ := strings.Cut(text, "/")
	if key == "" || strings.Count(scope, "/") != 3 {
		return complain("", `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	}
	date, rest, _ := strings.Cut(scope, "/")
	region, rest, _ := strings.Cut(rest, "/")
	svc, end, _ := strings.Cut(rest, "/")
	switch {
	case end != terminator:
		return complain("", `incorrect terminal %q. This endpoint uses "aws4_request".`, end)
	case svc != service:
		return complain("", `incorrect service %q. This endpoint belongs to "s3".`, svc)
	case len(v.Regions) > 0 && !slices.Contains(v.Regions, region):
		return complain(v.Regions[0], `the region %q is wrong; expecting %q`, region, v.Regions[0])
	}
	if !isDate(date) {
		return complain("", `incorrect date format %q. This date in the credential must be in the format "yyyyMMdd".`, date)
	}
	a.AccessKey, a.Region, a.scope = key, region, scope
	return nil
}

func isDate(s string) bool {
	if len(s) != 8 {
		return false
	}
	_, err := time.Parse("20060102", s)
	return err == nil
}

// setSignature reads the 64 hex digits. A signature of another form can only be wrong.
func (a *Auth) setSignature(hex string) bool {
	if len(hex) != 2*len(a.signature) {
		return false
	}
	for i := range a.signature {
		if !isHex(hex[2*i]) || !isHex(hex[2*i+1]) {
			return false
		}
		a.signature[i] = unhex(hex[2*i])<<4 | unhex(hex[2*i+1])
	}
	return true
}
