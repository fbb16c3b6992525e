package s3wire

import (
	"hash"
	"net/http"
)

// Algorithm is an S3 checksum algorithm, spelled as in x-amz-sdk-checksum-algorithm.
type Algorithm string

// The algorithms.
const (
	CRC32     Algorithm = "CRC32"
	CRC32C    Algorithm = "CRC32C"
	CRC64NVME Algorithm = "CRC64NVME"
	SHA1      Algorithm = "SHA1"
	SHA256    Algorithm = "SHA256"
)

// ChecksumType says how the checksum of a multipart object is made.
type ChecksumType string

// The types.
const (
	FullObject ChecksumType = "FULL_OBJECT" // of all bytes
	Composite  ChecksumType = "COMPOSITE"   // of the part checksums, one after the other
)

// ParseAlgorithm reads an algorithm's name in any case. Unknown: InvalidRequest.
func ParseAlgorithm(s string) (Algorithm, error) { panic("body follows") }

// Header returns the header that carries a value: "X-Amz-Checksum-Crc32" in canonical form.
func (a Algorithm) Header() string { panic("body follows") }

// Element returns the XML element that carries a value: "ChecksumCRC32".
func (a Algorithm) Element() string { panic("body follows") }

// Size returns the length of a value in bytes.
func (a Algorithm) Size() int { panic("body follows") }

// New returns a running checksum.
func (a Algorithm) New() hash.Hash { panic("body follows") }

// Combines reports whether a full-object value can be made of part values (the CRCs).
func (a Algorithm) Combines() bool { panic("body follows") }

// DefaultType returns the type that a multipart upload has when the client does not say.
func (a Algorithm) DefaultType() ChecksumType { panic("body follows") }

// CheckType refuses the pairs that S3 refuses: SHA with FULL_OBJECT, CRC64NVME with COMPOSITE.
func (a Algorithm) CheckType(t ChecksumType) error { panic("body follows") }

// Checksum is a value with its algorithm. The zero value means none.
type Checksum struct {
	Algorithm Algorithm
	Sum       []byte
	Parts     int // of a composite: how many; 0 for a full object
}

// Type returns Composite or FullObject.
func (c Checksum) Type() ChecksumType { panic("body follows") }

// String returns the value as headers and XML carry it: base64, with "-N" behind it for a composite of N parts.
func (c Checksum) String() string { panic("body follows") }

// ParseChecksum reads such a value. InvalidRequest when it is not base64 of the right length.
func ParseChecksum(a Algorithm, s string) (Checksum, error) { panic("body follows") }

// HeaderChecksum returns the one checksum in the headers, the zero Checksum if there is none. More than one, or one
// that contradicts x-amz-sdk-checksum-algorithm: InvalidRequest.
func HeaderChecksum(h http.Header) (Checksum, error) { panic("body follows") }

// PartSum is the checksum of one part and the part's length in bytes.
type PartSum struct {
	Sum  []byte
	Size int64
}

// Join makes the checksum of a whole multipart object of those of its parts, in order.
func Join(a Algorithm, t ChecksumType, parts []PartSum) (Checksum, error) { panic("body follows") }

// Algorithms returns all algorithms, in the order of S3's documentation.
func Algorithms() []Algorithm { return []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256} }
