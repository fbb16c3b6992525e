package blob

import (
	"strings"

	"holdfast/internal/fault"
)

// Name is the name of a blob inside a store: one or more segments of [a-z0-9._-] joined by "/", no segment starting
// with a dot, each at most 128 bytes, 512 in all. The grammar is narrow so that no name can leave a directory, differ
// by case alone, or collide with temporary files and sidecars (which start with a dot).
//
// Names form a tree: callers do not put both "a" and "a/b". A store of files refuses the second of the two with an
// error of kind Conflict.
type Name string

// ParseName returns the name, or an error of kind Invalid that says which rule it breaks.
func ParseName(s string) (Name, error) {
	if s == "" || len(s) > 512 {
		return "", badName(s, "length must be 1 to 512 bytes")
	}
	for seg := range strings.SplitSeq(s, "/") {
		if seg == "" || len(seg) > 128 {
			return "", badName(s, "each segment must have 1 to 128 bytes")
		}
		if seg[0] == '.' {
			return "", badName(s, "a segment must not start with a dot")
		}
		for i := range len(seg) {
			if !nameByte(seg[i]) {
				return "", badName(s, "only a-z, 0-9, '.', '_' and '-' are allowed")
			}
		}
	}
	return Name(s), nil
}

// Valid reports whether the name keeps the grammar. Stores call it before they touch anything.
func (n Name) Valid() error {
	_, err := ParseName(string(n))
	return err
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

func badName(s, rule string) error {
	return fault.New(fault.Invalid, "blob_name", "blob name %q: %s", s, rule)
}
