package treepack

import (
	"context"
	"io"
)

// Source is where objects come from, usually a repository. What is not there is ErrMissing. A source need not verify:
// Plan and Pack do.
type Source interface {
	// Tree returns the raw bytes of a tree. The caller does not change them.
	Tree(ctx context.Context, id ID) ([]byte, error)
	// Size returns the bytes of a blob.
	Size(ctx context.Context, id ID) (int64, error)
	// Blob opens a blob. The caller closes it, perhaps before its end.
	Blob(ctx context.Context, id ID) (io.ReadCloser, error)
}

// Overlay returns a source that has the raw trees in addition to those of src: trees that no commit has, such as those
// that gather files from many places. The map is not copied and must not change.
func Overlay(src Source, trees map[ID][]byte) Source { return overlay{src, trees} }

type overlay struct {
	Source
	trees map[ID][]byte
}

// Tree returns one of the additional trees, or asks the source.
func (o overlay) Tree(ctx context.Context, id ID) ([]byte, error) {
	if raw, ok := o.trees[id]; ok {
		return raw, nil
	}
	return o.Source.Tree(ctx, id)
}
