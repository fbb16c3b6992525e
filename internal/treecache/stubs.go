package treecache

import (
	"context"

	"holdfast/internal/treepack"
)

// Open checks the options and the file system. It starts nothing.
func Open(o Options) (*Cache, error) { return &Cache{o: o}, nil }

// Start joins the processes that use the root, cleans up after dead ones, and begins to watch the limits.
func (c *Cache) Start(ctx context.Context) error { return ErrStopped }

// Stop waits for calls, ends all leases of this process and leaves the root marked as clean if it is the last.
func (c *Cache) Stop(ctx context.Context) error { return nil }

// Ensure makes the chunks visible in the view and returns a lease on it. The lease must be released.
func (c *Cache) Ensure(ctx context.Context, v View, chunks []Chunk) (*Result, *Lease, error) {
	return nil, nil, ErrStopped
}

// Prefetch does the same without a lease and without linking: objects only.
func (c *Cache) Prefetch(ctx context.Context, chunks []Chunk) (downloaded int64, err error) {
	return 0, ErrStopped
}

// Acquire takes a lease on a view that exists here. Which chunks it shows, Has tells.
func (c *Cache) Acquire(v View) (*Lease, bool) { return nil, false }

// Current says which view of its source is the current one: others of the source are retired.
func (c *Cache) Current(v View) error { return nil }

// Retire marks a view as superseded.
func (c *Cache) Retire(v View) error { return nil }

// Forget removes parts at once, from leased views as well, and refuses them from now on (purge).
func (c *Cache) Forget(ctx context.Context, parts ...treepack.Part) error { return ErrStopped }

// Verify hashes up to sample objects again, those first that were not verified for the longest time; 0 means all. Corrupt ones
// are removed, from views too, and come back with the next Ensure.
func (c *Cache) Verify(ctx context.Context, sample int) (Verified, error) {
	return Verified{}, ErrStopped
}

// Stats returns what the cache holds and did.
func (c *Cache) Stats() Stats { return Stats{} }

// Verified is the outcome of Verify.
type Verified struct {
	Objects int
	Corrupt []string // names of objects
}

// Stats is a moment of a cache: the use of the root by all processes, and counters of this one.
type Stats struct {
	Bytes, Inodes                 int64 // used, trash included
	ReservedBytes, ReservedInodes int64 // on top of that, in flight
	Limits                        Limits
	Processes, Views, Leases      int   // Views and Leases: in use by this process
	Era                           int64 // grows with each unclean boot
	Warm, Cold, Failed            int64 // calls of Ensure
	Downloads, DownloadedBytes    int64
	EvictedChunks, EvictedObjects int64
	EvictedBytes                  int64
	Finding                       string // what went wrong in the background last; "" when nothing
}

// Lease keeps what its view shows.
type Lease struct{}

// Dir returns the directory of the view.
func (l *Lease) Dir() string { return "" }

// Has reports whether the view shows the chunk.
func (l *Lease) Has(key string) bool { return false }

// Release ends the lease. It may be called again, and from any goroutine.
func (l *Lease) Release() {}
