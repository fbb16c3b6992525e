package s3

import (
	"context"
	"errors"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// SweepAge is how old a left-over must be before Sweep takes it: longer than any upload lasts.
const SweepAge = 7 * 24 * time.Hour

// Sweep removes what killed processes left behind longer than age ago: uploads that were never completed, companions
// without a blob, objects of Check. It returns how many. Nothing that it removes can be read through the store; it only
// takes space. It asks the service for every companion, so run it in the background, and rarely.
func (s *Store) Sweep(ctx context.Context, age time.Duration) (int, error) {
	before := time.Now().Add(-age)
	checks, err := s.sweepObjects(ctx, checkPrefix, before, func(string) (bool, error) { return false, nil })
	if err != nil {
		return checks, err
	}
	sidecars, err := s.sweepObjects(ctx, companions, before, func(key string) (bool, error) { return s.owned(ctx, key) })
	if err != nil {
		return checks + sidecars, err
	}
	uploads, err := s.sweepUploads(ctx, before)
	return checks + sidecars + uploads, err
}

// sweepObjects removes the old objects below the prefix that nobody needs.
func (s *Store) sweepObjects(ctx context.Context, prefix string, before time.Time, needed func(key string) (bool, error)) (n int, err error) {
	listErr := s.list(ctx, s.prefix+prefix, "", func(o minio.ObjectInfo) bool {
		if o.LastModified.After(before) {
			return true
		}
		var keep bool
		if keep, err = needed(o.Key); err != nil || keep {
			return err == nil
		}
		if err = s.remove(ctx, "sweep", "", o.Key); err == nil {
			n++
		}
		return err == nil
	})
	if err == nil {
		err = listErr
	}
	return n, err
}

// owned reports whether a companion belongs to a blob that is there.
func (s *Store) owned(ctx context.Context, key string) (bool, error) {
	name, tag, ok := s.owner(key)
	if !ok {
		return true, nil // not ours
	}
	o, err := s.stat(ctx, name)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	return err != nil || o.UserMetadata[metaCompanion] == tag, err
}

func (s *Store) sweepUploads(ctx context.Context, before time.Time) (n int, err error) {
	key, id := "", ""
	for {
		var page minio.ListMultipartUploadsResult
		err := s.do(ctx, "list uploads", "", s.brief(), func(ctx context.Context) (err error) {
			page, err = s.core.ListMultipartUploads(ctx, s.bucket, s.prefix, key, id, "", 1000)
			return err
		})
		if err != nil {
			return n, err
		}
		for _, u := range page.Uploads {
			if u.Initiated.After(before) {
				continue
			}
			if err := s.abortUpload(ctx, u.Key, u.UploadID); err != nil && !errors.Is(err, blob.ErrNotFound) {
				return n, err
			}
			n++
		}
		if !page.IsTruncated {
			return n, nil
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}
