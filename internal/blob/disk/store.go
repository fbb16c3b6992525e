package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/fstype"
)

// Options say how to open a store.
type Options struct {
	// Root is the directory of the store.
	Root string
	// Reserve is the free space in bytes that writing never uses.
	Reserve int64
	// Create makes the store when Root is missing or empty. Without it an empty Root is taken for a file system that
	// is not mounted.
	Create bool
}

// Store is a blob store in a directory.
type Store struct {
	root    *root
	room    *room
	id      string   // of the sentinel
	kind    string   // of the file system, see FileSystem
	network bool     // the file system is shared with other machines
	shards  int      // of each space, made at the start
	durable sync.Map // directories (string) whose names are known to be on disk
	journal *journal // nil where there is none

	// What the file system turned out not to do; see doc.go. Read and set without a lock: learning twice does no harm.
	noUnnamed   atomic.Bool // O_TMPFILE with link
	noAttribute atomic.Bool // user.holdfast
	noExclusive atomic.Bool // renameat2 with RENAME_NOREPLACE
	noAllocate  atomic.Bool // fallocate
	probe       sync.Once   // of noUnnamed
	closed      sync.Once
}

var (
	_ blob.Store  = (*Store)(nil)
	_ blob.Linker = (*Store)(nil)
)

// Open opens the store, or makes it.
func Open(opts Options) (*Store, error) { return openWith(opts, defaultTuning()) }

func openWith(opts Options, t tuning) (*Store, error) {
	path, err := filepath.Abs(opts.Root)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if opts.Create {
		if err := createRoot(path); err != nil {
			return nil, fmt.Errorf("create store: %w", err)
		}
	}
	r, err := openRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", unavailable(err, "Check media.root, and that its file system is mounted."))
	}
	s := &Store{root: r, room: &room{fd: r.fd, reserve: opts.Reserve}, shards: t.shards}
	if s.kind = t.kind; s.kind == "" {
		s.kind, s.network = fstype.Of(path)
	}
	err = s.prepare(opts.Create)
	if err == nil && !t.plain {
		s.journal, err = s.openJournal(t)
	}
	if err != nil {
		_ = r.close() // what was written through it is durable
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// Close ends the use of the store, and makes the files of the blobs durable by themselves. Open blobs stay readable.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() { err = errors.Join(s.journal.close(), s.root.close()) })
	return err
}

// ID returns the id that the store was given when it was made. It goes with the files wherever they are moved or copied.
func (s *Store) ID() string { return s.id }

// Root returns the directory of the store.
func (s *Store) Root() string { return s.root.path }

// FileSystem returns the kind of the file system that the store lies on, and whether other machines share it.
func (s *Store) FileSystem() (kind string, network bool) { return s.kind, s.network }

// Check implements [blob.Store]: the root is the directory that was opened, holds the sentinel, has room, and a file
// can be written.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("check store: %w", err)
	}
	if err := s.sameRoot(); err != nil {
		return fmt.Errorf("check store: %w", err)
	}
	id, err := s.sentinel()
	if err == nil && id != s.id {
		err = s.notMounted()
	}
	if err == nil {
		err = s.journal.trouble()
	}
	if err == nil {
		err = s.room.check()
	}
	if err == nil {
		err = s.tryWrite()
	}
	if err != nil {
		return fmt.Errorf("check store: %w", s.explain(err))
	}
	return nil
}

// sameRoot reports an error if the path no longer leads to the directory that is open: something was mounted over it,
// or it was unmounted or replaced.
func (s *Store) sameRoot() error {
	var now unix.Stat_t
	_, err := again(func() (int, error) { return 0, unix.Stat(s.root.path, &now) })
	if err == nil && now.Dev == s.root.dev && now.Ino == s.root.ino {
		return nil
	}
	if err == nil {
		err = fault.New(fault.Unavailable, "", "%s is no longer the directory that was opened at start", s.root.path)
	} else {
		err = &fs.PathError{Op: "look at", Path: s.root.path, Err: err}
	}
	return unavailable(err, "Check what is mounted there, then restart holdfast.")
}

// tryWrite writes a file and drops it.
func (s *Store) tryWrite() error {
	d, err := s.root.openDir(".")
	if err != nil {
		return err
	}
	defer d.close()
	draft, err := s.newDraft(d)
	if err != nil {
		return err
	}
	defer draft.discard()
	_, err = draft.f.Write([]byte("holdfast can write here"))
	return err
}
