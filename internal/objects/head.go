package objects

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
)

// place is where an object is looked for.
type place struct {
	bucket int32
	name   string // of the bucket
	key    string
}

// found is what is there.
type found struct {
	object Object
	kind   int32
}

// Head returns the row of an object or version. ErrNoSuchKey, ErrNoSuchBucket, ErrNoSuchVersion; for a delete marker
// the Object with Marker set and ErrNoSuchKey. The maps and slices in the answer belong to the index: do not change them.
func (x *Index) Head(ctx context.Context, r Ref) (Object, error) {
	var o Object
	err := x.withBucket(ctx, r.Bucket, func(b *bucketRow) (err error) {
		if checkKey(r.Key) != nil { // nothing was ever stored under such a key
			return fmt.Errorf("%s/%.60q: %w", r.Bucket, r.Key, ErrNoSuchKey)
		}
		if r.Generation != 0 || r.NullVersion {
			o, err = x.headVersion(ctx, b, r)
			return err
		}
		o, err = x.headLatest(ctx, b, r.Key)
		return err
	})
	return o, err
}

func (x *Index) headLatest(ctx context.Context, b *bucketRow, key string) (Object, error) {
	c := x.crews.Load()
	if c == nil {
		return Object{}, errNotRunning
	}
	k := memoryKey{b.id, key}
	o, ticket, ok := x.memory.recall(k)
	if ok {
		return o, nil
	}
	f, err := c.heads.do(ctx, place{b.id, b.Name, key})
	switch {
	case err != nil:
		return Object{}, err
	case f.kind == kindNoBucket:
		return Object{}, errStale
	case f.kind == kindMarker:
		return f.object, fmt.Errorf("%s/%s: deleted: %w", b.Name, key, ErrNoSuchKey)
	case f.kind == kindNone:
		return Object{}, fmt.Errorf("%s/%s: %w", b.Name, key, ErrNoSuchKey)
	}
	x.memory.keep(k, ticket, f.object)
	return f.object, nil
}

// headBatch looks up the places of several callers in one round trip.
func (x *Index) headBatch(ctx context.Context, batch []place) []answer[found] {
	out := make([]answer[found], len(batch))
	err := x.headRows(ctx, batch, out)
	for try := 1; try < attempts && broken(err); try++ { // the pool may hold connections that broke a moment ago
		err = x.headRows(ctx, batch, out)
	}
	if err != nil {
		err = dbError(ctx, "look up object", err)
		for i := range out {
			out[i] = answer[found]{err: err}
		}
	}
	return out
}

func (x *Index) headRows(ctx context.Context, batch []place, out []answer[found]) error {
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	buckets, keys := make([]int32, len(batch)), make([]string, len(batch))
	for i, p := range batch {
		buckets[i], keys[i] = p.bucket, p.key
	}
	rows, err := x.db.Query(ctx, x.headSQL, buckets, keys)
	if err != nil {
		return err
	}
	defer rows.Close()
	var r objectRow
	n := 0
	for ; rows.Next(); n++ {
		if err := r.scan(rows); err != nil {
			return err
		}
		i := r.ord - 1
		out[i].value.kind = r.kind
		out[i].value.object, out[i].err = r.object(batch[i].name)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != len(batch) {
		return fmt.Errorf("head_objects answered %d of %d questions", n, len(batch))
	}
	return nil
}

func (x *Index) headVersion(ctx context.Context, b *bucketRow, r Ref) (Object, error) {
	list, err := x.objectRows(ctx, "look up version", b.Name, "SELECT * FROM {s}.head_version($1, $2, $3)",
		b.id, r.Key, int64(r.Generation))
	switch {
	case err != nil:
		return Object{}, err
	case len(list) == 0:
		if err := x.stillThere(ctx, b); err != nil {
			return Object{}, err
		}
		return Object{}, fmt.Errorf("%s/%s version %d: %w", b.Name, r.Key, r.Generation, ErrNoSuchVersion)
	case list[0].Marker:
		return list[0], fmt.Errorf("%s/%s version %d: a delete marker: %w", b.Name, r.Key, r.Generation, ErrNoSuchKey)
	}
	return list[0], nil
}

// stillThere returns errStale if the bucket was deleted meanwhile.
func (x *Index) stillThere(ctx context.Context, b *bucketRow) error {
	err := x.one(ctx, "look up bucket", "SELECT FROM {s}.buckets WHERE id = $1", []any{b.id})
	if errors.Is(err, pgx.ErrNoRows) {
		return errStale
	}
	return err
}

// objectRows returns the objects that a query for object_row yields. Common prefixes come as objects with a key only.
func (x *Index) objectRows(ctx context.Context, op, bucket, sql string, args ...any) ([]Object, error) {
	list, _, err := x.objectsAndPrefixes(ctx, op, bucket, sql, args...)
	return list, err
}

// Open returns the bytes of an object that Head returned. If it was replaced and its blob died meanwhile: blob.ErrNotFound
// (the caller looks it up again).
func (x *Index) Open(ctx context.Context, o Object) (blob.Blob, error) {
	b, err := x.blobs.Open(ctx, o.Blob.BlobName())
	if err != nil {
		return nil, fmt.Errorf("open %s/%s: %w", o.Bucket, o.Key, err)
	}
	return b, nil
}
