package assets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/fault"
)

const (
	// ownDir holds what is no asset in the output directory.
	ownDir = ".holdfast"
	// indexFormat is raised when an older Holdfast could not read what is written.
	indexFormat = 1
)

// index says what the set holds. Its file is the last thing that a build writes.
type index struct {
	Format  int               `json:"format"`
	Files   map[string]*file  `json:"files"`   // by hashed name
	Names   map[string]string `json:"names"`   // logical names of the present release, and where they lead
	Sources map[string]source `json:"sources"` // what the present release was made of
	// Vite are the entries of a manifest that was taken over, with the names that the set has.
	Vite map[string]map[string]any `json:"vite,omitempty"`
}

// file is an asset of the set. It never changes.
type file struct {
	Logical  string    `json:"logical"`
	Inputs   string    `json:"inputs"` // digest of everything that the content depends on
	Since    time.Time `json:"since"`
	Retired  time.Time `json:"retired,omitzero"` // when a release did not have it any more
	Variants []part    `json:"variants"`         // identity first
}

// part is one variant of an asset.
type part struct {
	Coding Coding `json:"coding"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of the bytes as they are sent; hexadecimal
}

// source is a file below static.root as it was when it was last read.
type source struct {
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	Change time.Time `json:"change"` // ctime: what sets mtime back does not set this
	Inode  uint64    `json:"inode"`
	SHA256 string    `json:"sha256"`
	Refs   []string  `json:"refs,omitempty"`  // logical names that it refers to, whether they exist or not
	Maybe  []string  `json:"maybe,omitempty"` // the same of texts that need not be paths
	Broken string    `json:"broken,omitempty"`
}

// same reports whether the file was not touched since it was read. One that was touched in the seconds before may have
// been touched again without a trace, so it counts as changed; see racy.
func (s source) same(t source) bool {
	return s.Size == t.Size && s.MTime.Equal(t.MTime) && s.Change.Equal(t.Change) && s.Inode == t.Inode
}

func newIndex() *index {
	return &index{Format: indexFormat, Files: map[string]*file{}, Names: map[string]string{}, Sources: map[string]source{}}
}

func indexPath(output string) string { return filepath.Join(output, ownDir, "index.json") }

// readIndex returns the index of an output directory; an empty one when nothing was built there.
func readIndex(output string) (*index, error) {
	b, err := os.ReadFile(indexPath(output))
	if errors.Is(err, fs.ErrNotExist) {
		return newIndex(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the index of the built assets: %w", err)
	}
	x := newIndex()
	if err := json.Unmarshal(b, x); err != nil {
		return nil, fault.New(fault.Invalid, "assets_index", "read %s: %w", indexPath(output), err).
			WithHint("remove the file and run: holdfast assets build")
	}
	if x.Format > indexFormat {
		return nil, fault.New(fault.Conflict, "assets_newer", "%s was built by a newer Holdfast", output).
			WithHint("install that version here, too, or name another static.output")
	}
	return x, nil
}

// encode returns the bytes of the index's file. Maps are written in the order of their keys.
func (x *index) encode() ([]byte, error) {
	b, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}
