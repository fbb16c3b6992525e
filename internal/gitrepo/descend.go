package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/treepack"
)

// maxAncestors is how many commits Descends reads by itself before git is asked: a push has few.
const maxAncestors = 32

// Descends reports whether a commit is another one or has it among its ancestors. A branch that was pushed by force has a commit
// that does not descend from the one before. known is false when the mirror cannot tell.
func (r *Repo) Descends(ctx context.Context, id, from treepack.ID) (descends, known bool, err error) {
	if id == from {
		return true, true, nil
	}
	if id.Format() != from.Format() {
		return false, true, nil // another repository took its place
	}
	if found, whole := r.reader.climbs(ctx, id, from); found || whole {
		return found, true, nil
	}
	if ctx.Err() != nil {
		return false, false, context.Cause(ctx)
	}
	if _, err := r.run(ctx, job{args: []string{"cat-file", "-e", from.String() + "^{commit}"}}); err != nil {
		// A mirror has all the history of its branch: what it lacks is not part of that. A shallow remote has no such history to give.
		_, shallow := os.Stat(filepath.Join(r.dir, "shallow"))
		return false, shallow != nil && ctx.Err() == nil, nil
	}
	_, err = r.run(ctx, job{args: []string{"merge-base", "--is-ancestor", from.String(), id.String()}})
	var failed interface{ ExitCode() int }
	switch {
	case err == nil:
		return true, true, nil
	case errors.As(err, &failed) && failed.ExitCode() == 1:
		return false, true, nil
	}
	return false, false, r.explain("compare commits of", err)
}

// climbs looks for an ancestor among the nearest. whole says that there are no others.
func (o *Objects) climbs(ctx context.Context, id, from treepack.ID) (found, whole bool) {
	next, seen := []treepack.ID{id}, 0
	done := map[treepack.ID]bool{}
	for ; len(next) > 0; seen++ {
		if seen == maxAncestors {
			return false, false
		}
		raw, err := o.read(ctx, next[0], "commit", maxCommit)
		if err != nil {
			return false, false
		}
		parents := parentsOf(raw)
		if slices.Contains(parents, from) {
			return true, true
		}
		done[next[0]] = true
		next = next[1:]
		for _, p := range parents {
			if !done[p] && !slices.Contains(next, p) {
				next = append(next, p)
			}
		}
	}
	return false, true
}

// parentsOf returns the parents that a commit names.
func parentsOf(raw []byte) (all []treepack.ID) {
	head, _, _ := bytes.Cut(raw, []byte("\n\n"))
	for line := range strings.SplitSeq(string(head), "\n") {
		if text, ok := strings.CutPrefix(line, "parent "); ok {
			if id, err := treepack.ParseID(text); err == nil {
				all = append(all, id)
			}
		}
	}
	return all
}
