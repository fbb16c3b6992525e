package readcache

import (
	"context"
	"time"

	"holdfast/internal/blob"
)

// flight is a blob on its way into the cache. All who ask for it meanwhile wait for the same one.
type flight struct {
	done    chan struct{} // closed at its end; what follows may be read then
	kept    bool          // it is in the cache
	err     error         // of the store
	dropped bool          // the blob was deleted or moved meanwhile, so the copy is not kept; protected by Cache.mu
}

// fill fetches a blob into the cache and reports whether it is there now. An error is the store's; a cache that cannot
// be written is reported and not an error of the reader.
func (c *Cache) fill(ctx context.Context, name blob.Name) (kept bool, err error) {
	f := c.join(ctx, name)
	if f == nil {
		return false, nil
	}
	select {
	case <-f.done:
		return f.kept, f.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// join returns the flight that fetches the blob, starting one if there is none; nil when nothing is fetched now. A
// flight belongs to all who wait for it, so it does not end with the first of them, but with the cache.
func (c *Cache) join(ctx context.Context, name blob.Name) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[name]; ok {
		return f
	}
	if c.closed || time.Now().Before(c.broken) {
		return nil
	}
	f := &flight{done: make(chan struct{})}
	c.flights[name] = f
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(c.life, cancel)
	c.fetch.Go(func() {
		defer close(f.done)
		defer cancel()
		defer stop()
		f.kept, f.err = c.fly(ctx, f, name)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flights, name)
	})
	return f
}

func (c *Cache) fly(ctx context.Context, f *flight, name blob.Name) (kept bool, err error) {
	if c.touch(name, false) != nil {
		return true, nil // fetched between the look and the call
	}
	b, err := c.Store.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer b.Close()
	e := &entry{info: b.Info()}
	if e.info.Size > maxItem || e.info.Size > c.max/8 {
		c.count(func(s *Stats) { s.Passed++ })
		return false, nil
	}
	if e.sidecar, err = c.Store.Sidecar(ctx, name); err != nil {
		return false, err
	}
	c.count(func(s *Stats) { s.Misses++ })
	return c.keep(f, e, b)
}

func (c *Cache) count(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}
