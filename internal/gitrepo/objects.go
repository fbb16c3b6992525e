package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

const (
	// smallBlob is what a blob may have at most to be read at once, in bytes. Larger ones are streamed, each from a process of
	// its own, so that a reader that dawdles keeps nobody else waiting.
	smallBlob = 256 << 10
	// readers are the processes that answer, and streamers those that stream, at most.
	readers   = 4
	streamers = 4
)

// Objects is a treepack.Source of the mirror's objects. It is safe for concurrent use. A caller that holds a large blob open may
// ask for trees and sizes, but must not wait for another large blob: there are four streams in all.
type Objects struct {
	repo                   *Repo
	check, whole, streamed *pool
	sizes                  sizes
}

var _ treepack.Source = (*Objects)(nil)

// Objects returns a reader of the mirror's objects. Its processes start when they are needed, and stay until Close.
func (r *Repo) Objects(ctx context.Context) (*Objects, error) {
	if _, err := os.Stat(r.dir); err != nil {
		return nil, like(ErrMirrorCorrupt, "read the mirror: %w", err)
	}
	return r.newObjects(), ctx.Err()
}

func (r *Repo) newObjects() *Objects {
	return &Objects{
		repo:  r,
		check: newPool(r, readers, "--batch-check"), whole: newPool(r, readers, "--batch"), streamed: newPool(r, streamers, "--batch"),
	}
}

// Reader returns the reader that the Repo itself uses. It is not to be closed; [Repo.Rest] ends its processes.
func (r *Repo) Reader() *Objects { return r.reader }

// Rest ends the processes of the Reader that nobody uses at this moment, and waits for them. They start again when they are needed.
func (r *Repo) Rest() { r.reader.rest() }

func (o *Objects) rest() {
	o.sizes.forget()
	for _, p := range []*pool{o.check, o.whole, o.streamed} {
		p.rest()
	}
}

// Close ends the processes and waits for them. Calls in progress fail with ErrClosed, as do reads of open blobs.
func (o *Objects) Close() error {
	for _, p := range []*pool{o.check, o.whole, o.streamed} {
		p.close()
	}
	return nil
}

// Tree returns the raw bytes of a tree.
func (o *Objects) Tree(ctx context.Context, id treepack.ID) ([]byte, error) {
	return o.read(ctx, id, "tree", treepack.MaxTree)
}

// Size returns the bytes of a blob.
func (o *Objects) Size(ctx context.Context, id treepack.ID) (int64, error) {
	if size, known := o.sizes.get(id); known && !o.check.isClosed() {
		return size, nil
	}
	return o.askSize(ctx, id)
}

// askSize asks git, so that an object that is not there any more is noticed.
func (o *Objects) askSize(ctx context.Context, id treepack.ID) (size int64, err error) {
	err = o.ask(ctx, o.check, id, "blob", func(_ *batch, n int64) error {
		size = n
		return nil
	})
	if err == nil {
		o.sizes.put(id, size)
	}
	return size, err
}

// Blob opens a blob.
func (o *Objects) Blob(ctx context.Context, id treepack.ID) (io.ReadCloser, error) {
	size, err := o.Size(ctx, id)
	if err != nil {
		return nil, err
	}
	if size > smallBlob {
		return o.stream(ctx, id, size)
	}
	content, err := o.read(ctx, id, "blob", smallBlob)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// read returns a whole object.
func (o *Objects) read(ctx context.Context, id treepack.ID, kind string, limit int64) ([]byte, error) {
	var content []byte
	err := o.ask(ctx, o.whole, id, kind, func(b *batch, size int64) error {
		if size > limit {
			return &unwantedError{treepack.ErrTooLarge, fmt.Sprintf("object %s has %d bytes: the limit is %d", id, size, limit)}
		}
		content = make([]byte, size)
		if _, err := io.ReadFull(b.out, content); err != nil {
			return err
		}
		return b.end()
	})
	return content, err
}

// unwantedError says that the answer is not what was asked for, so that its rest stays unread.
type unwantedError struct {
	like *fault.Error
	text string
}

// Error returns what it is.
func (e *unwantedError) Error() string { return e.text }

// ask puts a question to a process of the pool, and lets use read the answer's content. A process that breaks is replaced once.
func (o *Objects) ask(ctx context.Context, p *pool, id treepack.ID, kind string, use func(*batch, int64) error) error {
	for attempt := 1; ; attempt++ {
		b, err := p.lend(ctx)
		if err != nil {
			return err
		}
		err = b.ask(ctx, id, kind, use)
		p.giveBack(b, err == nil || errors.Is(err, treepack.ErrMissing) && !o.stale(b))
		if err == nil {
			return nil
		}
		err, again := o.judge(ctx, p, b, id, err)
		if !again {
			return err
		}
		if attempt == 2 {
			return o.giveUp(err)
		}
	}
}

// judge turns the failure of a process into the error for the caller, and says whether another process may do better.
func (o *Objects) judge(ctx context.Context, p *pool, b *batch, id treepack.ID, err error) (error, bool) {
	unwanted := (*unwantedError)(nil)
	switch {
	case p.isClosed():
		return like(ErrClosed, "read object %s: %w", id, ErrClosed), false
	case ctx.Err() != nil:
		return fmt.Errorf("read object %s: %w", id, context.Cause(ctx)), false
	case errors.Is(err, treepack.ErrMissing):
		o.repo.suspect(missing)
		return err, o.stale(b)
	case errors.As(err, &unwanted):
		return like(unwanted.like, "%s", unwanted.text), false
	}
	return like(ErrMirrorCorrupt, "read object %s from %s: %w: %s", id, o.repo.dir, err, b.words()).
		WithHint("sync the source: its mirror is examined then, and cloned again if it is broken"), true
}

// giveUp notes that two processes broke at the same object: that is the mirror's fault, not theirs.
func (o *Objects) giveUp(err error) error {
	if errors.Is(err, ErrMirrorCorrupt) {
		o.repo.suspect(unsound)
	}
	return err
}

// stale reports that the mirror was replaced since the process started.
func (o *Objects) stale(b *batch) bool { return b.inode != inodeOf(o.repo.dir) }

func inodeOf(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return st.Ino
}
