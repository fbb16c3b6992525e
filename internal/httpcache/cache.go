package httpcache

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/cache"
	"holdfast/internal/fstype"
	"holdfast/internal/lifecycle"
)

// Options are what a Cache is made of.
type Options struct {
	Config Config
	Dir    string       // for the disk, if the configuration wants one; its own
	Next   http.Handler // the application
	// Site returns scheme and host that a visitor used, as far as they can be believed. Default: those of the request.
	Site func(*http.Request) (scheme, host string)
	// Fork returns a context for a request that may outlive the visitor's, and a function that tells the visitor's what is known of the
	// answer. Default: the context itself.
	Fork func(context.Context) (context.Context, func())
	// Observe is told what became of a request, before its handler returns; may be nil.
	Observe func(context.Context, Result)
	// Changed is told of addresses that a request changed (RFC 9111 section 4.4), once they are removed here, so that others can be told to
	// remove them, too. It is called before the visitor hears of the success, and must not wait. May be nil.
	Changed func(ctx context.Context, urls []string)
	Metrics prometheus.Registerer // may be nil
	// Report hears when the disk fails, and of nil when it works again; may be nil.
	Report func(error)
	Log    *slog.Logger
}

// PassFor is how long nobody waits for an address whose answer could not be shared, and nobody is made to wait for an application
// that failed when there is a stale answer.
const PassFor = 10 * time.Second

const (
	// noted is how much memory may be taken by notes about what is not stored.
	noted = 4 << 20
	// sweepEvery is how often entries that have ended are removed from disk.
	sweepEvery = 5 * time.Minute
	// refreshes is how many answers are made fresh behind visitors' backs at once.
	refreshes = 32
)

// Cache is the cache as a handler and a lifecycle.Service. Requests that come while it does not run are passed.
type Cache struct {
	opts     Options
	base     lifecycle.Base
	settings atomic.Pointer[settings]
	store    *store
	budget   *budget
	meter    *meter
	now      func() time.Time
	passes   *cache.Memory[struct{}] // flights whose answers could not be shared, by key
	failures *cache.Memory[struct{}] // slots whose application failed
	refresh  chan struct{}           // a place for each refresh

	mu      sync.Mutex // protects the following
	flights map[string]*flight
	flying  map[*flight]struct{}
}

// New builds a cache; it passes everything until it is started.
func New(o Options) *Cache {
	if o.Site == nil {
		o.Site = siteOf
	}
	if o.Fork == nil {
		o.Fork = func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Result) {}
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	c := &Cache{
		opts: o, now: time.Now, budget: &budget{max: int64(o.Config.Memory)},
		passes:   cache.NewMemory(noted, func(key string, _ struct{}) int64 { return int64(len(key)) }),
		failures: cache.NewMemory(noted, func(key string, _ struct{}) int64 { return int64(len(key)) }),
		refresh:  make(chan struct{}, refreshes), flights: map[string]*flight{}, flying: map[*flight]struct{}{},
	}
	c.settings.Store(newSettings(o.Config, nil))
	c.store = newStore(o.Config, o.Report)
	c.meter = newMeter(o.Metrics, c)
	return c
}

func siteOf(r *http.Request) (string, string) {
	if r.TLS != nil {
		return "https", r.Host
	}
	return "http", r.Host
}

// Start opens the disk and begins to answer from the cache.
func (c *Cache) Start(ctx context.Context) error {
	return c.base.Start(ctx, func(context.Context) error {
		if c.opts.Config.Disk == 0 {
			return nil
		}
		disk, err := cache.OpenDisk(cache.DiskOptions{
			Dir: c.opts.Dir, MaxBytes: int64(c.opts.Config.Disk), Free: int64(c.opts.Config.DiskFree), Network: fstype.Of,
		})
		if err != nil {
			return err
		}
		c.store.disk.Store(disk)
		c.base.Go(func(ctx context.Context) {
			lifecycle.Every(ctx, sweepEvery, nil, func(context.Context) { disk.Sweep() })
		})
		return nil
	})
}

// Stop ends what is in flight, waits for it, and closes the disk.
func (c *Cache) Stop(ctx context.Context) error {
	err := c.base.Stop(ctx, nil)
	if disk := c.store.files(); disk != nil {
		err = errors.Join(err, disk.Close())
	}
	return err
}

// Configure changes rules and times. Sizes and places stay as they are.
func (c *Cache) Configure(config Config) { c.settings.Store(newSettings(config, c.settings.Load())) }

// withPublish runs f while nothing else is stored or removed.
func (c *Cache) withPublish(f func()) {
	c.store.publish.Lock()
	defer c.store.publish.Unlock()
	f()
}

// notShared remembers that nobody need wait for the answer to such requests.
func (c *Cache) notShared(key string) { c.passes.Set(key, struct{}{}, PassFor) }

// shareAgain forgets that.
func (c *Cache) shareAgain(key string) { c.passes.Delete(key) }

// remember notes that the application failed.
func (c *Cache) remember(slot string) { c.failures.Set(slot, struct{}{}, PassFor) }

func (c *Cache) failedLately(slot string) bool {
	_, _, ok := c.failures.Peek(slot)
	return ok
}
