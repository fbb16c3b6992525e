package cli

import (
	"crypto/md5" //nolint:gosec // what S3 clients announce
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"holdfast/internal/files"
)

// digestOf returns the best digest that is known of an object, in hex, and what computes it; "" for an object that was uploaded
// in parts, of which nothing is known but the length. Of a large object whose client signed each chunk there is MD5 alone.
func digestOf(info files.ObjectInfo) (want string, h hash.Hash) {
	if info.SHA256 == "" && info.MD5 != "" {
		return info.MD5, md5.New() //nolint:gosec // see import
	}
	return info.SHA256, sha256.New()
}

// sameContent reports whether what is read is known to be what the object holds.
func sameContent(f io.Reader, info files.ObjectInfo) bool {
	want, h := digestOf(info)
	if want == "" {
		return false
	}
	_, err := io.Copy(h, f)
	return err == nil && hex.EncodeToString(h.Sum(nil)) == want
}
