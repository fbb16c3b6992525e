package revision

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"holdfast/internal/treepack"
)

// objects is a source that asks for each tree and each size once, and knows some in advance. It is for one chunk and one
// goroutine: what it holds is bounded by the limits of a chunk.
type objects struct {
	treepack.Source
	trees map[treepack.ID][]byte
	sizes map[treepack.ID]int64
}

func newObjects(src treepack.Source) *objects {
	return &objects{Source: src, trees: map[treepack.ID][]byte{}, sizes: map[treepack.ID]int64{}}
}

// Tree is treepack.Source.
func (o *objects) Tree(ctx context.Context, id treepack.ID) ([]byte, error) {
	if raw, ok := o.trees[id]; ok {
		return raw, nil
	}
	raw, err := readTree(ctx, o.Source, id)
	if err == nil {
		o.trees[id] = raw
	}
	return raw, err
}

// readTree returns a tree that is what its id says: sources need not look.
func readTree(ctx context.Context, src treepack.Source, id treepack.ID) ([]byte, error) {
	raw, err := src.Tree(ctx, id)
	if err == nil && treepack.HashObject(id.Format(), "tree", raw) != id {
		err = fmt.Errorf("tree %s: %w", id, treepack.ErrObject)
	}
	return raw, err
}

// Size is treepack.Source.
func (o *objects) Size(ctx context.Context, id treepack.ID) (int64, error) {
	if n, ok := o.sizes[id]; ok {
		return n, nil
	}
	n, err := o.Source.Size(ctx, id)
	if err == nil {
		o.sizes[id] = n
	}
	return n, err
}

// A Git LFS pointer is a text of fixed form that stands for a file kept elsewhere (git-lfs, docs/spec.md): shorter
// than 1024 bytes, and with a version, a SHA-256 and a size longer than 100.
const (
	shortestPointer = 100
	longestPointer  = 1023
)

// pointerHeads are how pointers begin, the older ones too.
func pointerHeads() []string {
	return []string{
		"version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/", "version http://git-media.io/",
	}
}

// fact returns what there is to know of a file, from the memo if it can.
func (b *builder) fact(ctx context.Context, src *objects, id treepack.ID) (fact, error) {
	if f, ok := b.o.Memo.fact(id); ok {
		src.sizes[id] = f.size
		return f, nil
	}
	size, err := src.Size(ctx, id)
	if err != nil {
		return fact{}, err
	}
	f := fact{size: size}
	if size >= shortestPointer && size <= longestPointer {
		text, err := readBlob(ctx, src, id, longestPointer)
		if err != nil {
			return fact{}, err
		}
		for _, head := range pointerHeads() {
			f.pointer = f.pointer || bytes.HasPrefix(text, []byte(head))
		}
	}
	b.o.Memo.setFact(id, f)
	return f, nil
}

// readBlob returns the first bytes of a blob, at most limit.
func readBlob(ctx context.Context, src treepack.Source, id treepack.ID, limit int64) ([]byte, error) {
	r, err := src.Blob(ctx, id)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, limit))
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", id, err)
	}
	return text, nil
}
