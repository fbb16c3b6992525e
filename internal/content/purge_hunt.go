package content

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"holdfast/internal/blob"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// shortestSecret is the least content that is looked for under other paths: what is shorter is not telling.
const shortestSecret = 16

// hunt looks for the parts that hold the content of a path. It reads the packs themselves: an index does not list files.
type hunt struct {
	c     *Content
	path  string
	parts map[treepack.PartID]treepack.Part
	// under are the places at which each part that may hold the path lies: paths from the root of the course.
	under map[treepack.PartID][]string

	mu     sync.Mutex // protects the following
	found  map[treepack.PartID]bool
	secret map[[32]byte]bool // sums of the content at the path
}

func newHunt(c *Content, path string) *hunt {
	return &hunt{
		c: c, path: path, parts: map[treepack.PartID]treepack.Part{}, under: map[treepack.PartID][]string{},
		found: map[treepack.PartID]bool{}, secret: map[[32]byte]bool{},
	}
}

// suspect notes the parts of a revision, and which of them may hold the path.
func (h *hunt) suspect(ix *revision.Index) {
	for i := range ix.Chunks {
		c := &ix.Chunks[i]
		for _, p := range c.Pieces {
			h.parts[p.Part.ID] = p.Part
			at := joinPath(c.Path, p.Path)
			if inside(h.path, at) || inside(at, h.path) {
				h.under[p.Part.ID] = append(h.under[p.Part.ID], at)
			}
		}
	}
}

// run reads the parts that may hold the path, and then all others for the same content.
func (h *hunt) run(ctx context.Context) (map[treepack.PartID]bool, error) {
	var first, others []treepack.Part
	for id, part := range h.parts {
		if len(h.under[id]) > 0 {
			first = append(first, part)
		} else {
			others = append(others, part)
		}
	}
	if err := h.read(ctx, first); err != nil {
		return nil, err
	}
	if len(h.secret) > 0 {
		// The first once more: a part that was read early may have the content of one that was read late.
		if err := h.read(ctx, append(others, first...)); err != nil {
			return nil, err
		}
	}
	return h.found, nil
}

func (h *hunt) read(ctx context.Context, parts []treepack.Part) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(h.c.cfg().Parallel)
	for _, part := range parts {
		group.Go(func() error { return h.look(within, part) })
	}
	return group.Wait()
}

// look reads one part. One that is not in the store any more holds nothing.
func (h *hunt) look(ctx context.Context, part treepack.Part) error {
	b, err := h.c.store.Open(ctx, blob.Name(part.BlobName()))
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("search part %s: %w", part.ID, err)
	}
	defer b.Close()
	// A damaged part may still hold it, as far as it can be read; what it gave until then counts.
	if err := treepack.Unpack(b, part, &nose{hunt: h, part: part.ID}); err != nil && !errors.Is(err, treepack.ErrCorrupt) {
		return fmt.Errorf("search part %s: %w", part.ID, err)
	}
	return nil
}

// nose is a sink that looks at what passes.
type nose struct {
	nowhere
	hunt *hunt
	part treepack.PartID
}

// File implements treepack.Sink.
func (n *nose) File(path string, _ bool, size int64, r io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	n.note(path, size, [32]byte(sum.Sum(nil)))
	return nil
}

// Link implements treepack.Sink.
func (n *nose) Link(path, _ string) error {
	n.note(path, 0, [32]byte{})
	return nil
}

// note judges one file of a part, by the places at which the part lies and by its content.
func (n *nose) note(path string, size int64, sum [32]byte) {
	h := n.hunt
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, at := range h.under[n.part] {
		if inside(joinPath(at, path), h.path) {
			h.found[n.part] = true
			if size >= shortestSecret {
				h.secret[sum] = true
			}
		}
	}
	if size >= shortestSecret && h.secret[sum] {
		h.found[n.part] = true
	}
}
