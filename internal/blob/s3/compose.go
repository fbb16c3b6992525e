package s3

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// Limits of copying inside the service.
const (
	minPart  = 5 << 20 // of a part that is not the last (S3 User Guide, "multipart upload limits")
	copyPart = 1 << 30 // what one request copies at most; S3 allows 5 GiB, but the answer would take long
)

// source is a blob, or a piece of one, that is copied.
type source struct {
	key    string
	etag   string
	at     int64
	length int64
}

// Compose joins blobs; see package blob.
func (s *Store) Compose(ctx context.Context, name blob.Name, parts []blob.Name, o blob.PutOptions) (blob.Info, error) {
	if err := name.Valid(); err != nil {
		return blob.Info{}, err
	}
	sources, whole, err := s.sources(ctx, parts)
	if err != nil {
		return blob.Info{}, err
	}
	if !whole {
		return s.composeHere(ctx, name, parts, o)
	}
	if err := s.free(ctx, name); err != nil {
		return blob.Info{}, err
	}
	u, err := s.begin(ctx, "compose", name, o)
	if err != nil {
		return blob.Info{}, err
	}
	if err = u.copyAll(ctx, sources); err == nil {
		err = u.complete(ctx, "compose", o)
	}
	if err != nil {
		u.abort(ctx)
	}
	if isUnknown(err) {
		return s.composeHere(ctx, name, parts, o)
	}
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{Name: name, Size: u.size, ModTime: time.Now()}, nil
}

// sources looks at the parts, and reports whether the service may join them itself.
func (s *Store) sources(ctx context.Context, parts []blob.Name) (all []source, whole bool, err error) {
	whole = len(parts) > 0
	for i, p := range parts {
		o, err := s.stat(ctx, p)
		if err != nil {
			return nil, false, err
		}
		if o.Size == 0 || i < len(parts)-1 && o.Size < minPart {
			whole = false
		}
		all = append(all, s.split(p, o)...)
	}
	return all, whole && len(all) <= maxParts, nil
}

// split cuts a blob into pieces of equal size that are copied one by one.
func (s *Store) split(name blob.Name, o minio.ObjectInfo) []source {
	n := max(1, (o.Size+s.copyPart-1)/s.copyPart)
	var pieces []source
	for i := range n {
		at, end := o.Size*i/n, o.Size*(i+1)/n
		pieces = append(pieces, source{s.key(name), o.ETag, at, end - at})
	}
	return pieces
}

// copyAll adds what lies in the store already.
func (u *upload) copyAll(ctx context.Context, sources []source) error {
	for _, src := range sources {
		if err := u.copy(ctx, src); err != nil {
			return err
		}
	}
	return nil
}

func (u *upload) copy(ctx context.Context, src source) error {
	number, err := u.next()
	if err != nil {
		return err
	}
	s := u.store
	same := map[string]string{"X-Amz-Copy-Source-If-Match": src.etag}
	var part minio.CompletePart
	err = s.do(ctx, "copy to", u.name, s.working(src.length), func(ctx context.Context) (err error) {
		part, err = s.core.CopyObjectPart(ctx, s.bucket, src.key, s.bucket, s.key(u.name), u.id,
			number, src.at, src.length, same)
		if err == nil && part.ETag == "" {
			err = errNotCopied()
		}
		return err
	})
	if err != nil {
		return gone(err)
	}
	u.parts = append(u.parts, part)
	u.size += src.length
	return nil
}

// composeHere joins blobs by reading and writing them: small ones, and on services that do not know UploadPartCopy.
func (s *Store) composeHere(ctx context.Context, name blob.Name, parts []blob.Name, o blob.PutOptions) (blob.Info, error) {
	var readers []io.Reader
	for _, p := range parts {
		b, err := s.Open(ctx, p)
		if err != nil {
			return blob.Info{}, err
		}
		defer b.Close() //nolint:gocritic // until all are read; nothing is open in an unread one
		readers = append(readers, b)
	}
	info, err := s.Put(ctx, name, io.MultiReader(readers...), o)
	if err != nil {
		return blob.Info{}, fmt.Errorf("compose: %w", err)
	}
	return info, nil
}
