package s3api

import (
	"net/http"

	"holdfast/internal/s3wire"
)

// unsupported are the headers that ask for what Holdfast does not do. To store an object and leave out its encryption
// or its lock would be worse than to refuse it.
func unsupported() []string {
	return []string{
		"X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Customer-Algorithm",
		"X-Amz-Server-Side-Encryption-Customer-Key", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
		"X-Amz-Server-Side-Encryption-Context", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled",
		"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm",
		"X-Amz-Write-Offset-Bytes",
	}
}

// refuseUnsupported names the first such header of a request.
func (s *Server) refuseUnsupported(h http.Header) error {
	for _, name := range unsupported() {
		if v, sent := h[name]; sent && v[0] != "" {
			return s3wire.NotImplemented.New().With("Header", name)
		}
	}
	return refuseLock(h, s.now())
}

// storageClasses are the names that S3 knows. All of them mean the same here.
func storageClasses() []string {
	return []string{
		"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR",
		"DEEP_ARCHIVE", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE",
	}
}
