package s3api

import (
	"net/http"
	"time"

	"holdfast/internal/s3wire"
	"holdfast/internal/unit"
)

// expiresInHeader gives an object a life of its own: "3600" seconds, "12h", "30d".
const expiresInHeader = "X-Holdfast-Expires-In"

// expiresAt reads the header; the zero time when it was not sent.
func (s *Server) expiresAt(h http.Header) (time.Time, error) {
	text := h.Get(expiresInHeader)
	if text == "" {
		return time.Time{}, nil
	}
	life, err := unit.ParseDuration(text)
	if err != nil || life <= 0 {
		return time.Time{}, invalidArgument("x-holdfast-expires-in", text, "The life of an object is a number of seconds or a time with units, as 90s, 12h or 30d.")
	}
	return s.now().Add(life.D()), nil
}

// expiration is the header x-amz-expiration of an object that ends: S3's answer for objects under a lifecycle rule.
func expiration(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return `expiry-date="` + httpTime(at) + `", rule-id="holdfast"`
}

// unsupported are the headers that ask for what Holdfast does not do. To store an object and leave out its encryption
// or its lock would be worse than to refuse it.
func unsupported() []string {
	return []string{
		"X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Customer-Algorithm",
		"X-Amz-Server-Side-Encryption-Customer-Key", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
		"X-Amz-Server-Side-Encryption-Context", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled",
		"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm",
		"X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date", "X-Amz-Object-Lock-Legal-Hold",
		"X-Amz-Website-Redirect-Location", "X-Amz-Write-Offset-Bytes",
	}
}

// refuseUnsupported names the first such header of a request.
func refuseUnsupported(h http.Header) error {
	for _, name := range unsupported() {
		if v, sent := h[name]; sent && v[0] != "" {
			return s3wire.NotImplemented.Newf("A header you provided implies functionality that is not implemented").With("Header", name)
		}
	}
	return nil
}

// storageClasses are the names that S3 knows. All of them mean the same here.
func storageClasses() []string {
	return []string{
		"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR",
		"DEEP_ARCHIVE", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE",
	}
}
