package s3api

import (
	"net/http"
	"net/url"
	"strings"
)

// hoist obeys the parameters of a presigned URL that stand for headers: S3 takes "x-amz-acl" or "x-amz-meta-…" from
// the signed query as it would from a header, and the AWS SDK for JavaScript puts them there. Checksums are left out:
// SDKs compute one of an empty body when they presign, which no upload can match. A header that was sent wins.
func hoist(r *http.Request, q url.Values) {
	for name, values := range q {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "x-amz-") || isProof(lower) || strings.HasPrefix(lower, "x-amz-checksum-") {
			continue
		}
		canonical := http.CanonicalHeaderKey(lower)
		if _, sent := r.Header[canonical]; !sent {
			r.Header[canonical] = values[:1]
		}
	}
}

// isProof names the parameters of the signature itself.
func isProof(lower string) bool {
	switch lower {
	case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature",
		"x-amz-security-token", "x-amz-content-sha256", "x-amz-sdk-checksum-algorithm", "x-amz-checksum-mode":
		return true
	}
	return false
}
