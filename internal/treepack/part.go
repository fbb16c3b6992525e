package treepack

import (
	"encoding/hex"
	"strings"

	"holdfast/internal/fault"
)

// PartKind says which objects a part consists of.
type PartKind byte

// The kinds of parts.
const (
	WholeTree PartKind = 't' // a tree with everything below it
	OwnFiles  PartKind = 'f' // a raw tree and its files and links, but neither sub-trees nor big blobs
	BigBlob   PartKind = 'b' // one blob above Limits.Part
)

// PartID names a part by the object it begins with. Of one tree there may be an OwnFiles part for every limit of parts:
// the sum in Part tells them apart.
type PartID struct {
	Kind PartKind
	ID   ID
}

// String returns the kind, the version of the pack format, a dash and the id in hex: "t1-4b825d…".
func (p PartID) String() string { return string([]byte{byte(p.Kind), '1', '-'}) + p.ID.String() }

// ParsePartID reads what String wrote.
func ParsePartID(text string) (PartID, error) {
	head, digits, _ := strings.Cut(text, "-")
	if len(head) != 2 || !PartKind(head[0]).known() || head[1] != '1' {
		return PartID{}, fault.New(fault.Invalid, "content_part_id", "%.80q is no part id", text)
	}
	id, err := ParseID(digits)
	if err != nil {
		return PartID{}, fault.New(fault.Invalid, "content_part_id", "part id %.80q: %w", text, err)
	}
	return PartID{Kind: PartKind(head[0]), ID: id}, nil
}

func (k PartKind) known() bool { return k == WholeTree || k == OwnFiles || k == BigBlob }

// MarshalText returns what String returns, for JSON.
func (p PartID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *PartID) UnmarshalText(text []byte) error {
	parsed, err := ParsePartID(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// Part is all that is known of a part after it was packed.
type Part struct {
	ID     PartID
	SHA256 [32]byte // of the plain stream
	Plain  int64    // bytes of the plain stream
	Packed int64    // bytes of the pack as its builder made it; another builder's may differ
	Files  int32    // files and links in it
}

// BlobName returns the name under which the pack is stored: "content/v1/<2 hex>/<PartID>-<16 hex of the sum>". With the
// sum in it, a colliding SHA-1 object of one source cannot take the place of another source's.
func (p Part) BlobName() string {
	id := p.ID.ID.String()
	return "content/v1/" + id[:min(2, len(id))] + "/" + p.ID.String() + "-" + hex.EncodeToString(p.SHA256[:8])
}

// Piece is a part at its place in a chunk.
type Piece struct {
	Path string // below the chunk: of the directory, or of the file for a BigBlob; "" is the root
	Mode Mode   // of the file, canonical, for a BigBlob; 0 for others
	Part Part
}

// Limits says where chunks are split and what is refused. Zero means no limit; but 128 directories inside each other,
// 3072 bytes of a path, MaxTree, and 4095 bytes of a link are limits that nothing lifts.
type Limits struct {
	Part  int64 // bytes of the plain stream above which a tree is split, and of a blob above which it is a part of its own
	Plain int64 // bytes of all trees and files of a chunk, as in the plain stream
	Files int   // files, links and directories of a chunk, its own directory not counted
	Depth int   // directories inside each other, its own directory not counted
	Blob  int64 // bytes of one file
}

// DefaultLimits returns the limits that hold unless something else is configured.
func DefaultLimits() Limits {
	return Limits{Part: 256 << 10, Plain: 2 << 30, Files: 100_000, Depth: 64, Blob: 1 << 30}
}
