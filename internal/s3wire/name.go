package s3wire

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxKey is the longest key in bytes.
const MaxKey = 1024

// CheckKey refuses keys that S3 refuses: empty, longer than MaxKey, not UTF-8; and one that S3 lets pass, with a NUL,
// which no database column of text can hold.
func CheckKey(key string) error {
	switch {
	case key == "":
		return argument("key", key, "The key is empty")
	case len(key) > MaxKey:
		return KeyTooLong.New().With("Size", strconv.Itoa(len(key))).With("MaxSizeAllowed", strconv.Itoa(MaxKey))
	case !utf8.ValidString(key):
		return InvalidURI.Newf("The key is not valid UTF-8.")
	case strings.IndexByte(key, 0) >= 0:
		return InvalidURI.Newf("The key holds a NUL byte.")
	}
	return nil
}

// CheckBucketName refuses names that do not follow S3's rules for general purpose buckets: 3 to 63 characters of
// lower-case letters, digits, dots and hyphens; labels between dots that begin and end with a letter or digit; not in
// the form of an IPv4 address; without the prefixes and suffixes that S3 keeps for itself.
func CheckBucketName(name string) error {
	reason := bucketNameFault(name)
	if reason == "" {
		return nil
	}
	return InvalidBucketName.New().With("BucketName", name).With("Reason", "The name "+reason+".")
}

// bucketNameFault says what is wrong with the name, "" if nothing is.
func bucketNameFault(name string) string {
	if len(name) < 3 || len(name) > 63 {
		return "must be 3 to 63 characters long"
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return "may hold only lower-case letters, digits, dots and hyphens"
		}
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return "must begin and end with a letter or digit, around dots too"
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "must not look like an IP address"
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return "must not begin with " + p
		}
	}
	for _, s := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, s) {
			return "must not end with " + s
		}
	}
	return ""
}

// CopySource is what x-amz-copy-source names.
type CopySource struct {
	Bucket, Key string
	VersionID   string // "" for the latest
}

// ParseCopySource reads "/bucket/key?versionId=…", URL-encoded, with or without the leading slash. A plus sign is a
// plus sign. A question mark that does not begin "?versionId=" belongs to the key, for clients that do not encode.
func ParseCopySource(header string) (CopySource, error) {
	path, version := header, ""
	if i := strings.LastIndex(header, "?versionId="); i >= 0 {
		path, version = header[:i], header[i+len("?versionId="):]
	}
	version, err := url.QueryUnescape(version)
	if err != nil {
		return CopySource{}, copySourceFault(header, "Invalid copy source encoding")
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return CopySource{}, copySourceFault(header, "Invalid copy source encoding")
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(plain, "/"), "/")
	if bucketNameFault(bucket) != "" {
		return CopySource{}, copySourceFault(header, "Invalid copy source bucket name")
	}
	if CheckKey(key) != nil {
		return CopySource{}, copySourceFault(header, "Invalid copy source object key")
	}
	return CopySource{bucket, key, version}, nil
}

func copySourceFault(header, text string) *Error {
	return argument("x-amz-copy-source", header, "%s", text)
}

// String returns the header's value.
func (c CopySource) String() string {
	text := c.Bucket + "/" + string(appendEscaped(nil, c.Key, true))
	if c.VersionID != "" {
		text += "?versionId=" + string(appendEscaped(nil, c.VersionID, false))
	}
	return text
}
