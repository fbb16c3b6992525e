package objects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/fault"
)

// Bucket is a bucket and its policy. Zero limits mean none.
type Bucket struct {
	Name         string
	Created      time.Time
	Owner        string     // access key id or "config" or "cli"
	Public       bool       // anyone may GET and HEAD its objects (not list)
	Versioning   Versioning // off, enabled, suspended
	MaxSize      int64      // bytes per object
	MaxObjects   int64
	AllowedTypes []string      // sniffed media types, "image/*" allowed; empty: any
	ExpireAfter  time.Duration // default life of an object
	KeepVersions int           // noncurrent versions kept per key; 0: all
	CORS         []CORSRule
	Tags         map[string]string
	Declared     bool // written in the configuration; cannot be changed or deleted through the API
}

// Versioning is the state of a bucket's versions (S3 PutBucketVersioning).
type Versioning string

// The states. Once enabled, versions are never off again, only suspended.
const (
	VersioningOff       Versioning = ""
	VersioningEnabled   Versioning = "Enabled"
	VersioningSuspended Versioning = "Suspended"
)

// CORSRule is one rule of PutBucketCors.
type CORSRule struct {
	ID             string   `json:"id,omitempty" xml:"ID,omitempty"`
	AllowedOrigins []string `json:"origins" xml:"AllowedOrigin"`
	AllowedMethods []string `json:"methods" xml:"AllowedMethod"`
	AllowedHeaders []string `json:"headers,omitempty" xml:"AllowedHeader"`
	ExposeHeaders  []string `json:"expose,omitempty" xml:"ExposeHeader"`
	MaxAgeSeconds  int      `json:"max_age,omitempty" xml:"MaxAgeSeconds,omitempty"`
}

// clone returns a copy that shares nothing with the cache.
func (b *bucketRow) clone() Bucket {
	c := b.Bucket
	c.AllowedTypes = slices.Clone(c.AllowedTypes)
	c.Tags = maps.Clone(c.Tags)
	c.CORS = slices.Clone(c.CORS)
	return c
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// validBucketName keeps S3's rule (3 to 63 of a-z, 0-9, "-" and "."), which also fits host names and blob names.
func validBucketName(name string) bool { return bucketName.MatchString(name) }

const bucketColumns = `name, created, owner, public, versioning, max_size, max_objects, allowed_types, expire_after,
	keep_versions, cors, tags, declared, id, epoch`

// scan reads a row of bucketColumns.
func (b *bucketRow) scan(row pgx.Row) error {
	return row.Scan(&b.Name, &b.Created, &b.Owner, &b.Public, &b.Versioning, &b.MaxSize, &b.MaxObjects, &b.AllowedTypes,
		&b.ExpireAfter, &b.KeepVersions, &b.CORS, &b.Tags, &b.Declared, &b.id, &b.epoch)
}

// values are what a statement stores of a bucket, in the order of bucketColumns without created, id and epoch.
func (b *Bucket) values() []any {
	return []any{
		b.Name, b.Owner, b.Public, b.Versioning, b.MaxSize, b.MaxObjects, orEmpty(b.AllowedTypes), int64(b.ExpireAfter),
		b.KeepVersions, orEmpty(b.CORS), orEmptyMap(b.Tags), b.Declared,
	}
}

// readBuckets reads all buckets.
func (x *Index) readBuckets(ctx context.Context, tx pgx.Tx) (map[string]*bucketRow, error) {
	rows, err := tx.Query(ctx, x.q("SELECT "+bucketColumns+" FROM {s}.buckets"))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]*bucketRow{}
	for rows.Next() {
		b := &bucketRow{}
		if err := b.scan(rows); err != nil {
			return nil, err
		}
		all[b.Name] = b
	}
	return all, rows.Err()
}

// CreateBucket makes a bucket with the policy of b, and its first link key. Other processes know it as soon as they are
// asked for it.
func (x *Index) CreateBucket(ctx context.Context, b Bucket) error {
	if err := b.check(); err != nil {
		return err
	}
	return x.change(ctx, "create bucket", func(ctx context.Context, tx pgx.Tx) error {
		return x.insertBucket(ctx, tx, &b)
	})
}

func (x *Index) insertBucket(ctx context.Context, tx pgx.Tx, b *Bucket) error {
	var id int32
	err := tx.QueryRow(ctx, x.q(`INSERT INTO {s}.buckets (name, owner, public, versioning, max_size, max_objects,
		allowed_types, expire_after, keep_versions, cors, tags, declared)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`), b.values()...).Scan(&id)
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "23505" {
		return refusal{fmt.Errorf("bucket %q: %w", b.Name, ErrBucketExists)}
	}
	if err != nil {
		return err
	}
	_, err = x.insertLinkKey(ctx, tx, id, time.Time{})
	return err
}

// check refuses what no bucket can be.
func (b *Bucket) check() error {
	switch {
	case !validBucketName(b.Name):
		return fmt.Errorf("bucket %q: %w", b.Name, ErrBucketName)
	case b.MaxSize < 0 || b.MaxObjects < 0 || b.ExpireAfter < 0 || b.KeepVersions < 0:
		return fault.New(fault.Invalid, "bucket_limits", "bucket %q: limits must not be negative", b.Name)
	case b.Versioning != VersioningOff && b.Versioning != VersioningEnabled && b.Versioning != VersioningSuspended:
		return fault.New(fault.Invalid, "bucket_versioning", "bucket %q: no such state of versioning: %q", b.Name, b.Versioning)
	}
	return nil
}

// UpdateBucket changes a bucket under a row lock. change must not keep the pointer; it may run more than once. Name,
// Created and Declared stay as they are. A declared bucket is refused with ErrBucketDeclared: see Declare.
func (x *Index) UpdateBucket(ctx context.Context, name string, change func(*Bucket) error) (Bucket, error) {
	var updated bucketRow
	err := x.change(ctx, "update bucket", func(ctx context.Context, tx pgx.Tx) error {
		if err := x.lockBucket(ctx, tx, name, &updated); err != nil {
			return err
		}
		if updated.Declared {
			return refusal{fmt.Errorf("bucket %q: %w", name, ErrBucketDeclared)}
		}
		was := updated.Bucket
		if err := change(&updated.Bucket); err != nil {
			return refusal{err}
		}
		updated.Name, updated.Created, updated.Declared = was.Name, was.Created, false
		if updated.Versioning == VersioningOff && was.Versioning != VersioningOff {
			updated.Versioning = VersioningSuspended
		}
		if err := updated.check(); err != nil {
			return refusal{err}
		}
		return x.storeBucket(ctx, tx, &updated)
	})
	if err != nil {
		return Bucket{}, err
	}
	return updated.clone(), nil
}

// lockBucket waits until no commit is under way in the bucket and keeps new ones out (see lock_bucket in the
// migration), then reads the row.
func (x *Index) lockBucket(ctx context.Context, tx pgx.Tx, name string, b *bucketRow) error {
	if err := x.lockBucketRow(ctx, tx, name, b); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, x.q("SELECT pg_advisory_xact_lock(hashtext($1), $2)"), x.rawSchema()+".buckets", b.id)
	return err
}

func (x *Index) storeBucket(ctx context.Context, tx pgx.Tx, b *bucketRow) error {
	_, err := tx.Exec(ctx, x.q(`UPDATE {s}.buckets SET owner = $2, public = $3, versioning = $4, max_size = $5,
		max_objects = $6, allowed_types = $7, expire_after = $8, keep_versions = $9, cors = $10, tags = $11, declared = $12
		WHERE name = $1`), b.values()...)
	return err
}

// DeleteBucket deletes an empty bucket: ErrBucketNotEmpty if it holds objects, versions or uploads.
func (x *Index) DeleteBucket(ctx context.Context, name string) error {
	return x.change(ctx, "delete bucket", func(ctx context.Context, tx pgx.Tx) error {
		var b bucketRow
		if err := x.lockBucket(ctx, tx, name, &b); err != nil {
			return err
		}
		if b.Declared {
			return refusal{fmt.Errorf("bucket %q: %w", name, ErrBucketDeclared)}
		}
		var full bool
		err := tx.QueryRow(ctx, x.q(`SELECT EXISTS (SELECT FROM {s}.objects WHERE bucket = $1)
			OR EXISTS (SELECT FROM {s}.versions WHERE bucket = $1)
			OR EXISTS (SELECT FROM {s}.uploads WHERE bucket = $1 AND done_at IS NULL)`), b.id).Scan(&full)
		if err != nil {
			return err
		}
		if full {
			return refusal{fmt.Errorf("bucket %q: %w", name, ErrBucketNotEmpty)}
		}
		for _, table := range []string{"uploads", "slots", "link_keys", "bucket_usage"} {
			if _, err := tx.Exec(ctx, x.q("DELETE FROM {s}."+table+" WHERE bucket = $1"), b.id); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, x.q("DELETE FROM {s}.buckets WHERE id = $1"), b.id)
		return err
	})
}

// Usage counts a bucket's current objects and their bytes.
func (x *Index) Usage(ctx context.Context, bucket string) (objects, bytes int64, err error) {
	err = x.withBucket(ctx, bucket, func(b *bucketRow) error {
		return x.one(ctx, "usage", `SELECT coalesce(sum(objects), 0)::bigint, coalesce(sum(bytes), 0)::bigint
			FROM {s}.bucket_usage WHERE bucket = $1`, []any{b.id}, &objects, &bytes)
	})
	return objects, bytes, err
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func orEmptyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
