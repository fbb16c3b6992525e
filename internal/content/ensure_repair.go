package content

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// repairEvery is how often the holder of the role is told at most of what the store lacks.
const repairEvery = 2 * time.Second

// complaints are parts that the store did not have, or not as they were announced. The holder of the role makes them anew
// from its mirror.
type complaints struct {
	mu    sync.Mutex // protects parts
	parts map[string]bool
}

// downloaded hears of each download of the cache, and notes the parts that are wrong in the store.
func (r *reader) downloaded(p treepack.Part, _ time.Duration, err error) {
	if err == nil || !errors.Is(err, treecache.ErrCorrupt) && !errors.Is(err, treepack.ErrCorrupt) && !errors.Is(err, blob.ErrNotFound) {
		return
	}
	r.wrong.mu.Lock()
	defer r.wrong.mu.Unlock()
	if r.wrong.parts == nil {
		r.wrong.parts = map[string]bool{}
	}
	r.wrong.parts[p.ID.String()] = true
}

// complain asks for the repair of what was noted.
func (r *reader) complain(ctx context.Context) error {
	r.wrong.mu.Lock()
	var parts []string
	for id := range r.wrong.parts {
		parts = append(parts, id)
	}
	r.wrong.parts = nil
	r.wrong.mu.Unlock()
	if len(parts) == 0 {
		return nil
	}
	slices.Sort(parts)
	r.c.log.WarnContext(ctx, "parts of content are missing or damaged in the store: their repair is asked for", "parts", len(parts))
	return r.c.ReportBad(ctx, parts...)
}
