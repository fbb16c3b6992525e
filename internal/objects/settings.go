package objects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// settings is what is cached of buckets, access keys and link keys: all of it, as of one version. It never changes; a
// newer one takes its place.
type settings struct {
	version    int64
	buckets    map[string]*bucketRow
	accessKeys map[string]*sealedKey
	linkKeys   map[string]LinkKey
}

// bucketRow is a bucket with what only the index knows about it.
type bucketRow struct {
	Bucket
	id    int32
	epoch int64
}

// reload reads the settings if they have changed. Only the one worker of refreshes calls it (and Start, before there is
// one), so a newer version is never overwritten by an older one.
func (x *Index) reload(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	now := x.settings.Load()
	if now != nil {
		var version int64
		err := x.db.QueryRow(limited, x.q("SELECT version FROM {s}.settings")).Scan(&version)
		if err != nil || version == now.version {
			return dbError(ctx, "read settings", err)
		}
	}
	fresh, err := x.readSettings(limited)
	if err != nil {
		return dbError(ctx, "read settings", err)
	}
	x.settings.Store(fresh)
	return nil
}

// readSettings reads all of them in one snapshot.
func (x *Index) readSettings(ctx context.Context) (*settings, error) {
	s := &settings{}
	tx, err := x.db.Begin(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err := tx.QueryRow(ctx, x.q("SELECT version FROM {s}.settings")).Scan(&s.version); err != nil {
		return nil, err
	}
	if s.buckets, err = x.readBuckets(ctx, tx); err != nil {
		return nil, fmt.Errorf("buckets: %w", err)
	}
	if s.accessKeys, err = x.readAccessKeys(ctx, tx); err != nil {
		return nil, fmt.Errorf("access keys: %w", err)
	}
	if s.linkKeys, err = x.readLinkKeys(ctx, tx); err != nil {
		return nil, fmt.Errorf("link keys: %w", err)
	}
	return s, tx.Commit(ctx)
}

// refresh returns when the settings are at least as new as the moment of the call.
func (x *Index) refresh(ctx context.Context) error {
	c := x.crews.Load()
	if c == nil {
		return errNotRunning
	}
	_, err := c.refreshes.do(ctx, struct{}{})
	return err
}

func (x *Index) refreshBatch(ctx context.Context, calls []struct{}) []answer[struct{}] {
	return slices.Repeat([]answer[struct{}]{{err: x.reload(ctx)}}, len(calls))
}

// change runs f in a transaction that changes settings, has everybody told, and returns when this process has seen the
// change itself. Changes take turns: the first statement locks the one row of settings.
func (x *Index) change(ctx context.Context, op string, f func(ctx context.Context, tx pgx.Tx) error) error {
	err := x.inTx(ctx, op, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, x.q("SELECT {s}.settings_changed()")); err != nil {
			return err
		}
		return f(ctx, tx)
	})
	if err != nil {
		return err
	}
	return x.refresh(ctx)
}

// bucket returns a bucket from memory. Only a name that is not known is asked for, since it may be a moment old.
func (x *Index) bucket(ctx context.Context, name string) (*bucketRow, error) {
	if s := x.settings.Load(); s != nil {
		if b := s.buckets[name]; b != nil {
			return b, nil
		}
	}
	if !validBucketName(name) {
		return nil, fmt.Errorf("bucket %q: %w", name, ErrNoSuchBucket)
	}
	return x.bucketAgain(ctx, name)
}

// bucketAgain returns a bucket as it is now, after the database said that what we know of it is out of date.
func (x *Index) bucketAgain(ctx context.Context, name string) (*bucketRow, error) {
	if err := x.refresh(ctx); err != nil {
		return nil, fmt.Errorf("bucket %q: %w", name, err)
	}
	if b := x.settings.Load().buckets[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("bucket %q: %w", name, ErrNoSuchBucket)
}

// withBucket calls f with a bucket, and once more when f finds that the bucket was deleted and made again meanwhile.
func (x *Index) withBucket(ctx context.Context, name string, f func(b *bucketRow) error) error {
	b, err := x.bucket(ctx, name)
	if err != nil {
		return err
	}
	if err = f(b); !errors.Is(err, errStale) {
		return err
	}
	if b, err = x.bucketAgain(ctx, name); err != nil {
		return err
	}
	if err = f(b); errors.Is(err, errStale) {
		err = fmt.Errorf("bucket %q: %w", name, ErrNoSuchBucket)
	}
	return err
}

// errStale says that the id of a bucket is not valid any more. It never leaves the package.
var errStale = errors.New("bucket id is out of date")

// Bucket answers from memory; another process's change is seen within a second.
func (x *Index) Bucket(ctx context.Context, name string) (Bucket, error) {
	b, err := x.bucket(ctx, name)
	if err != nil {
		return Bucket{}, err
	}
	return b.clone(), nil
}

// KnownBucket is Bucket without asking anybody: false for a name that memory does not have.
func (x *Index) KnownBucket(name string) (Bucket, bool) {
	s := x.settings.Load()
	if s == nil || s.buckets[name] == nil {
		return Bucket{}, false
	}
	return s.buckets[name].clone(), true
}

// Buckets lists all buckets by name.
func (x *Index) Buckets(ctx context.Context) ([]Bucket, error) {
	if err := x.refresh(ctx); err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	all := x.settings.Load().buckets
	list := make([]Bucket, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name].clone())
	}
	return list, nil
}

// ended reports whether a time that stands for an end (zero: none) has passed.
func ended(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }
