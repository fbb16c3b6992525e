package s3wire

import (
	"crypto/md5"  //nolint:gosec // S3 offers it as a checksum
	"crypto/sha1" //nolint:gosec // S3 offers it as a checksum
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"
)

// Algorithm is an S3 checksum algorithm, spelled as in x-amz-sdk-checksum-algorithm.
type Algorithm string

// The algorithms. The SDKs send the CRCs; the XXHASHes, MD5 and SHA512 came to S3 last.
const (
	CRC32     Algorithm = "CRC32"
	CRC32C    Algorithm = "CRC32C"
	CRC64NVME Algorithm = "CRC64NVME"
	MD5       Algorithm = "MD5"
	SHA1      Algorithm = "SHA1"
	SHA256    Algorithm = "SHA256"
	SHA512    Algorithm = "SHA512"
	XXHASH64  Algorithm = "XXHASH64"
	XXHASH3   Algorithm = "XXHASH3"
	XXHASH128 Algorithm = "XXHASH128"
)

// Algorithms returns all algorithms.
func Algorithms() []Algorithm {
	return []Algorithm{CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64}
}

// ParseAlgorithm reads an algorithm's name in any case. Unknown: InvalidRequest.
func ParseAlgorithm(s string) (Algorithm, error) {
	a := Algorithm(strings.ToUpper(s))
	if a.Size() == 0 {
		return "", InvalidRequest.Newf("Checksum algorithm provided is unsupported. Please try again with any of the valid types: " +
			"[CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]")
	}
	return a, nil
}

// Header returns the header that carries a value: "X-Amz-Checksum-Crc32" in canonical form, "" for no algorithm.
func (a Algorithm) Header() string {
	if a == "" {
		return ""
	}
	return "X-Amz-Checksum-" + string(a[0]) + strings.ToLower(string(a[1:]))
}

// headerName returns the header in lower case, as S3 spells it in messages and trailers.
func (a Algorithm) headerName() string { return "x-amz-checksum-" + strings.ToLower(string(a)) }

// Element returns the XML element that carries a value: "ChecksumCRC32".
func (a Algorithm) Element() string { return "Checksum" + string(a) }

// Size returns the length of a value in bytes, 0 for an unknown algorithm.
func (a Algorithm) Size() int {
	switch a {
	case CRC32, CRC32C:
		return 4
	case CRC64NVME, XXHASH64, XXHASH3:
		return 8
	case MD5, XXHASH128:
		return 16
	case SHA1:
		return sha1.Size
	case SHA256:
		return sha256.Size
	case SHA512:
		return sha512.Size
	}
	return 0
}

// New returns a running checksum, nil for an unknown algorithm.
func (a Algorithm) New() hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)) // the table is made once by the library
	case CRC64NVME:
		return crc64nvme.New()
	case MD5:
		return md5.New() //nolint:gosec // see import
	case SHA1:
		return sha1.New() //nolint:gosec // see import
	case SHA256:
		return sha256.New()
	case SHA512:
		return sha512.New()
	case XXHASH64:
		return xxhash.New()
	case XXHASH3:
		return xxh3.New()
	case XXHASH128:
		return xxhash128{xxh3.New()}
	}
	return nil
}

// xxhash128 makes the long form of XXH3 a hash.Hash.
type xxhash128 struct{ *xxh3.Hasher }

func (x xxhash128) Size() int { return 16 }

func (x xxhash128) Sum(b []byte) []byte {
	sum := x.Sum128().Bytes()
	return append(b, sum[:]...)
}

// Combines reports whether a full-object value can be made of part values: true of the CRCs.
func (a Algorithm) Combines() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// DefaultType returns the type that a multipart upload has when the client does not say.
func (a Algorithm) DefaultType() ChecksumType {
	if a == CRC64NVME {
		return FullObject
	}
	return Composite
}

// CheckType refuses the pairs that S3 refuses: a full-object type for anything that cannot be combined from parts, and
// CRC64NVME as a composite.
func (a Algorithm) CheckType(t ChecksumType) error {
	if t == FullObject && a.Combines() || t == Composite && a != CRC64NVME {
		return nil
	}
	return InvalidRequest.Newf("The %s checksum type cannot be used with the %s checksum algorithm.", t, strings.ToLower(string(a)))
}
