package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/readcache"
	"holdfast/internal/blob/s3"
	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
)

const (
	// storeConcurrency bounds the operations on the store at once: more than this many writers only wait for the
	// same disk, and each may hold a buffer.
	storeConcurrency = 256
	// storePatience is how long one more waits for its turn. Behind that many slow uploads it would wait for ever.
	storePatience = time.Minute
	// smallBlobs bounds the memory for small blobs that applications read by S3, in bytes. Links have a memory of their own.
	smallBlobs = 8 << 20
	// checkEvery is how often the store and the database are tried, so that a loss is told before somebody needs a file,
	// and load balancers, which ask /readyz, know of it soon.
	checkEvery = 5 * time.Second
	// checkFarEvery is the same for a store that counts requests and may have a price for them.
	checkFarEvery = 15 * time.Second
	// checkTimeout bounds one try: a hard NFS mount whose server is gone does not answer at all.
	checkTimeout = 10 * time.Second
)

func storeDown() health.Condition {
	return health.Condition{
		Code: "store_unavailable", Title: "The store of the files cannot be used", Severity: health.Error,
		Hint: "files are neither stored nor served until it is back: check the disk and its mount, or the S3 service",
	}
}

func cacheBroken() health.Condition {
	return health.Condition{
		Code: "read_cache", Title: "The read cache cannot be written", Severity: health.Warning,
		Hint: "files are read from S3 each time, which is slower: check the space and the rights of paths.cache",
	}
}

// openStore opens the disk or the S3 service, and stacks behaviour on it. From the inside out: meter what the store
// really does, repeat what it failed to do for a moment, bound how much it is asked at once, and keep near copies of
// what is far away.
func (d *Daemon) openStore(ctx context.Context) error {
	open := d.openDisk
	if d.cfg.Storage.S3.Enabled {
		open = d.openS3
	}
	store, err := open(ctx)
	if err != nil {
		return err
	}
	if err := d.tryStore(ctx, store); err != nil {
		return err
	}
	d.bare = store
	d.uncached = blob.Limit(blob.Retry(blob.Meter(store, d.meters.store), blob.RetryOptions{}),
		blob.LimitOptions{Concurrent: storeConcurrency, Patience: storePatience})
	d.store = d.uncached
	if err := d.cacheStore(); err != nil {
		return err
	}
	if err := d.sweepStore(ctx, store); err != nil {
		return err
	}
	every := checkEvery
	if d.cfg.Storage.S3.Enabled {
		every = checkFarEvery
	}
	return d.run(ctx, "store check", lifecycle.NewLoop(every, d.checkStore, func(error) {}))
}

// tryStore tries the store at the start. One that is full is no reason not to start: links are served, objects are read, and
// the pooler needs no room at all. It is told as when it fills up later.
func (d *Daemon) tryStore(ctx context.Context, store blob.Store) error {
	err := store.Check(ctx)
	if fault.KindOf(err) != fault.Full {
		return err
	}
	d.reportStore(err)
	d.log.WarnContext(ctx, "the store is full: nothing is stored until there is room", "error", err)
	return nil
}

// checkStore tries the store and keeps the finding up to date.
func (d *Daemon) checkStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := d.bare.Check(ctx)
	if errors.Is(err, context.Canceled) {
		return nil // the daemon stops
	}
	d.reportStore(err)
	return nil
}

func (d *Daemon) reportStore(err error) {
	c := storeDown()
	if fault.KindOf(err) == fault.Full {
		c.Title, c.Hint = "The store of the files is full", "files are served and none are stored until there is room: "+roomHint(err)
	}
	d.health.Report(c, err)
}

func roomHint(err error) string {
	if hint := fault.HintOf(err); hint != "" {
		return hint
	}
	return "free some space, or raise the quota"
}

// openDisk opens the store below media.root.
func (d *Daemon) openDisk(ctx context.Context) (blob.Store, error) {
	err := d.identify(ctx, func(create bool) (noted, error) {
		store, err := disk.Open(disk.Options{Root: d.cfg.Media.Root, Reserve: int64(d.cfg.Media.Reserve), Create: create})
		if err != nil {
			return noted{}, err
		}
		d.onStop("disk", func(context.Context) error { return store.Close() })
		d.disk = store
		return noted{store.ID(), store.Root()}, nil
	})
	return d.disk, err
}

func (d *Daemon) openS3(ctx context.Context) (blob.Store, error) {
	c := d.cfg.Storage.S3
	store, err := s3.New(c)
	if err != nil {
		return nil, err
	}
	err = d.identify(ctx, func(create bool) (noted, error) {
		if err := store.EnsureBucket(ctx, false); err != nil {
			return noted{}, err
		}
		id, err := store.ID(ctx, create)
		return noted{id, fmt.Sprintf("bucket %s at %s", c.BucketName, c.EndpointURL)}, err
	})
	return store, err
}

// cacheStore puts the read cache in front of S3.
func (d *Daemon) cacheStore() error {
	size := int64(d.cfg.Storage.S3.CacheSize)
	if !d.cfg.Storage.S3.Enabled || size == 0 {
		return nil
	}
	cache, err := readcache.New(d.store, filepath.Join(d.cfg.Paths.Cache, "blobs"), size, func(err error) {
		d.health.Report(cacheBroken(), err)
	})
	if err != nil {
		return err
	}
	d.onStop("read cache", func(context.Context) error { return cache.Close() })
	d.store, d.cache = cache, cache
	return nil
}
