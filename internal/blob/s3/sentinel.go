package s3

import (
	"context"
	"errors"
	"fmt"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

const (
	sentinelName = ".holdfast-store"
	maxSentinel  = 1 << 10 // bytes
)

// ID returns the id of the store, which stands in the object <prefix>.holdfast-store, so that it stays the same however
// the service is addressed and wherever the objects are copied. Without that object, create makes it; else the bucket
// is not the one that holds the files, which is ErrUnavailable. Processes that may create at the same time take turns:
// not every service knows conditional writes.
func (s *Store) ID(ctx context.Context, create bool) (string, error) {
	id, err := s.sentinel(ctx)
	if !errors.Is(err, blob.ErrNotFound) {
		return id, err
	}
	if !create {
		return "", &fault.Error{
			Kind: fault.Unavailable, Code: blob.ErrUnavailable.Code,
			Err:  fmt.Errorf("bucket %q holds no store: the object %s is missing", s.bucket, s.prefix+sentinelName),
			Hint: "check storage.s3.bucket_name and storage.s3.prefix",
		}
	}
	err = s.create(func(opts minio.PutObjectOptions) error {
		opts.ContentType = "text/plain"
		return s.write(ctx, "write", sentinelName, s.key(sentinelName), blob.NewSentinel(), opts)
	})
	if err != nil && !errors.Is(err, blob.ErrExists) {
		return "", err
	}
	return s.sentinel(ctx)
}

// sentinel reads the id; ErrNotFound when there is none.
func (s *Store) sentinel(ctx context.Context) (string, error) {
	text, err := s.fetch(ctx, "read", sentinelName, s.key(sentinelName), maxSentinel)
	if err != nil {
		return "", err
	}
	id, ok := blob.ParseSentinel(text)
	if !ok {
		return "", fault.New(fault.Config, "store_format", "bucket %q holds a store of another format", s.bucket).
			WithHint("use the version of holdfast that wrote it, or set another storage.s3.bucket_name or prefix")
	}
	return id, nil
}
