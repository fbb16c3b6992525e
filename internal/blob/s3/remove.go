package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// Delete removes the companion of the blob, then the blob: whoever repeats a Delete that broke in between still finds
// the way to the companion. S3 says nothing when there was none.
func (s *Store) Delete(ctx context.Context, name blob.Name) error {
	o, err := s.stat(ctx, name)
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.delete(ctx, name, o)
}

func (s *Store) delete(ctx context.Context, name blob.Name, o minio.ObjectInfo) error {
	if tag, ok := o.UserMetadata[metaCompanion]; ok {
		if err := s.remove(ctx, "delete the sidecar of", name, s.companion(name, tag)); err != nil {
			return err
		}
	}
	return s.remove(ctx, "delete", name, s.key(name))
}

// remove deletes one object, absent or not.
func (s *Store) remove(ctx context.Context, op string, name blob.Name, key string) error {
	err := s.do(ctx, op, name, s.brief(), func(ctx context.Context) error {
		return s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{})
	})
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// Move copies the blob inside the service, companion first, looks at the copy, and deletes the old name; see package
// blob.
func (s *Store) Move(ctx context.Context, from, to blob.Name) error {
	if err := to.Valid(); err != nil {
		return err
	}
	src, err := s.stat(ctx, from)
	if from == to {
		return err
	}
	dst, dstErr := s.stat(ctx, to)
	switch {
	case errors.Is(err, blob.ErrNotFound) && dstErr == nil:
		return nil // an earlier Move got this far
	case err != nil:
		return err
	case dstErr == nil && !same(src, dst):
		return fmt.Errorf("move %s to %s: %w", from, to, blob.ErrExists)
	case dstErr != nil && !errors.Is(dstErr, blob.ErrNotFound):
		return dstErr
	}
	if dstErr != nil {
		if err := s.copyBlob(ctx, src, from, to); err != nil {
			return err
		}
	}
	return s.delete(ctx, from, src)
}

// same reports whether two objects are one blob under two names. ETags do not tell: a copy of an object that was
// uploaded in parts has another.
func same(a, b minio.ObjectInfo) bool {
	id := a.UserMetadata[metaID]
	return id != "" && id == b.UserMetadata[metaID] && a.Size == b.Size
}

// copyBlob copies a blob and its companion. A service may answer 200 and then fail to copy, so the copy is looked at:
// the original is deleted next.
func (s *Store) copyBlob(ctx context.Context, src minio.ObjectInfo, from, to blob.Name) error {
	if tag, ok := src.UserMetadata[metaCompanion]; ok {
		if err := s.copyObject(ctx, to, s.companion(from, tag), s.companion(to, tag), blob.MaxSidecar); err != nil {
			return err
		}
	}
	if err := s.copyBytes(ctx, src, from, to); err != nil {
		return err
	}
	dst, err := s.stat(ctx, to)
	if err == nil && !same(src, dst) {
		err = fmt.Errorf("move %s to %s: the copy differs from the original", from, to)
	}
	return err
}

// copyBytes copies a large blob in parts where the service can, so that no answer takes long.
func (s *Store) copyBytes(ctx context.Context, src minio.ObjectInfo, from, to blob.Name) error {
	if src.Size > s.copyPart {
		if err := s.copyLarge(ctx, src, from, to); !isUnknown(err) {
			return err
		}
	}
	return s.copyObject(ctx, to, s.key(from), s.key(to), src.Size)
}

// copyObject copies an object with its metadata.
func (s *Store) copyObject(ctx context.Context, to blob.Name, fromKey, toKey string, size int64) error {
	return s.do(ctx, "copy to", to, s.working(size), func(ctx context.Context) error {
		o, err := s.core.CopyObject(ctx, s.bucket, fromKey, s.bucket, toKey, nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
		if err == nil && o.ETag == "" {
			err = errNotCopied()
		}
		return err
	})
}

// errNotCopied is what a service means that answers a copy with status 200 and an error in the body (S3 API, CopyObject).
func errNotCopied() error {
	return minio.ErrorResponse{Code: "InternalError", StatusCode: http.StatusInternalServerError, Message: "the service did not copy"}
}

// copyLarge copies an object in parts, which leaves its metadata to us.
func (s *Store) copyLarge(ctx context.Context, src minio.ObjectInfo, from, to blob.Name) error {
	meta := map[string]string{}
	for _, k := range []string{metaID, metaSidecar, metaCompanion} {
		if v, ok := src.UserMetadata[k]; ok {
			meta[k] = v
		}
	}
	u := &upload{store: s, name: to, blob: meta[metaID]}
	if err := u.initiate(ctx, "move", meta); err != nil {
		return err
	}
	err := u.copyAll(ctx, s.split(from, src))
	if err == nil {
		err = u.finish(ctx, "move")
	}
	if err != nil {
		u.abort(ctx)
	}
	return err
}
