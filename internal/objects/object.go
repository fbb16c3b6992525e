package objects

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/secret"
)

// Generation orders all writes to the index. It is positive; 0 means none.
type Generation int64

// BlobID names the blob of an object: 128 random bits, written as 32 lower-case hex digits.
type BlobID [16]byte

// Digests are the checksums of an object's bytes. A nil slice means not known.
type Digests struct {
	MD5    []byte
	SHA256 []byte
	// Checksum is the one S3 checksum that the client asked for; Algorithm is "" when there is none.
	Algorithm string // CRC32, CRC32C, CRC64NVME, SHA1, SHA256, … as package s3wire names them
	Checksum  []byte
	Composite bool // a checksum of part checksums, not of the bytes
	Parts     int  // number of parts, 0 when not written by multipart upload
	// PartSizes are the bytes of each part in order, nil when not written by multipart upload: GetObject?partNumber and
	// GetObjectAttributes need them.
	PartSizes []int64
}

// Headers are what the writer wants to be said about the object when it is read. Empty means not said.
type Headers struct {
	ContentType        string            `json:"content_type,omitempty"`
	ContentEncoding    string            `json:"content_encoding,omitempty"`
	ContentDisposition string            `json:"content_disposition,omitempty"`
	ContentLanguage    string            `json:"content_language,omitempty"`
	CacheControl       string            `json:"cache_control,omitempty"`
	Expires            string            `json:"expires,omitempty"`
	Redirect           string            `json:"redirect,omitempty"` // x-amz-website-redirect-location; told, never obeyed
	User               map[string]string `json:"user,omitempty"`     // x-amz-meta-*, names in lower case
}

// Object is one version of what a key holds.
type Object struct {
	Bucket     string
	Key        string
	Generation Generation
	Latest     bool
	Marker     bool // a delete marker: no blob, size 0
	Blob       BlobID
	Size       int64
	ETag       string // without quotes
	Sniffed    string // media type found by looking at the first bytes, without parameters; "" for an empty object
	Headers    Headers
	Digests    Digests
	Tags       map[string]string
	Public     bool      // canned ACL public-read on this object in a bucket that allows it
	Created    time.Time // by the clock of the process that wrote it; microseconds
	ExpiresAt  time.Time // zero: never
	NullID     bool      // written while the bucket kept no versions: its S3 version id is "null"
}

// Secret is a secret text; see package secret.
type Secret = secret.String

func newBlobID() (id BlobID) {
	_, _ = rand.Read(id[:]) // crypto/rand.Read never fails: it ends the process instead
	return id
}

// ParseBlobID reads what String writes.
func ParseBlobID(s string) (id BlobID, ok bool) {
	if len(s) != hex.EncodedLen(len(id)) {
		return id, false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return id, false
		}
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

// String returns the id as 32 lower-case hex digits.
func (id BlobID) String() string { return hex.EncodeToString(id[:]) }

// BlobName is where the blob of an object lies while the object lives: "blobs/<first two digits>/<32 digits>".
func (id BlobID) BlobName() blob.Name { return id.name("blobs") }

// TrashName is where a dead blob waits for the end of the trash period.
func (id BlobID) TrashName() blob.Name { return id.name("trash") }

// PartName is where a part of a multipart upload lies.
func (id BlobID) PartName() blob.Name { return id.name("parts") }

func (id BlobID) name(space string) blob.Name {
	digits := id.String()
	return blob.Name(space + "/" + digits[:2] + "/" + digits)
}
