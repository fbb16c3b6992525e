package coursegen

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// rawEntry is a line of a tree as no program of today would write it.
type rawEntry struct{ mode, name, id string }

// blob stores a content, and returns its id.
func (c *Course) blob(ctx context.Context, content []byte) (string, error) {
	return c.git(ctx, content, "hash-object", "-w", "--stdin")
}

// tree stores a tree with the entries in the order given, whatever they are, and returns its id.
func (c *Course) tree(ctx context.Context, entries []rawEntry) (string, error) {
	var raw bytes.Buffer
	for _, e := range entries {
		id, err := hex.DecodeString(e.id)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&raw, "%s %s\x00", e.mode, e.name)
		raw.Write(id)
	}
	return c.git(ctx, raw.Bytes(), "hash-object", "-w", "--literally", "-t", "tree", "--stdin")
}

// drop removes a loose object.
func (c *Course) drop(ctx context.Context, id string) error {
	dir, err := c.git(ctx, nil, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return err
	}
	return os.Remove(filepath.Join(dir, "objects", id[:2], id[2:]))
}
