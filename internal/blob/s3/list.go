package s3

import (
	"context"
	"strings"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// List calls yield for each blob; see package blob. One page of a thousand is in memory at a time.
func (s *Store) List(ctx context.Context, prefix string, after blob.Name, yield func(blob.Info) bool) error {
	start := ""
	if after != "" {
		start = s.key(after)
	}
	skipped := false
	tell := func(o minio.ObjectInfo) (more bool) {
		name := blob.Name(strings.TrimPrefix(o.Key, s.prefix))
		if strings.HasPrefix(string(name), ".") && !skipped {
			skipped = true
			return false
		}
		if name <= after || name.Valid() != nil {
			return true
		}
		after = name
		return yield(infoOf(name, o))
	}
	err := s.list(ctx, s.prefix+prefix, start, tell)
	if err != nil || !skipped {
		return err
	}
	// What begins with a dot is ours and no blob, and there may be much of it: go on behind it, where the next byte is the
	// slash. A service that does not know how to start there repeats itself; then after must hold back what was told.
	return s.list(ctx, s.prefix+prefix, max(start, s.prefix+"/"), tell)
}

// list calls yield for each object below the prefix, in the order of their keys.
func (s *Store) list(ctx context.Context, prefix, start string, yield func(minio.ObjectInfo) bool) error {
	owner := false
	opts := minio.ListObjectsOptions{Prefix: prefix, StartAfter: start, Recursive: true, MaxKeys: 1000, FetchOwner: &owner}
	return s.do(ctx, "list", "", s.steady(), func(ctx context.Context) error {
		for o := range s.client.ListObjectsIter(ctx, s.bucket, opts) {
			if o.Err != nil {
				return o.Err
			}
			if !yield(o) {
				return nil
			}
		}
		return ctx.Err()
	})
}
