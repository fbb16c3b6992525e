package treepack

import (
	"context"
	"errors"
)

// VerifyDir proves that a directory is the part that was unpacked into it: everything is hashed again. dir is
// the file itself for a BigBlob. Files must not be writable (0444, 0555 or less), and executable or not as their tree says, except that
// the mode of a BigBlob's file is not looked at. What differs is ErrCorrupt; errors of the file system are returned as they are.
func VerifyDir(ctx context.Context, dir string, want Part, kept Kept) error {
	return errors.New("verify: not written yet")
}
