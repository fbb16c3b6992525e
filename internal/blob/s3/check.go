package s3

import (
	"context"
	"errors"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
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
	case err != nil:
		return s.reason(ctx, err)
	case found:
		return nil
	}
	if err := s.reason(ctx, s.noBucket()); !create || fault.CodeOf(err) != codeNoBucket {
		return err
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

// reason asks again for the reason of a refusal: the answer to HEAD, which found it out, has no room for one, and some
// services answer 404 to a key that they do not know.
func (s *Store) reason(ctx context.Context, err error) error {
	switch fault.CodeOf(err) {
	case codeDenied, codeRequest, codeNoBucket:
	default:
		return err
	}
	if why := s.list(ctx, s.prefix, "", func(minio.ObjectInfo) bool { return false }); why != nil {
		return why
	}
	return err
}

// Check writes and deletes a small object.
func (s *Store) Check(ctx context.Context) error {
	name := blob.Name(checkPrefix + newTag())
	if err := s.write(ctx, "write to the bucket", name, s.key(name), []byte("ok"), minio.PutObjectOptions{}); err != nil {
		return err
	}
	return s.remove(ctx, "delete from the bucket", name, s.key(name))
}
