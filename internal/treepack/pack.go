package treepack

import (
	"context"
	"errors"
	"io"
)

// Pack writes the pack of a part and returns what there is to know of it. What the source gives is verified against
// the ids. When it fails, what has been written is not a pack.
func Pack(ctx context.Context, w io.Writer, src Source, id PartID, l Limits) (Part, error) {
	return Part{}, errors.New("pack: not written yet")
}
