package readcache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast/internal/atomicfile"
	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

const (
	// maxItem bounds what is kept of one blob, in bytes: fetching it must not keep the first reader waiting for long.
	maxItem = 32 << 20
	// brokenPause is how long a cache that could not be written is left alone: each try costs a transfer.
	brokenPause = 10 * time.Second
)

// Cache is a blob.Store with a local copy of what was read lately. It is safe for concurrent use.
type Cache struct {
	blob.Store
	dir    string
	max    int64
	pause  time.Duration
	report func(error)
	lock   *atomicfile.Lock

	life  context.Context //nolint:containedctx // of the fetches, which outlive their readers and end with Close
	end   context.CancelFunc
	fetch sync.WaitGroup

	mu      sync.Mutex // protects the following
	entries map[blob.Name]*list.Element
	used    *list.List // of *entry, the most recently used first
	flights map[blob.Name]*flight
	bytes   int64     // of entries and of what is being fetched
	broken  time.Time // the cache could not be written and is left alone until then; zero if it could
	closed  bool
	stats   Stats
}

// Stats are counts since the start.
type Stats struct {
	Hits, Misses, Passed, Evicted int64
	Entries                       int
	Bytes                         int64 // on disk now
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
		Store: store, dir: dir, max: max, pause: brokenPause, report: report, lock: lock,
		entries: map[blob.Name]*list.Element{}, used: list.New(), flights: map[blob.Name]*flight{},
	}
	c.life, c.end = context.WithCancel(context.Background())
	if err := c.load(); err != nil {
		c.end()
		return nil, errors.Join(err, lock.Release())
	}
	return c, nil
}

func lockDir(dir string) (*atomicfile.Lock, error) {
	lock, err := atomicfile.TakeLock(filepath.Join(dir, "lock"))
	if errors.Is(err, atomicfile.ErrLocked) {
		return nil, fault.New(fault.Conflict, "cache_in_use", "cache %s is used by another process", dir).
			WithHint("give each process its own paths.cache")
	}
	return lock, err
}

// Close ends what is being fetched and lets go of the directory. What is in it stays. Copies that are open stay
// readable; what is opened later comes from the store. A second Close does nothing.
func (c *Cache) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.end()
	c.fetch.Wait()
	return c.lock.Release()
}

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
		if b := c.openCopy(name); b != nil {
			return b, nil
		}
		kept, err := c.fill(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("fetch blob %s: %w", name, err)
		}
		if !kept {
			break
		}
	}
	return c.Store.Open(ctx, name)
}

// Stat answers from the copy if there is one.
func (c *Cache) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	if e := c.touch(name, false); e != nil && ctx.Err() == nil {
		return e.info, nil
	}
	return c.Store.Stat(ctx, name)
}

// Sidecar answers from the copy if there is one.
func (c *Cache) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	if e := c.touch(name, false); e != nil && ctx.Err() == nil {
		return e.sidecar, nil
	}
	return c.Store.Sidecar(ctx, name)
}

// Put stores the blob. A copy under its name is of one that another process deleted.
func (c *Cache) Put(ctx context.Context, name blob.Name, body io.Reader, o blob.PutOptions) (blob.Info, error) {
	info, err := c.Store.Put(ctx, name, body, o)
	if err == nil {
		c.forget(name)
	}
	return info, err
}

// Compose stores the blob, as Put does.
func (c *Cache) Compose(ctx context.Context, name blob.Name, parts []blob.Name, o blob.PutOptions) (blob.Info, error) {
	info, err := c.Store.Compose(ctx, name, parts, o)
	if err == nil {
		c.forget(name)
	}
	return info, err
}

// Delete deletes the blob, then the copy.
func (c *Cache) Delete(ctx context.Context, name blob.Name) error {
	err := c.Store.Delete(ctx, name)
	c.forget(name)
	return err
}

// Move moves the blob, and forgets the copies under both names.
func (c *Cache) Move(ctx context.Context, from, to blob.Name) error {
	err := c.Store.Move(ctx, from, to)
	c.forget(from)
	c.forget(to)
	return err
}
