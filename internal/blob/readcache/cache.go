package readcache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/singleflight"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// maxItem bounds what is kept of one blob, in bytes: fetching it must not keep the first reader waiting for long.
const maxItem = 32 << 20

// Cache is a blob.Store with a local copy of what was read lately. It is safe for concurrent use.
type Cache struct {
	blob.Store
	dir    string
	max    int64
	report func(error)
	lock   *os.File
	fetch  singleflight.Group
	broken atomic.Bool // the last attempt to write failed

	mu      sync.Mutex // protects the following
	entries map[blob.Name]*list.Element
	used    *list.List // of *entry, the most recently used first
	bytes   int64
	stats   Stats
}

// Stats are counts since the start.
type Stats struct {
	Hits, Misses, Passed, Evicted int64
	Entries                       int
	Bytes                         int64 // on disk now
}

// entry is a blob in the cache.
type entry struct {
	info    blob.Info
	sidecar []byte
}

// New opens the cache in a directory, which is made if it is missing, and bounds it to max bytes. report is told when
// the cache cannot be written, and with nil when it can be again; it may be nil.
func New(store blob.Store, dir string, max int64, report func(error)) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	if report == nil {
		report = func(error) {}
	}
	c := &Cache{
		Store: store, dir: dir, max: max, report: report, lock: lock,
		entries: map[blob.Name]*list.Element{}, used: list.New(),
	}
	if err := c.load(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return c, nil
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fault.New(fault.Conflict, "cache_in_use", "cache %s is used by another process", dir).
			WithHint("give each process its own paths.cache")
	}
	return f, nil
}

// Close lets go of the directory. What is in it stays.
func (c *Cache) Close() error { return c.lock.Close() }

// Unwrap returns the store behind the cache.
func (c *Cache) Unwrap() blob.Store { return c.Store }

// Stats returns the counts.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Entries, s.Bytes = len(c.entries), c.bytes
	return s
}

// Open returns the local copy of the blob, fetching it first when it is worth it.
func (c *Cache) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open blob %s: %w", name, err)
	}
	for range 2 { // the copy may be evicted between fetching and opening: then once more, then past the cache
		if b := c.openLocal(name); b != nil {
			return b, nil
		}
		kept, err := c.fill(ctx, name)
		if err != nil {
			return nil, err
		}
		if !kept {
			break
		}
	}
	return c.Store.Open(ctx, name)
}

// Stat answers from the copy if there is one.
func (c *Cache) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	if e := c.touch(name); e != nil && ctx.Err() == nil {
		return e.info, nil
	}
	return c.Store.Stat(ctx, name)
}

// Sidecar answers from the copy if there is one.
func (c *Cache) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	if e := c.touch(name); e != nil && ctx.Err() == nil {
		return e.sidecar, nil
	}
	return c.Store.Sidecar(ctx, name)
}

// Delete deletes the blob, then the copy.
func (c *Cache) Delete(ctx context.Context, name blob.Name) error {
	err := c.Store.Delete(ctx, name)
	c.forget(name)
	return err
}

// Move moves the blob, and forgets the copy under its old name.
func (c *Cache) Move(ctx context.Context, from, to blob.Name) error {
	err := c.Store.Move(ctx, from, to)
	c.forget(from)
	return err
}

// touch returns the entry and makes it the most recently used, or nil.
func (c *Cache) touch(name blob.Name) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.entries[name]
	if !ok {
		return nil
	}
	c.used.MoveToFront(el)
	return el.Value.(*entry)
}

func (c *Cache) openLocal(name blob.Name) blob.Blob {
	e := c.touch(name)
	if e == nil {
		return nil
	}
	f, err := os.Open(c.path(name))
	if err != nil { // somebody cleared the directory by hand
		c.forget(name)
		return nil
	}
	c.mu.Lock()
	c.stats.Hits++
	c.mu.Unlock()
	return &local{file{f}, e.info}
}

// file reads, seeks and closes; the name keeps the embedded *os.File apart from the method File.
type file struct{ *os.File }

// local is an open copy.
type local struct {
	file
	info blob.Info
}

func (l *local) Info() blob.Info { return l.info }

// File makes it a blob.Filer: visitors are served by sendfile.
func (l *local) File() *os.File { return l.file.File }
