package content

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treecache"
)

// closure is what a list of wants comes to in one revision. It is made once and never changes.
type closure struct {
	chunks []treecache.Chunk
	paths  map[string]string // directories by the keys of the chunks
	keys   []string
	absent []string
	packed int64 // bytes of the chunks as they are stored
}

// maxWants bounds one request.
const maxWants = 10_000

// closure returns the chunks that are wanted and all that they need.
func (x *loaded) closure(want []string) (*closure, error) {
	name := strings.Join(want, "\x00")
	x.mu.Lock()
	known := x.closures[name]
	x.mu.Unlock()
	if known != nil {
		return known, nil
	}
	if err := checkWants(want); err != nil {
		return nil, err
	}
	chunks, absent, err := x.Closure(*x.preset, want)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", x.Source, err)
	}
	made := newClosure(chunks, absent)
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.closures) >= maxClosures {
		clear(x.closures)
	}
	x.closures[name] = made
	return made, nil
}

func checkWants(want []string) error {
	switch {
	case len(want) == 0:
		return fault.New(fault.Usage, "content_want", "nothing is wanted").
			WithHint(`name chunks or a profile in "want", as ["render:mechanics/lever"]`)
	case len(want) > maxWants:
		return fault.New(fault.Usage, "content_want", "%d wants in one request, at most %d", len(want), maxWants).
			WithHint(`ask for "all"`)
	case slices.ContainsFunc(want, func(w string) bool { return w == "" || strings.ContainsRune(w, 0) }):
		return fault.New(fault.Usage, "content_want", "a want is empty or has a NUL")
	}
	return nil
}

func newClosure(chunks []*revision.Chunk, absent []string) *closure {
	c := &closure{paths: make(map[string]string, len(chunks)), absent: absent}
	for _, x := range chunks {
		c.chunks = append(c.chunks, treecache.Chunk{Key: x.Key, Path: x.Path, Tree: x.Tree, Pieces: x.Pieces, Whole: x.Whole})
		c.paths[x.Key] = x.Path
		c.keys = append(c.keys, x.Key)
		for _, p := range x.Pieces {
			c.packed += p.Part.Packed
		}
	}
	return c
}
