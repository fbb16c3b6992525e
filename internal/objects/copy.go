package objects

import (
	"context"
	"errors"
	"fmt"
	"io"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/s3wire"
)

// Copy makes a new object from src (server-side, nothing crosses the client). dst.Body is ignored; dst.Headers and
// dst.Tags are used as they are (the caller applies COPY or REPLACE). dst.Checksum, if not nil, names the algorithm of
// the copy's checksum; otherwise the copy keeps the source's. ETag and digests are the source's.
//
// A source that is replaced while it is copied is copied as it was.
func (x *Index) Copy(ctx context.Context, src Object, dst Put) (Object, error) {
	if x.crews.Load() == nil {
		return Object{}, errNotRunning
	}
	b, err := x.bucket(ctx, dst.Bucket)
	if err != nil {
		return Object{}, err
	}
	dst.Size = src.Size
	if err := x.admit(ctx, b, &dst, rights{}); err != nil {
		return Object{}, fmt.Errorf("copy to %s/%.60q: %w", dst.Bucket, dst.Key, err)
	}
	if !allowed(b.AllowedTypes, src.Sniffed) {
		return Object{}, fmt.Errorf("copy to %s/%s: content is %s: %w", dst.Bucket, dst.Key, orText(src.Sniffed, "empty"), ErrTypeNotAllowed)
	}
	o := dst.object(newBlobID())
	o.Size, o.ETag, o.Sniffed, o.Digests, o.Created = src.Size, orText(dst.ETag, src.ETag), src.Sniffed, src.Digests, now()
	sum, err := copySum(&src, dst.Checksum)
	if err == nil {
		err = x.duplicate(ctx, &src, &o, sum)
	}
	if err != nil {
		return Object{}, fmt.Errorf("copy %s/%s to %s/%s: %w", src.Bucket, src.Key, dst.Bucket, dst.Key, err)
	}
	return x.settle(ctx, o, write{op: opPut, key: dst.Key, cond: dst.Condition})
}

// copySum returns the algorithm that has to be computed anew for a copy; "" when the source's checksum will do.
func copySum(src *Object, ask func() (string, []byte)) (s3wire.Algorithm, error) {
	if ask == nil {
		return "", nil
	}
	name, _ := ask()
	if name == "" || name == src.Digests.Algorithm && !src.Digests.Composite {
		return "", nil
	}
	return s3wire.ParseAlgorithm(name)
}

// duplicate makes the blob of o from that of src: inside the store, unless a checksum has to be computed.
func (x *Index) duplicate(ctx context.Context, src, o *Object, sum s3wire.Algorithm) error {
	opts := blob.PutOptions{Size: src.Size, Sidecar: func() ([]byte, error) { return sidecarText(o) }}
	return x.fromSource(src, func(name blob.Name) error {
		if sum == "" {
			_, err := x.blobs.Compose(ctx, o.Blob.BlobName(), []blob.Name{name}, opts)
			return err
		}
		from, err := x.blobs.Open(ctx, name)
		if err != nil {
			return err
		}
		defer from.Close()
		h := sum.New()
		opts.Sidecar = func() ([]byte, error) {
			o.Digests.Algorithm, o.Digests.Checksum, o.Digests.Composite = string(sum), h.Sum(nil), false
			return sidecarText(o)
		}
		_, err = x.blobs.Put(ctx, o.Blob.BlobName(), io.TeeReader(from, h), opts)
		return err
	})
}

// fromSource calls f with the name of the source's blob, and again with its name in the trash if it died meanwhile.
func (x *Index) fromSource(src *Object, f func(name blob.Name) error) error {
	if src.Marker {
		return fault.New(fault.Usage, "copy_marker", "a delete marker has no content")
	}
	err := f(src.Blob.BlobName())
	if errors.Is(err, blob.ErrNotFound) {
		err = f(src.Blob.TrashName())
	}
	return err
}
