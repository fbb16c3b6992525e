package revision

import (
	"slices"

	"holdfast/internal/treepack"
)

// Changes say how two revisions differ; keys in order.
type Changes struct {
	Added   []string `json:"added,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Renamed []Rename `json:"renamed,omitempty"` // in the order of the new keys
	Same    int      `json:"same"`
}

// Rename is a chunk that has the content of another one of the same rule, which is gone.
type Rename struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Compare says what changed between two revisions; before may be nil. A chunk has changed if its content has, or its place.
func Compare(before, after *Index) Changes {
	var c Changes
	if before == nil {
		before = &Index{}
	}
	gone := map[string]map[treepack.ID][]string{} // keys by rule and tree
	for i := range before.Chunks {
		old := &before.Chunks[i]
		if _, ok := after.Chunk(old.Key); ok {
			continue
		}
		if gone[old.Rule] == nil {
			gone[old.Rule] = map[treepack.ID][]string{}
		}
		gone[old.Rule][old.Tree] = append(gone[old.Rule][old.Tree], old.Key)
	}
	for i := range after.Chunks {
		now := &after.Chunks[i]
		old, ok := before.Chunk(now.Key)
		twins := gone[now.Rule][now.Tree]
		switch {
		case ok && old.Tree == now.Tree && old.Path == now.Path:
			c.Same++
		case ok:
			c.Changed = append(c.Changed, now.Key)
		case len(twins) > 0:
			c.Renamed = append(c.Renamed, Rename{From: twins[0], To: now.Key})
			gone[now.Rule][now.Tree] = twins[1:]
		default:
			c.Added = append(c.Added, now.Key)
		}
	}
	for _, trees := range gone {
		for _, keys := range trees {
			c.Removed = append(c.Removed, keys...)
		}
	}
	slices.Sort(c.Removed)
	return c
}
