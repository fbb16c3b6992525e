package s3

import (
	"context"
	"errors"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// checkPrefix begins the objects that Check writes. Each check has its own, so that processes do not disturb each other.
const checkPrefix = ".check-"

// EnsureBucket checks that the bucket exists, and makes it when create is set.
func (s *Store) EnsureBucket(ctx context.Context, create bool) error {
	found := false
	err := s.do(ctx, "look for the bucket", "", s.brief(), func(ctx context.Context) (err error) {
		found, err = s.client.BucketExists(ctx, s.bucket)
		return err
	})
	switch {
	case err != nil || found:
		return err
	case !create:
		return s.noBucket()
	}
	return s.do(ctx, "create the bucket", "", s.brief(), func(ctx context.Context) error {
		err := s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.cfg.Region})
		var r minio.ErrorResponse
		if errors.As(err, &r) && r.Code == "BucketAlreadyOwnedByYou" {
			return nil
		}
		return err
	})
}

// Check writes and deletes a small object.
func (s *Store) Check(ctx context.Context) error {
	name := blob.Name(checkPrefix + newTag())
	if err := s.write(ctx, "write to the bucket", name, s.key(name), []byte("ok"), minio.PutObjectOptions{}); err != nil {
		return err
	}
	return s.remove(ctx, "delete from the bucket", name, s.key(name))
}
