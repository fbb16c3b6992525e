package treecache

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/treepack"
)

// View names a revision of a source.
type View struct {
	Source string // 1 to 96 of a-z A-Z 0-9 - _ and, before the mark of a variant, a dot
	Commit treepack.ID
}

// Chunk is a directory of a revision. Key and Path are as in the revision's index.
type Chunk struct {
	Key    string
	Path   string // below the root of the view; "" is the root
	Tree   treepack.ID
	Pieces []treepack.Piece
	Whole  bool // show it as one symbolic link
}

// Fetcher opens the pack of a part. It ends soon after its context does; the caller closes what it returns. A part that the store
// does not have is a fault of kind NotFound.
type Fetcher func(ctx context.Context, p treepack.Part) (io.ReadCloser, error)

// Limits bound the cache. A zero sets no bound.
type Limits struct {
	Bytes, Inodes         int64 // of everything below the root
	FreeBytes, FreeInodes int64 // of the file system, left to others
}

// Observer is told what happens, for metrics. A nil function is not called. They are called from many goroutines.
type Observer struct {
	Ensured    func(cold int, took time.Duration, err error)
	Downloaded func(part treepack.Part, took time.Duration, err error)
	Evicted    func(chunks, objects int, bytes int64)
}

// Options say how to run a cache.
type Options struct {
	Root     string // made if absent; never on a network file system
	Limits   Limits
	Fetch    Fetcher
	Parallel int           // downloads at a time; 20 when 0
	Group    int           // gid that may read, besides the owner; -1 or 0: the group of this process
	Grace    time.Duration // a retired view is not evicted first before that; 10 min when 0
	Patience time.Duration // how long a caller waits for leases to end when the cache is full; 5 s when 0
	Stall    time.Duration // a download that brings no byte for so long is given up; 30 s when 0
	Observe  Observer
	Log      *slog.Logger // discarded when nil

	bootID string                      // of the machine; tests set another
	before func(op, path string) error // tests let steps fail, or die there
}

// Result is what Ensure made ready.
type Result struct {
	Dir    string        // absolute path of the view
	Cold   []string      // keys of chunks that were not there
	Bytes  int64         // downloaded by this call, packed
	Waited time.Duration // from call to return
}

// Cache is a service: Start, then any number of calls from any number of goroutines, then Stop. It can be started again.
type Cache struct {
	o     Options
	base  lifecycle.Base
	live  atomic.Pointer[process] // nil while it does not run
	count counters
}

// The defaults of Patience and Stall.
const (
	usualPatience = 5 * time.Second
	usualStall    = 30 * time.Second
)

// Open checks the options and the file system. It starts nothing.
func Open(o Options) (*Cache, error) {
	if !filepath.IsAbs(o.Root) {
		return nil, fault.New(fault.Config, "content_cache_root", "content cache %q: want an absolute path", o.Root)
	}
	if o.Fetch == nil {
		return nil, fault.New(fault.Internal, "", "content cache: no fetcher")
	}
	if err := checkPlace(o.Root); err != nil {
		return nil, err
	}
	o.Root = filepath.Clean(o.Root)
	o.Parallel = cmp.Or(o.Parallel, 20)
	o.Grace = cmp.Or(o.Grace, 10*time.Minute)
	o.Patience = cmp.Or(o.Patience, usualPatience)
	o.Stall = cmp.Or(o.Stall, usualStall)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Cache{o: o}, nil
}

// Start joins the processes that use the root, cleans up after dead ones, and begins to watch the limits.
func (c *Cache) Start(ctx context.Context) error { return c.base.Start(ctx, c.open) }

func (c *Cache) open(ctx context.Context) error {
	p, err := join(ctx, &c.o, &c.count)
	if err != nil {
		return fmt.Errorf("start content cache: %w", err)
	}
	c.base.Go(func(life context.Context) { // ends with Stop, which waits for it
		p.run(life)
		c.live.CompareAndSwap(p, nil)
		p.leave()
	})
	c.live.Store(p)
	return nil
}

// Stop refuses new calls, waits for those that run, ends all leases of this process, and leaves the root marked as clean if it
// is the last that uses it.
func (c *Cache) Stop(ctx context.Context) error {
	return c.base.Stop(ctx, func(ctx context.Context) error {
		if p := c.live.Swap(nil); p != nil {
			p.drain(ctx)
		}
		return nil
	})
}

// enter counts a call in until leave is called; ctx then ends with the service, too.
func (c *Cache) enter(ctx context.Context) (p *process, both context.Context, leave func(), err error) {
	p = c.live.Load()
	if p == nil || !p.admit() {
		return nil, nil, nil, ErrStopped
	}
	both, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(p.life, func() { cancel(ErrStopped) })
	return p, both, func() { stop(); cancel(nil); p.ops.Done() }, nil
}
