package content

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"holdfast/internal/blob"
	"holdfast/internal/lifecycle"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// reader is the consuming half: what one machine does to have content where it is used.
type reader struct {
	c     *Content
	epoch time.Time                               // what times are counted from, on the monotonic clock
	table atomic.Pointer[map[string]*sourceState] // by name: the sources of the settings
	group int                                     // of the cache and the socket; -1: our own

	memory  *indexMemory
	disk    indexDisk
	flights singleflight.Group // by the name of an index
	cache   *treecache.Cache
	leases  *leases
	urls    *urlSigner
	etags   *etags

	prefetcher *prefetcher
	warmup     *warmup
	machines   *machines
	count      counters
	meters     meters
	wrong      complaints
	seen       mark         // by the last poll; only that reads and writes it
	unheard    atomic.Bool  // there are sources whose current revision was not told yet
	fresh      atomic.Int64 // when PostgreSQL answered last, in nanoseconds since epoch

	base  lifecycle.Base
	parts *lifecycle.Group // cache, poll, prefetcher, socket
}

// counters are what the consuming half did since it was made.
type counters struct {
	warm, cold, failed atomic.Int64 // calls of ensure: without a download, with one, that failed
	stale              atomic.Int64 // answers that were flagged
	queries            atomic.Int64 // questions to PostgreSQL that requests made necessary
	fetches            atomic.Int64 // requests to the store
	fetched            atomic.Int64 // bytes from the store
	prefetched         atomic.Int64 // chunks put in place ahead of their use
	served             atomic.Int64 // files given to browsers
}

// newConsumer returns the consuming half. Nothing is opened yet.
func newConsumer(c *Content) (consumer, error) { return newReader(c) }

func newReader(c *Content) (*reader, error) {
	group, err := groupID(c.cfg().Group)
	if err != nil {
		return nil, err
	}
	r := &reader{
		c: c, epoch: time.Now(),
		group: group, memory: newIndexMemory(indexMemoryLimit), leases: newLeases(), etags: newETags(),
		disk: indexDisk{c.opts.Cache + "-index"},
	}
	r.fresh.Store(int64(-freshFor))
	r.table.Store(&map[string]*sourceState{})
	r.setSources(c.cfg())
	if r.urls, err = newURLSigner(c.opts.MasterKey); err != nil {
		return nil, err
	}
	r.cache, err = treecache.Open(treecache.Options{
		Root: c.opts.Cache, Fetch: r.fetch, Parallel: c.cfg().Parallel, Group: group, Log: c.log,
		Observe: treecache.Observer{Downloaded: r.downloaded},
		Limits: treecache.Limits{
			Bytes: int64(c.cfg().CacheSize), Inodes: c.cfg().CacheInodes,
			FreeBytes: int64(c.cfg().FreeBytes), FreeInodes: c.cfg().FreeInodes,
		},
	})
	if err != nil {
		return nil, err
	}
	r.machines = newMachines(r)
	if err := r.register(c.opts.Metrics); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	r.prefetcher, r.warmup = newPrefetcher(r), newWarmup(r)
	parts := []lifecycle.Part{
		{Name: "cache", Service: r.cache},
		{Name: "poll", Service: lifecycle.NewLoop(pollEvery, r.poll, func(err error) { c.trouble.Report("poll", err) })},
		{Name: "repair", Service: lifecycle.NewLoop(repairEvery, r.complain, func(err error) { c.trouble.Report("ask for repairs", err) })},
		{Name: "prefetch", Service: r.prefetcher},
		{Name: "warm up", Service: lifecycle.NewLoop(warmupEvery, r.warmup.look, func(err error) { c.trouble.Report("warm up", err) })},
	}
	if c.cfg().LeasesPerMachine > 0 {
		parts = append(parts,
			lifecycle.Part{Name: "sample", Service: lifecycle.NewLoop(sampleEvery, r.machines.sample, func(error) {})},
			lifecycle.Part{Name: "machines", Service: lifecycle.NewLoop(beatEvery, r.machines.beat, func(err error) { c.trouble.Report("machines", err) })})
	}
	if c.cfg().Socket != "" {
		parts = append(parts, lifecycle.Part{
			Name: "socket", Service: newSocket(c.cfg().Socket, group, c.SocketRoutes(), c.calls(), r.leases, c.log),
		})
	}
	r.parts = lifecycle.NewGroup(parts...)
	return r, nil
}

// start opens the cache and the socket. It takes the same time however many sources there are: indexes are read when they
// are asked for.
func (r *reader) start(ctx context.Context) error {
	return r.base.Start(ctx, func(ctx context.Context) error {
		if err := r.disk.open(); err != nil {
			return err
		}
		r.leases.open()
		return r.parts.Start(ctx)
	})
}

// stop closes the socket, releases the leases, and waits for what is under way.
func (r *reader) stop(ctx context.Context) error {
	return r.base.Stop(ctx, func(ctx context.Context) error {
		r.leases.close()
		err := r.parts.Stop(ctx)
		r.machines.leave(ctx)
		return err
	})
}

// fetch gets a part from the store, for the cache.
func (r *reader) fetch(ctx context.Context, p treepack.Part) (io.ReadCloser, error) {
	r.count.fetches.Add(1)
	b, err := r.c.store.Open(blob.ReadAhead(ctx), blob.Name(p.BlobName()))
	if err != nil {
		return nil, storeError(err) // the cache says which part
	}
	return &counted{b, &r.count.fetched}, nil
}

// counted counts the bytes that are read.
type counted struct {
	io.ReadCloser
	to *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.to.Add(int64(n))
	return n, err
}

// purged makes this machine forget parts at once. The caller does not wait.
func (r *reader) purged(all []Tombstone) {
	parts := make([]treepack.Part, len(all))
	for i, t := range all {
		parts[i] = treepack.Part{ID: t.Part, SHA256: t.SHA256}
	}
	r.base.Go(func(ctx context.Context) {
		err := r.cache.Forget(ctx, parts...)
		if ctx.Err() == nil {
			r.c.trouble.Report("forget what was purged", err)
		}
	})
}

// reader returns the consuming half.
func (c *Content) reader() *reader { return c.consumer.(*reader) } //nolint:forcetypeassert // newConsumer makes no other

// sources are those of the settings, by name.
func (r *reader) sources() map[string]*sourceState { return *r.table.Load() }

// setSources takes over the sources of settings. What is known of those that stay goes on being known.
func (r *reader) setSources(now *settings) {
	before := r.sources()
	after := make(map[string]*sourceState, len(now.Sources))
	for name := range now.Sources {
		if after[name] = before[name]; after[name] == nil {
			after[name] = &sourceState{name: name}
		}
	}
	r.table.Store(&after)
}

// reloaded takes over other settings. What is current of new sources is asked for at once, or else by the next poll.
func (r *reader) reloaded(now *settings) {
	r.setSources(now)
	r.prefetcher.forgetGone()
	r.unheard.Store(true)
	r.base.Go(func(ctx context.Context) {
		if err := r.c.tellPublished(ctx, 0); err == nil {
			r.unheard.Store(false)
		}
	})
}
