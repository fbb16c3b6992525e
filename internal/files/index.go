package files

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/objects"
)

// What the feature asks of the index, by who asks it. *objects.Index is all of it.

// linkIndex is what serving a link needs: nothing here goes to the database.
type linkIndex interface {
	LinkKey(id string) (objects.LinkKey, error)
	Dead(id objects.BlobID) bool
	memory
}

// memory is what an event loop may ask: it never waits.
type memory interface {
	KnownLinkKey(id string) (objects.LinkKey, bool)
	KnownBucket(name string) (objects.Bucket, bool)
}

// signIndex is what making a link or a slot needs.
type signIndex interface {
	SigningKey(ctx context.Context, bucket string) (objects.LinkKey, error)
	CreateSlot(ctx context.Context, s objects.Slot) (objects.Slot, error)
}

type uploadIndex interface {
	Slot(ctx context.Context, id string) (objects.Slot, error)
	PutSlot(ctx context.Context, id string, p objects.Put) (objects.Object, error)
}

type objectIndex interface {
	Put(ctx context.Context, p objects.Put) (objects.Object, error)
	Head(ctx context.Context, r objects.Ref) (objects.Object, error)
	Delete(ctx context.Context, refs []objects.Ref, cond objects.Condition) ([]objects.Deleted, error)
	List(ctx context.Context, q objects.ListQuery) (objects.Page, error)
}

type bucketReader interface {
	Bucket(ctx context.Context, name string) (objects.Bucket, error)
	Buckets(ctx context.Context) ([]objects.Bucket, error)
	Usage(ctx context.Context, bucket string) (objects, bytes int64, err error)
}

type bucketWriter interface {
	CreateBucket(ctx context.Context, b objects.Bucket) error
	UpdateBucket(ctx context.Context, name string, change func(*objects.Bucket) error) (objects.Bucket, error)
	DeleteBucket(ctx context.Context, name string) error
	Declare(ctx context.Context, declared []objects.Bucket) error
}

type accessKeyIndex interface {
	CreateAccessKey(ctx context.Context, app string, p objects.Policy, notAfter time.Time) (objects.AccessKey, error)
	AccessKeys(ctx context.Context) ([]objects.AccessKey, error)
	RotateAccessKey(ctx context.Context, id string, overlap time.Duration) (objects.AccessKey, error)
	RevokeAccessKey(ctx context.Context, id string) error
}

type linkKeyIndex interface {
	LinkKeys(ctx context.Context, bucket string) ([]objects.LinkKey, error)
	RotateLinkKey(ctx context.Context, bucket string, overlap time.Duration) (objects.LinkKey, error)
	RevokeLinkKey(ctx context.Context, id string) error
	RevokeLinks(ctx context.Context, bucket string) error
}

// browserIndex is what browsers cause to be asked.
type browserIndex interface {
	linkIndex
	signIndex
	uploadIndex
}

type bucketIndex interface {
	bucketReader
	bucketWriter
}

type keyIndex interface {
	accessKeyIndex
	linkKeyIndex
}

// Index is the sum of them.
type Index interface {
	browserIndex
	objectIndex
	bucketIndex
	keyIndex
}

var _ Index = (*objects.Index)(nil)

// Database runs the one statement that tells PostgreSQL who may call sign_url.
type Database interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}
