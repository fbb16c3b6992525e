package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/treepack"
)

// CommitInfo is what people want to know of a commit.
type CommitInfo struct {
	ID, Tree treepack.ID
	Author   string // name alone
	Subject  string // first paragraph of the message, on one line
	Time     time.Time
}

// digits are those of a full or short hash.
var digits = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// Resolve returns the commit with the full hash, or with the only one that begins so (4 digits or more).
func (r *Repo) Resolve(ctx context.Context, text string) (treepack.ID, error) {
	if !digits.MatchString(text) {
		return treepack.ID{}, like(ErrNoCommit, "%.70q is no commit hash", text).WithHint("give 4 or more hexadecimal digits of the hash, in lower case")
	}
	// A kept commit is named "refs/holdfast/<seq>", which no short name reaches, so that the text can only mean an object.
	out, err := r.git(ctx, "rev-parse", "--verify", "--end-of-options", text+"^{commit}")
	if err == nil {
		return treepack.ParseID(out)
	}
	e := (*exitError)(nil)
	if !errors.As(err, &e) || ctx.Err() != nil {
		return treepack.ID{}, fmt.Errorf("find commit %s: %w", text, err)
	}
	if strings.Contains(e.stderr, "is ambiguous") {
		return treepack.ID{}, like(ErrAmbiguous, "several commits begin with %s", text).WithHint("give more digits of the hash")
	}
	return treepack.ID{}, like(ErrNoCommit, "there is no commit %s in the mirror of %s", text, r.remote.url).
		WithHint("sync the source, then see its revisions with: holdfast content show")
}

// Commit tells about a commit.
func (r *Repo) Commit(ctx context.Context, id treepack.ID) (CommitInfo, error) {
	out, err := r.git(ctx, "log", "--max-count=1", "--no-walk", "--no-mailmap", "--encoding=UTF-8", "--format=%T%x00%ct%x00%an%x00%s", "--end-of-options", id.String())
	if err != nil {
		if has, hasErr := r.Has(ctx, id); hasErr == nil && !has {
			return CommitInfo{}, like(ErrNoCommit, "there is no commit %s in the mirror of %s", id, r.remote.url)
		}
		return CommitInfo{}, fmt.Errorf("read commit %s: %w", id, err)
	}
	parts := strings.SplitN(out, "\x00", 4)
	if len(parts) != 4 {
		return CommitInfo{}, fmt.Errorf("read commit %s: git log printed %.100q", id, out)
	}
	tree, err := treepack.ParseID(parts[0])
	if err != nil {
		return CommitInfo{}, fmt.Errorf("read commit %s: %w", id, err)
	}
	seconds, _ := strconv.ParseInt(parts[1], 10, 64) // what is no number is 1970, as git takes it
	return CommitInfo{
		ID: id, Tree: tree, Time: time.Unix(seconds, 0).UTC(),
		Author: printable([]byte(parts[2])), Subject: printable([]byte(parts[3])),
	}, nil
}

// Below returns the tree at a path below a tree; "" and "." are the tree itself.
func (r *Repo) Below(ctx context.Context, tree treepack.ID, path string) (treepack.ID, error) {
	if path == "" || path == "." {
		return tree, nil
	}
	if !fs.ValidPath(path) || hasControl(path) {
		return treepack.ID{}, like(ErrNoRoot, "the path %q is not one below the repository's root", path).WithHint("give the root as a/b, without dots and slashes at its ends")
	}
	out, err := r.git(ctx, "ls-tree", "-z", "--full-tree", tree.String(), "--", path)
	if err != nil {
		return treepack.ID{}, fmt.Errorf("look for %q in tree %s: %w", path, tree, err)
	}
	mode, rest, _ := strings.Cut(out, " ")
	kind, rest, _ := strings.Cut(rest, " ")
	hex, _, _ := strings.Cut(rest, "\t")
	switch {
	case out == "":
		return treepack.ID{}, like(ErrNoRoot, "the commit has no directory %q", path).WithHint("correct the root of the source")
	case kind != "tree":
		return treepack.ID{}, like(ErrNoRoot, "%q is no directory in the commit: it has mode %s", path, mode).WithHint("correct the root of the source")
	}
	return treepack.ParseID(hex)
}

// Has reports whether the mirror has the object.
func (r *Repo) Has(ctx context.Context, id treepack.ID) (bool, error) {
	out, err := r.run(ctx, job{args: []string{"cat-file", "--batch-check"}, input: id.String() + "\n"})
	if err != nil {
		return false, fmt.Errorf("look for object %s: %w", id, err)
	}
	return !strings.HasSuffix(string(out), " missing\n"), nil
}

// Keep holds the commit of a revision, until Forget.
func (r *Repo) Keep(ctx context.Context, seq int64, commit treepack.ID) error {
	if seq < 0 {
		return fmt.Errorf("keep commit %s: revision %d", commit, seq)
	}
	return r.change(ctx, func(lock *os.File) error {
		_, err := r.run(ctx, job{args: []string{"update-ref", keptPrefix + strconv.FormatInt(seq, 10), commit.String()}, lock: lock})
		if err != nil {
			return fmt.Errorf("keep commit %s: %w", commit, err)
		}
		return nil
	})
}

// Kept returns the numbers of the revisions whose commits are kept, with them.
func (r *Repo) Kept(ctx context.Context) (map[int64]treepack.ID, error) {
	refs, err := r.refs(ctx)
	if err != nil {
		return nil, err
	}
	kept := map[int64]treepack.ID{}
	for _, ref := range refs {
		if id, err := treepack.ParseID(ref.id); err == nil && ref.seq >= 0 {
			kept[ref.seq] = id
		}
	}
	return kept, nil
}

// Forget lets go of all kept commits but those that keep returns true for.
func (r *Repo) Forget(ctx context.Context, keep func(seq int64) bool) error {
	return r.change(ctx, func(lock *os.File) error {
		refs, err := r.refs(ctx)
		if err != nil {
			return err
		}
		var input strings.Builder
		for _, ref := range refs {
			if ref.seq >= 0 && !keep(ref.seq) {
				input.WriteString("delete " + ref.name + "\n")
			}
		}
		if input.Len() == 0 {
			return nil
		}
		if _, err := r.run(ctx, job{args: []string{"update-ref", "--stdin"}, input: input.String(), lock: lock}); err != nil {
			return fmt.Errorf("forget kept commits: %w", err)
		}
		return nil
	})
}

// change runs f under the lock, after what a kill left is removed.
func (r *Repo) change(ctx context.Context, f func(lock *os.File) error) error {
	lock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := r.sweep(); err != nil {
		return err
	}
	return f(lock)
}
