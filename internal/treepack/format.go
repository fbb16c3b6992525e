package treepack

import (
	"crypto/sha1" //nolint:gosec // git's object ids; never trusted alone, see the package comment
	"crypto/sha256"
	"hash"

	"holdfast/internal/fault"
)

// Format is the hash that names the objects of a repository.
type Format uint8

// The formats. Their numbers stand in packs.
const (
	SHA1   Format = 1
	SHA256 Format = 2
)

// ParseFormat returns the format that git calls by the name (extensions.objectFormat): "sha1" or "sha256".
func ParseFormat(name string) (Format, error) {
	switch name {
	case "sha1":
		return SHA1, nil
	case "sha256":
		return SHA256, nil
	}
	return 0, fault.New(fault.Invalid, "content_object_format", "object format %q is neither sha1 nor sha256", name)
}

// String returns git's name of the format.
func (f Format) String() string {
	switch f {
	case SHA1:
		return "sha1"
	case SHA256:
		return "sha256"
	}
	return "unknown"
}

// Size returns the bytes of an id: 20 or 32; 0 for an unknown format.
func (f Format) Size() int {
	switch f {
	case SHA1:
		return sha1.Size
	case SHA256:
		return sha256.Size
	}
	return 0
}

// New returns the hash. It panics for an unknown format: a caller has made that up.
func (f Format) New() hash.Hash {
	switch f {
	case SHA1:
		return sha1.New() //nolint:gosec // see the import
	case SHA256:
		return sha256.New()
	}
	panic("treepack: unknown object format")
}
