package treepack

import (
	"context"
	"errors"
)

// Plan splits the chunk with the tree into pieces. The pieces follow from the tree and Limits.Part alone: every machine
// finds the same, and equal sub-trees of different revisions become the same parts. Of each Part, ID, Plain and Files
// are filled in; SHA256 and Packed are Pack's.
func Plan(ctx context.Context, src Source, tree ID, l Limits) ([]Piece, error) {
	return nil, errors.New("plan: not written yet")
}
