package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
)

// maxIndex is the largest index that is read, in bytes as it is stored.
const maxIndex = 256 << 20

// readIndex reads the index of a revision from the store and proves that it is the one.
func (c *Content) readIndex(ctx context.Context, p Publication) (*revision.Index, error) {
	b, err := c.store.Open(blob.ReadAhead(ctx), p.Index)
	if err != nil {
		return nil, fmt.Errorf("read index %s: %w", p.Index, err)
	}
	data, err := io.ReadAll(io.LimitReader(b, maxIndex))
	if err := errors.Join(err, b.Close()); err != nil {
		return nil, fmt.Errorf("read index %s: %w", p.Index, err)
	}
	return c.decodeIndex(p, data)
}

// decodeIndex proves that an index is that of the publication.
func (c *Content) decodeIndex(p Publication, data []byte) (*revision.Index, error) {
	ix, err := revision.Decode(data, c.public)
	if err != nil {
		return nil, fmt.Errorf("read index %s: %w", p.Index, err)
	}
	if ix.Source != p.Source || ix.Seq != p.Seq || ix.Commit != p.Commit {
		return nil, fault.New(fault.Invalid, "content_corrupt", "index %s is that of revision %d (%s) of %s", p.Index, ix.Seq, ix.Commit, ix.Source)
	}
	return ix, nil
}

// putIndex stores an index. Its name has the sum of its bytes in it: what is there already is the same.
func (c *Content) putIndex(ctx context.Context, name blob.Name, data []byte) error {
	_, err := c.store.Put(ctx, name, bytes.NewReader(data), blob.PutOptions{Size: int64(len(data))})
	if err != nil && !errors.Is(err, blob.ErrExists) {
		return fmt.Errorf("store index: %w", err)
	}
	return nil
}
