package objects

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/internal/fault"
)

// Sidecar is the text that lies beside the blob of an object: what its links are served with without asking PostgreSQL,
// and what the index can be rebuilt from without it. What may change while the blob stays (tags, ACL, whether the
// object is current) is not part of it. The form is stable, JSON in UTF-8:
//
//	{"v":1,"bucket":"papers","key":"2026/a.pdf","headers":{"content_type":"application/pdf","user":{"author":"1"}},
//	 "size":16384,"etag":"9e10…","md5":"9e10…","sha256":"e3b0…","sniffed":"application/pdf",
//	 "created":"2026-02-03T04:05:06.789Z"}
//
// Digests are lower-case hex, left out when not known (md5 and sha256 of multipart objects); etag has no quotes.
// Present when they apply: "expires" (the time that the writer set), "algorithm" and "checksum" (hex) with "composite",
// "parts". A reader ignores members that it does not know and refuses a "v" above its own.
type Sidecar struct {
	Version   int       `json:"v"`
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	Headers   Headers   `json:"headers"`
	Size      int64     `json:"size"`
	ETag      string    `json:"etag"`
	MD5       hexBytes  `json:"md5,omitempty"`
	SHA256    hexBytes  `json:"sha256,omitempty"`
	Sniffed   string    `json:"sniffed"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires,omitzero"`
	Algorithm string    `json:"algorithm,omitempty"`
	Checksum  hexBytes  `json:"checksum,omitempty"`
	Composite bool      `json:"composite,omitempty"`
	Parts     int       `json:"parts,omitempty"`
}

const sidecarVersion = 1

// hexBytes are bytes that JSON shows in hex.
type hexBytes []byte

// MarshalText implements encoding.TextMarshaler.
func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// SidecarOf returns the sidecar of an object's blob.
func SidecarOf(o *Object) Sidecar {
	return Sidecar{
		Version: sidecarVersion, Bucket: o.Bucket, Key: o.Key, Headers: o.Headers, Size: o.Size, ETag: o.ETag,
		MD5: o.Digests.MD5, SHA256: o.Digests.SHA256, Sniffed: o.Sniffed, Created: o.Created.UTC(), Expires: o.ExpiresAt.UTC(),
		Algorithm: o.Digests.Algorithm, Checksum: o.Digests.Checksum, Composite: o.Digests.Composite, Parts: o.Digests.Parts,
	}
}

// Encode returns the text.
func (s Sidecar) Encode() ([]byte, error) { return marshal(s) }

// DecodeSidecar reads what Encode wrote.
func DecodeSidecar(text []byte) (Sidecar, error) {
	var s Sidecar
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fault.New(fault.Invalid, "sidecar", "read sidecar: %w", err)
	}
	if s.Version < 1 || s.Version > sidecarVersion {
		return s, fault.New(fault.Invalid, "sidecar", "sidecar of version %d, this Holdfast knows %d", s.Version, sidecarVersion)
	}
	return s, nil
}

// Object returns the object as far as its sidecar knows it. It has no generation, and may have been deleted since.
func (s Sidecar) Object(id BlobID) Object {
	return Object{
		Bucket: s.Bucket, Key: s.Key, Blob: id, Size: s.Size, ETag: s.ETag, Sniffed: s.Sniffed, Headers: s.Headers,
		Created: s.Created, ExpiresAt: s.Expires,
		Digests: Digests{
			MD5: s.MD5, SHA256: s.SHA256, Algorithm: s.Algorithm, Checksum: s.Checksum, Composite: s.Composite, Parts: s.Parts,
		},
	}
}

func sidecarText(o *Object) ([]byte, error) {
	text, err := SidecarOf(o).Encode()
	if err != nil {
		return nil, fmt.Errorf("sidecar: %w", err)
	}
	return text, nil
}
