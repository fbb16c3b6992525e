package s3

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// Delete removes the blob, then its companions, the abandoned ones too; see package blob. S3 says nothing when there
// was none.
func (s *Store) Delete(ctx context.Context, name blob.Name) error {
	if err := name.Valid(); err != nil {
		return err
	}
	if err := s.deleteKey(ctx, name, s.key(name)); err != nil {
		return err
	}
	start := strings.TrimSuffix(s.companion(name, ""), ".meta")
	page, err := s.core.ListObjectsV2(s.bucket, start, "", "", "", 1000)
	if err != nil {
		return s.explain("delete", name, err)
	}
	for _, o := range page.Contents {
		if err := s.deleteKey(ctx, name, o.Key); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) deleteKey(ctx context.Context, name blob.Name, key string) error {
	err := s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{})
	if err == nil {
		return nil
	}
	if err = s.explain("delete", name, err); errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// Move copies the blob inside the service, companion first, and deletes the old name; see package blob.
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
	case dstErr == nil && (dst.Size != src.Size || dst.ETag != src.ETag):
		return fmt.Errorf("move %s to %s: %w", from, to, blob.ErrExists)
	case dstErr != nil && !errors.Is(dstErr, blob.ErrNotFound):
		return dstErr
	}
	if dstErr != nil {
		if err := s.copyBlob(ctx, src, from, to); err != nil {
			return err
		}
	}
	return s.Delete(ctx, from)
}

func (s *Store) copyBlob(ctx context.Context, src minio.ObjectInfo, from, to blob.Name) error {
	if tag, ok := src.UserMetadata[metaCompanion]; ok {
		if err := s.copyObject(ctx, s.companion(from, tag), s.companion(to, tag), nil); err != nil {
			return s.explain("move sidecar of", from, err)
		}
	}
	meta := map[string]string{}
	for _, k := range []string{metaSidecar, metaCompanion} {
		if v, ok := src.UserMetadata[k]; ok {
			meta[k] = v
		}
	}
	if err := s.copyObject(ctx, s.key(from), s.key(to), meta); err != nil {
		return s.explain("move", from, err)
	}
	return nil
}

// copyObject copies inside the service; objects above 5 GiB are copied in parts, which would lose the metadata, so it
// is always given.
func (s *Store) copyObject(ctx context.Context, from, to string, meta map[string]string) error {
	_, err := s.client.ComposeObject(ctx,
		minio.CopyDestOptions{Bucket: s.bucket, Object: to, UserMetadata: meta, ReplaceMetadata: true},
		minio.CopySrcOptions{Bucket: s.bucket, Object: from})
	return err
}

// List calls yield for each blob; see package blob. One page of a thousand is in memory at a time.
func (s *Store) List(ctx context.Context, prefix string, after blob.Name, yield func(blob.Info) bool) error {
	start := ""
	if after != "" {
		start = s.key(after)
	}
	token := ""
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := s.core.ListObjectsV2(s.bucket, s.prefix+prefix, start, token, "", 1000)
		if err != nil {
			return s.explain("list", blob.Name(prefix), err)
		}
		for _, o := range page.Contents {
			name := strings.TrimPrefix(o.Key, s.prefix)
			if strings.HasPrefix(path.Base(name), ".") || name <= string(after) {
				continue
			}
			if !yield(blob.Info{Name: blob.Name(name), Size: o.Size, ModTime: o.LastModified}) {
				return nil
			}
		}
		if !page.IsTruncated {
			return nil
		}
		token = page.NextContinuationToken
	}
}
