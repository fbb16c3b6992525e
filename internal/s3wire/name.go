package s3wire

// MaxKey is the longest key in bytes.
const MaxKey = 1024

// CheckKey refuses keys that S3 refuses: empty, longer than MaxKey, not UTF-8, or (ours) with a NUL.
func CheckKey(key string) error { panic("body follows") }

// CheckBucketName refuses names that are not 3 to 63 characters of lower-case letters, digits, dots and hyphens as
// S3's rules for general purpose buckets have it.
func CheckBucketName(name string) error { panic("body follows") }

// CopySource is what x-amz-copy-source names.
type CopySource struct {
	Bucket, Key string
	VersionID   string // "" for the latest
}

// ParseCopySource reads "/bucket/key?versionId=…", URL-encoded, with or without the leading slash.
func ParseCopySource(header string) (CopySource, error) { panic("body follows") }

// String returns the header's value.
func (c CopySource) String() string { panic("body follows") }
