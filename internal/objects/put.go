package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"holdfast/internal/blob"
)

// Put writes one object: blob first, row second. When it returns nil the object is durable and visible everywhere.
func (x *Index) Put(ctx context.Context, p Put) (Object, error) {
	return x.put(ctx, p, rights{})
}

// rights are what a write uses up besides a key.
type rights struct {
	slot  *[16]byte
	limit int64  // bytes, besides the bucket's; 0 none
	kind  string // media type, besides the bucket's
}

func (x *Index) put(ctx context.Context, p Put, r rights) (Object, error) {
	if x.crews.Load() == nil {
		return Object{}, errNotRunning
	}
	b, err := x.bucket(ctx, p.Bucket)
	if err != nil {
		return Object{}, err
	}
	if err := x.admit(ctx, b, &p, r); err != nil {
		return Object{}, fmt.Errorf("put %s/%.60q: %w", p.Bucket, p.Key, err)
	}
	in := newIntake(p.Body, leastLimit(b.MaxSize, r.limit), b.AllowedTypes)
	defer in.close()
	if r.kind != "" {
		in.also = []string{r.kind}
	}
	o := p.object(newBlobID())
	_, err = x.blobs.Put(ctx, o.Blob.BlobName(), in, blob.PutOptions{Size: p.Size, Sidecar: func() ([]byte, error) {
		o.seal(&p, in)
		return sidecarText(&o)
	}})
	switch {
	case in.err != nil: // it came from the body or from us, and is told as it is
		return Object{}, in.err
	case err != nil:
		return Object{}, fmt.Errorf("put %s/%s: %w", p.Bucket, p.Key, err)
	}
	return x.settle(ctx, o, write{op: opPut, key: p.Key, cond: p.Condition, slot: r.slot})
}

// object is the object that a Put makes, as far as it is known before the body was read.
func (p *Put) object(id BlobID) Object {
	return Object{
		Bucket: p.Bucket, Key: p.Key, Latest: true, Blob: id, Headers: p.Headers, Tags: p.Tags, Public: p.Public,
		ExpiresAt: p.ExpiresAt,
	}
}

// seal adds what is known once the body was read to its end.
func (o *Object) seal(p *Put, in *intake) {
	o.Size, o.Sniffed = in.n, in.sniffed
	o.Digests.MD5, o.Digests.SHA256 = in.digests()
	if p.Checksum != nil {
		o.Digests.Algorithm, o.Digests.Checksum = p.Checksum()
	}
	o.ETag = orText(p.ETag, hex.EncodeToString(o.Digests.MD5))
	o.Created = now()
}

// now is the time as the index keeps it: PostgreSQL has microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// admit refuses, before a byte of the body is read, what would be refused in the end.
func (x *Index) admit(ctx context.Context, b *bucketRow, p *Put, r rights) error {
	if err := checkKey(p.Key); err != nil {
		return err
	}
	if _, err := encodeHeaders(p.Headers); err != nil {
		return err
	}
	if _, err := encodeTags(p.Tags); err != nil {
		return err
	}
	if limit := leastLimit(b.MaxSize, r.limit); limit > 0 && p.Size > limit {
		return fmt.Errorf("%d bytes, at most %d: %w", p.Size, limit, ErrTooLarge)
	}
	if 0 <= p.Size && p.Size < worthAsking {
		return nil
	}
	return x.foresee(ctx, b, p)
}

// worthAsking is the size of a body in bytes from which a round trip is worth while that may spare reading it.
const worthAsking = 64 << 10

// foresee asks whether conditions and the bucket's count would let the write through now. What is decided at the commit
// is what counts; this only saves the transfer of bodies that would be refused.
func (x *Index) foresee(ctx context.Context, b *bucketRow, p *Put) error {
	if p.Condition == (Condition{}) && b.MaxObjects == 0 {
		return nil
	}
	o, err := x.headLatest(ctx, b, p.Key)
	switch {
	case err == nil:
		return p.Condition.check(&o)
	case !errors.Is(err, ErrNoSuchKey):
		return nil // the commit will tell
	case p.Condition.IfMatch != "":
		return ErrNoSuchKey
	case b.MaxObjects > 0:
		if n, _, err := x.Usage(ctx, b.Name); err == nil && n >= b.MaxObjects {
			return ErrTooManyObjects
		}
	}
	return nil
}

// check is check_write of the migration for an object that is there.
func (c Condition) check(o *Object) error {
	if c.IfMatch != "" && c.IfMatch != "*" && c.IfMatch != o.ETag ||
		c.IfNoneMatch != "" && (c.IfNoneMatch == "*" || c.IfNoneMatch == o.ETag) ||
		!c.IfUnmodifiedSince.IsZero() && o.Created.Truncate(time.Second).After(c.IfUnmodifiedSince) ||
		c.IfSize != nil && *c.IfSize != o.Size {
		return ErrPrecondition
	}
	return nil
}

// settle commits the row of an object whose blob is durable. If that fails for certain, the blob is deleted at once.
func (x *Index) settle(ctx context.Context, o Object, w write) (Object, error) {
	w.object = &o
	var done written
	err := x.withBucket(ctx, o.Bucket, func(b *bucketRow) (err error) {
		w.bucket = b.id
		if done, err = x.commit(ctx, &w); err == nil {
			err = done.err()
		}
		return err
	})
	if err != nil {
		if !errors.As(err, new(unknownOutcome)) {
			x.discard(ctx, o.Blob.BlobName())
		}
		return Object{}, fmt.Errorf("put %s/%s: %w", o.Bucket, o.Key, err)
	}
	o.Generation, o.ExpiresAt, o.NullID = done.gen, done.expires, done.has(flagNullID)
	return o, nil
}

// discard deletes a blob that no row names. Should that fail, it stays as bytes that nobody can reach.
func (x *Index) discard(ctx context.Context, name blob.Name) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.cfg.Timeout)
	defer cancel()
	if err := x.blobs.Delete(ctx, name); err != nil {
		x.log.WarnContext(ctx, "blob without a row stays in the store", "blob", name, "error", err)
	}
}

// leastLimit is the smaller of two limits, of which 0 is none.
func leastLimit(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
