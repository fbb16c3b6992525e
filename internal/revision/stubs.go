package revision

import (
	"context"
	"crypto/ed25519"
	"errors"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

var errLater = errors.New("not written yet")

type table struct{}

// Memo remembers what is known of blobs between builds. It may be shared by sources and goroutines.
type Memo struct{}

// NewMemo returns a memo of at most so many blobs.
func NewMemo(blobs int) *Memo { return &Memo{} }

// Presets returns the presets that need not be configured: "course", "directories", "plain", "themes".
func Presets() map[string]Preset { return nil }

// Validate reports every mistake in a preset; keys are relative to it.
func (p Preset) Validate() fault.Problems { return nil }

func build(ctx context.Context, src treepack.Source, root treepack.ID, p Preset, o BuildOptions) (*Index, error) {
	return nil, errLater
}

// Unpacked returns the parts that have no sums yet, each once, in the order of the chunks: what must be packed, or is known
// from elsewhere.
func (ix *Index) Unpacked() []treepack.PartID { return nil }

// Fill sets the sums of all pieces of the part. To be called before the index is shared.
func (ix *Index) Fill(part treepack.Part) {}

// Parts returns the parts that the revision consists of, each once, in the order of the chunks.
func (ix *Index) Parts() []treepack.Part { return nil }

// Source returns src with the trees of gathered chunks, which no repository has.
func (ix *Index) Overlay(src treepack.Source) treepack.Source { return src }

// Encode returns the index as bytes, signed.
func (ix *Index) Encode(key ed25519.PrivateKey) ([]byte, error) { return nil, errLater }

// Decode returns the index that Encode made bytes of and the key signed.
func Decode(data []byte, pub ed25519.PublicKey) (*Index, error) { return nil, errLater }

// Chunk returns the chunk with the key.
func (ix *Index) Chunk(key string) (*Chunk, bool) { return nil, false }

// Closure returns the chunks that are wanted and all that they require, in the order of their keys, and what of it is not
// in the revision. A want is the key of a chunk ("question:a/b"), a profile ("render:a/b", "page:questions"), "file:PATH"
// for the chunk of a path, or "all".
func (ix *Index) Closure(p Preset, want []string) (chunks []*Chunk, absent []string, err error) {
	return nil, nil, errLater
}

// Locate returns the chunk that holds the path: of chunks in each other the innermost. Whether there is a file, only the
// chunk can tell.
func (ix *Index) Locate(path string) (*Chunk, bool) { return nil, false }

// Served reports whether the rules let browsers have the file at the path. A file reached through symbolic links must be
// asked about under its real path.
func (ix *Index) Served(p Preset, path string) bool { return false }

// Changes say how two revisions differ; keys in order.
type Changes struct {
	Added   []string `json:"added,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Renamed []Rename `json:"renamed,omitempty"`
	Same    int      `json:"same"`
}

// Rename is a chunk that has the content of another one, which is gone.
type Rename struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Compare says what changed between two revisions; before may be nil.
func Compare(before, after *Index) Changes { return Changes{} }
