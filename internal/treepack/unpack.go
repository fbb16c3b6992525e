package treepack

import (
	"errors"
	"io"
)

// Sink receives the files of a part. Paths are bytes below the root of the part, with slashes between names; every name has passed
// CheckName. A directory comes before what is in it, and nothing comes twice. A sink must not make anything visible before
// Unpack returned nil.
type Sink interface {
	// Dir makes a directory; "" is the root of the part, which comes first unless the part is a BigBlob.
	Dir(path string) error
	// File makes a file from size bytes of r. The path of a BigBlob is "", and exec is false: see Piece.Mode. Reading r
	// fails before its end when the bytes are wrong. What the sink leaves unread is verified nevertheless.
	File(path string, exec bool, size int64, r io.Reader) error
	// Link makes a symbolic link; the target is as it stands in the repository and may point anywhere.
	Link(path, target string) error
	// Keep stores the raw bytes of the tree of a directory, which VerifyDir needs later because the directory
	// alone does not tell them: the root of an OwnFiles part, and trees of old programs. Kept is a place for them. The sink does not retain raw.
	Keep(path string, raw []byte) error
}

// Unpack reads a pack and gives its files to the sink. It returns nil only if the pack was exactly the part: every object as its
// parent names it, the sum and the size of the plain stream and the count of files as in want, nothing missing and nothing behind. A wrong pack is
// ErrCorrupt; errors of r and of the sink are returned as they are.
func Unpack(r io.Reader, want Part, sink Sink) error {
	return errors.New("unpack: not written yet")
}
