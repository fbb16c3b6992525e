package gitrepo

import (
	"context"
	"time"

	"holdfast/internal/treepack"
)

// examinedFor is how long a mirror that was found whole is believed to be so, as long as nothing that is read says otherwise.
const examinedFor = time.Hour

// reachNew looks whether every object of a commit's tree is there, given that those of the commit that was examined last are: it reads
// what differs between the two. It reports false when it cannot tell, and the whole must be examined.
func (r *Repo) reachNew(ctx context.Context, id treepack.ID) bool {
	d, examined := r.doubts()
	if d != none || examined.IsZero() || examined.Format() != id.Format() || !r.recentlyWhole() {
		return false
	}
	before, err := r.reader.Commit(ctx, examined)
	if err != nil {
		return false
	}
	after, err := r.reader.Commit(ctx, id)
	return err == nil && r.reader.reach(ctx, before.Tree, after.Tree, 0)
}

// maxReach is how deep reach goes into each other's directories.
const maxReach = 64

// reach reports that everything in a tree is there, given that everything in another one is.
func (o *Objects) reach(ctx context.Context, before, after treepack.ID, depth int) bool {
	if before == after {
		return true
	}
	old := map[string]treepack.Entry{}
	if !before.IsZero() {
		entries, err := o.entries(ctx, before)
		if err != nil {
			return false
		}
		for _, e := range entries {
			old[e.Name] = e
		}
	}
	entries, err := o.entries(ctx, after)
	if err != nil || depth == maxReach {
		return false
	}
	for _, e := range entries {
		if !o.reachEntry(ctx, old[e.Name], e, depth) {
			return false
		}
	}
	return true
}

func (o *Objects) reachEntry(ctx context.Context, before, after treepack.Entry, depth int) bool {
	if before.ID == after.ID && before.Mode.Kind() == after.Mode.Kind() {
		return true
	}
	switch after.Mode.Kind() {
	case treepack.Dir:
		if before.Mode.Kind() != treepack.Dir {
			before.ID = treepack.ID{}
		}
		return o.reach(ctx, before.ID, after.ID, depth+1)
	case treepack.Submodule:
		return true // it names a commit of another repository
	}
	_, err := o.askSize(ctx, after.ID)
	return err == nil
}
