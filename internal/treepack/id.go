package treepack

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"hash"
	"strconv"

	"holdfast/internal/fault"
)

// ID is the id of a git object. It is comparable; the zero ID names nothing.
type ID struct {
	format Format
	sum    [32]byte // the first Size bytes are used, the others are zero
}

// NewID returns the id with the raw bytes of the format's size.
func NewID(f Format, raw []byte) (ID, error) {
	if f.Size() == 0 || len(raw) != f.Size() {
		return ID{}, fault.New(fault.Invalid, "content_object_id", "%d bytes are no %s object id", len(raw), f)
	}
	return makeID(f, raw), nil
}

// makeID trusts its caller that raw has the format's size.
func makeID(f Format, raw []byte) ID {
	id := ID{format: f}
	copy(id.sum[:], raw)
	return id
}

// ParseID returns the id with the digits: 40 lower-case hex digits are SHA-1, 64 are SHA-256.
func ParseID(text string) (ID, error) {
	id := ID{format: SHA1}
	if len(text) == 2*SHA256.Size() {
		id.format = SHA256
	}
	if len(text) != 2*id.format.Size() || !lowerHex(text) {
		return ID{}, fault.New(fault.Invalid, "content_object_id", "%.70q is no object id: want 40 or 64 lower-case hex digits", text)
	}
	if _, err := hex.Decode(id.sum[:], []byte(text)); err != nil {
		return ID{}, fault.New(fault.Invalid, "content_object_id", "object id %.70q: %w", text, err)
	}
	return id, nil
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Format returns the format of the id, 0 for the zero ID.
func (id ID) Format() Format { return id.format }

// Bytes returns a copy of the raw bytes of the id, none for the zero ID.
func (id ID) Bytes() []byte { return bytes.Clone(id.sum[:id.format.Size()]) }

// AppendTo appends the raw bytes of the id.
func (id ID) AppendTo(dst []byte) []byte { return append(dst, id.sum[:id.format.Size()]...) }

// String returns the id in hex, "" for the zero ID.
func (id ID) String() string { return hex.EncodeToString(id.sum[:id.format.Size()]) }

// IsZero reports whether the id names nothing.
func (id ID) IsZero() bool { return id.format == 0 }

// Compare orders ids: by format, then by bytes.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.format, other.format), bytes.Compare(id.sum[:], other.sum[:]))
}

// MarshalText returns the id in hex, for JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

// HashObject returns the id of an object: kind is "blob", "tree" or "commit".
func HashObject(f Format, kind string, content []byte) ID {
	h := f.New()
	hashHead(h, kind, int64(len(content)))
	h.Write(content)
	return sumID(f, h)
}

// hashHead begins an object: every id is the hash of the kind, a space, the size in decimal, a NUL and the content.
func hashHead(h hash.Hash, kind string, size int64) {
	var buf [32]byte
	head := append(append(buf[:0], kind...), ' ')
	h.Write(append(strconv.AppendInt(head, size, 10), 0))
}

func sumID(f Format, h hash.Hash) ID {
	id := ID{format: f}
	h.Sum(id.sum[:0])
	return id
}
