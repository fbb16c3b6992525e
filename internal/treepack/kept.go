package treepack

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Kept holds the raw trees that Sink.Keep was given, by path. It is for the sink to store beside what was unpacked.
type Kept map[string][]byte

// Encode returns the trees as bytes, the same for the same trees.
func (k Kept) Encode() []byte {
	var out []byte
	for _, path := range slices.Sorted(maps.Keys(k)) {
		out = append(binary.AppendUvarint(out, uint64(len(path))), path...)
		out = append(binary.AppendUvarint(out, uint64(len(k[path]))), k[path]...)
	}
	return out
}

// ParseKept reads what Encode wrote. What it holds is not trusted: VerifyDir checks it.
func ParseKept(data []byte) (Kept, error) {
	k := Kept{}
	for len(data) > 0 {
		path, rest, ok := cutField(data)
		if !ok {
			return nil, corrupt("kept trees: a path is cut off")
		}
		raw, rest, ok := cutField(rest)
		if !ok {
			return nil, corrupt("kept trees: the tree of %q is cut off", path)
		}
		k[string(path)], data = raw, rest
	}
	return k, nil
}

// cutField takes a length and as many bytes off.
func cutField(data []byte) (field, rest []byte, ok bool) {
	n, width := binary.Uvarint(data)
	if width <= 0 || n > uint64(len(data)-width) {
		return nil, nil, false
	}
	return data[width : width+int(n)], data[width+int(n):], true
}
