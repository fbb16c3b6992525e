package gitrepo

import (
	"context"
	"errors"
	"io"
	"time"

	"holdfast/internal/treepack"
)

// Repo is a mirror. Its methods are safe for concurrent use.
type Repo struct{}

// CommitInfo is what people want to know of a commit.
type CommitInfo struct {
	ID, Tree treepack.ID
	Author   string // name alone
	Subject  string // first paragraph of the message, on one line
	Time     time.Time
}

var errTodo = errors.New("not written yet")

// Open opens the mirror, and makes it if it is absent; that asks the remote for its object format.
func Open(ctx context.Context, o Options) (*Repo, error) { return nil, errTodo }

// Format returns the hash of the repository's object ids. It can change when the remote is replaced by another repository.
func (r *Repo) Format() treepack.Format { return 0 }

// Fetch brings the branch of the remote, its default branch if empty, and returns its commit. progress (may be nil) gets git's
// lines, from one goroutine at a time.
func (r *Repo) Fetch(ctx context.Context, branch string, progress func(line string)) (treepack.ID, error) {
	return treepack.ID{}, errTodo
}

// Resolve returns the commit with the full hash, or with the only one that begins so (4 digits or more).
func (r *Repo) Resolve(ctx context.Context, text string) (treepack.ID, error) {
	return treepack.ID{}, errTodo
}

// Commit tells about a commit.
func (r *Repo) Commit(ctx context.Context, id treepack.ID) (CommitInfo, error) {
	return CommitInfo{}, errTodo
}

// Below returns the tree at a path below a tree; "" and "." are the tree itself.
func (r *Repo) Below(ctx context.Context, tree treepack.ID, path string) (treepack.ID, error) {
	return treepack.ID{}, errTodo
}

// Has reports whether the mirror has the object.
func (r *Repo) Has(ctx context.Context, id treepack.ID) (bool, error) { return false, errTodo }

// Keep holds the commit of a revision, until Forget.
func (r *Repo) Keep(ctx context.Context, seq int64, commit treepack.ID) error { return errTodo }

// Forget lets go of all kept commits but those that keep returns true for.
func (r *Repo) Forget(ctx context.Context, keep func(seq int64) bool) error { return errTodo }

// Maintain packs the mirror anew when fetches have left many packs, and removes what nothing has named for two weeks.
func (r *Repo) Maintain(ctx context.Context) error { return errTodo }

// Objects is a treepack.Source of the mirror's objects. It is safe for concurrent use.
type Objects struct{}

var _ treepack.Source = (*Objects)(nil)

// Objects returns a reader of the mirror's objects. Its processes start when they are needed, and stay until Close.
func (r *Repo) Objects(ctx context.Context) (*Objects, error) { return nil, errTodo }

// Tree returns the raw bytes of a tree.
func (o *Objects) Tree(ctx context.Context, id treepack.ID) ([]byte, error) { return nil, errTodo }

// Size returns the bytes of a blob.
func (o *Objects) Size(ctx context.Context, id treepack.ID) (int64, error) { return 0, errTodo }

// Blob opens a blob.
func (o *Objects) Blob(ctx context.Context, id treepack.ID) (io.ReadCloser, error) {
	return nil, errTodo
}

// Close ends the processes and waits for them. Calls in progress fail with ErrClosed.
func (o *Objects) Close() error { return nil }
