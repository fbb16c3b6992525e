package s3wire

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // signature version 2 is HMAC-SHA1 by definition, and an opt-in
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/secret"
)

// parseV2 reads the claim of a URL presigned with signature version 2: AWSAccessKeyId, Expires (Unix time), Signature.
func (v *Verifier) parseV2(r *http.Request, q queryClaim) (Auth, error) {
	if !v.SigV2 || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return Auth{}, unsupportedMechanism()
	}
	if q.accessKey == "" || q.oldExpires == "" || q.oldSignature == "" {
		return Auth{}, AccessDenied.Newf("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	seconds, err := strconv.ParseInt(q.oldExpires, 10, 64)
	if err != nil || seconds < 0 {
		return Auth{}, AccessDenied.Newf("Invalid date (should be seconds since epoch): %s", q.oldExpires)
	}
	at := time.Unix(seconds, 0)
	if now := v.now(); now.After(at) {
		return Auth{}, expired(at, now)
	}
	return Auth{Scheme: QueryV2, AccessKey: q.accessKey, Expires: at, stamp: q.oldExpires, rawSig: q.oldSignature}, nil
}

// verifyV2 checks the signature. The host is no part of it, but the bucket in the host is.
func (v *Verifier) verifyV2(r *http.Request, a *Auth, key secret.String) error {
	paths := []string{string(appendEscaped(nil, r.URL.Path, true)), r.URL.EscapedPath()}
	for _, path := range paths {
		if bucket := v.BucketOf(r.Host); bucket != "" {
			path = "/" + bucket + path
		}
		mac := hmac.New(sha1.New, []byte(key.Reveal()))
		mac.Write([]byte(stringToSignV2(r, a.stamp, path)))
		sum := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if subtle.ConstantTimeCompare([]byte(sum), []byte(a.rawSig)) == 1 {
			return nil
		}
	}
	text := stringToSignV2(r, a.stamp, paths[0])
	return quote(a.AccessKey, text, a.rawSig)
}

func stringToSignV2(r *http.Request, expires, path string) string {
	lines := []string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), expires}
	var names []string
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, strings.ToLower(name)+":"+strings.Join(r.Header[name], ","))
	}
	return strings.Join(append(lines, path+subresourcesV2(r.URL.RawQuery)), "\n")
}

// subresourcesV2 returns the query parameters that version 2 covers, sorted, values decoded.
func subresourcesV2(raw string) string {
	var parts []string
	for p := range queryParams(raw) {
		if !slices.Contains(signedByV2(), p.name) {
			continue
		}
		if p.value != "" {
			p.name += "=" + p.value
		}
		parts = append(parts, p.name)
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return "?" + strings.Join(parts, "&")
}

func signedByV2() []string {
	return []string{
		"acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy",
		"requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-content-type", "response-expires", "restore", "tagging", "torrent",
		"uploadId", "uploads", "versionId", "versioning", "versions", "website",
	}
}

// unsupportedMechanism answers every signature that is not version 4 with HMAC.
func unsupportedMechanism() *Error {
	return InvalidRequest.Newf("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
}
