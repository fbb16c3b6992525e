package treepack

import (
	"bytes"
	"encoding/binary"
)

// The plain stream, version 1: see docs/formats.md.
const (
	magic     = "HFPK1" // then the kind of part, the number of the format, and a line feed
	headSize  = len(magic) + 3
	tagTree   = 't' // then 8 bytes of length and the raw tree
	tagBlob   = 'b' // then 8 bytes of length and the content
	tagLeft   = 'o' // in OwnFiles: a blob that is a part of its own stands here in the tree
	tagEnd    = 'e' // the last byte of the stream
	tagSize   = 1
	objectTag = tagSize + 8
)

// Limits that no setting lifts.
const (
	maxDepth = 128  // directories inside each other
	maxPath  = 3072 // bytes of a path below its part; with the cache's own directory before it, systems allow 4095
	maxLink  = 4095 // bytes of the target of a symbolic link, as Linux allows
)

// streamHead returns how the plain stream of a part begins.
func streamHead(id PartID) []byte {
	return append([]byte(magic), byte(id.Kind), '0'+byte(id.ID.format), '\n')
}

// objectHead returns what stands before an object.
func objectHead(tag byte, size int64) (head [objectTag]byte) {
	head[0] = tag
	binary.BigEndian.PutUint64(head[tagSize:], uint64(size))
	return head
}

// checkPath says whether a path may lie at a depth of a part.
func checkPath(path string, depth int) error {
	switch {
	case depth > maxDepth:
		return fail(ErrTooDeep, "more than %d directories inside each other", maxDepth)
	case len(path) > maxPath:
		return fail(ErrTooDeep, "a path of %d bytes: the limit is %d", len(path), maxPath)
	}
	return nil
}

// checkLink says whether bytes can be the target of a symbolic link.
func checkLink(target []byte) error {
	switch {
	case len(target) == 0:
		return errLinkEmpty()
	case bytes.IndexByte(target, 0) >= 0:
		return errLinkNUL()
	}
	return nil
}

func errLinkEmpty() error { return fail(ErrLink, "the target of the link is empty") }
func errLinkNUL() error   { return fail(ErrLink, "the target of the link has a NUL") }

// join puts a name below a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
