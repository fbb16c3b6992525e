package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// putLarge stores a body that is larger than one part; buf holds its first part.
func (s *Store) putLarge(
	ctx context.Context, name blob.Name, body io.Reader, buf []byte, o blob.PutOptions,
) (blob.Info, error) {
	if o.Size > s.part*maxParts {
		return blob.Info{}, fault.New(fault.Invalid, "blob_size", "put %s: %d bytes need more than %d parts", name, o.Size, maxParts).
			WithHint("raise storage.s3.part_size")
	}
	opts, tag := minio.PutObjectOptions{ContentType: "application/octet-stream"}, newTag()
	if o.Sidecar != nil { // the digests in it are known only at the end, the metadata is due now
		opts.UserMetadata = map[string]string{metaCompanion: tag}
	}
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, s.key(name), opts)
	if err != nil {
		return blob.Info{}, s.explain("put", name, err)
	}
	size, parts, err := s.sendParts(ctx, name, id, body, buf)
	if err == nil {
		err = checkSize(size, o.Size)
	}
	if err == nil {
		err = s.complete(ctx, name, id, tag, parts, o)
	}
	if err != nil {
		s.abort(ctx, name, id)
		return blob.Info{}, err
	}
	return blob.Info{Name: name, Size: size, ModTime: time.Now()}, nil
}

// sendParts sends the full buffer and what follows it.
func (s *Store) sendParts(
	ctx context.Context, name blob.Name, id string, body io.Reader, buf []byte,
) (size int64, parts []minio.CompletePart, err error) {
	n, last := len(buf), false
	for n > 0 {
		if len(parts) == maxParts {
			return 0, nil, fault.New(fault.Invalid, "blob_size", "put %s: more than %d parts", name, maxParts).
				WithHint("raise storage.s3.part_size")
		}
		p, err := s.core.PutObjectPart(ctx, s.bucket, s.key(name), id, len(parts)+1,
			bytes.NewReader(buf[:n]), int64(n), minio.PutObjectPartOptions{})
		if err != nil {
			return 0, nil, s.explain("put", name, err)
		}
		parts = append(parts, minio.CompletePart{PartNumber: p.PartNumber, ETag: p.ETag})
		size += int64(n)
		if last {
			break
		}
		if n, err = fill(ctx, body, buf); err != nil && !errors.Is(err, io.EOF) {
			return 0, nil, err
		}
		last = err != nil
	}
	return size, parts, nil
}

func (s *Store) complete(
	ctx context.Context, name blob.Name, id, tag string, parts []minio.CompletePart, o blob.PutOptions,
) error {
	undo := func() {}
	if o.Sidecar != nil {
		side, err := o.Sidecar()
		if err != nil {
			return err
		}
		if err := s.putCompanion(ctx, name, tag, side); err != nil {
			return err
		}
		undo = s.undoCompanion(ctx, name, tag)
	}
	opts := minio.PutObjectOptions{}
	opts.SetMatchETagExcept("*")
	if _, err := s.core.CompleteMultipartUpload(ctx, s.bucket, s.key(name), id, parts, opts); err != nil {
		undo()
		return s.explain("put", name, err)
	}
	return nil
}

// abort ends an upload that failed. Should the service not answer, the upload stays there unfinished: it is no blob,
// and a lifecycle rule AbortIncompleteMultipartUpload, which docs/security.md advises, clears it.
func (s *Store) abort(ctx context.Context, name blob.Name, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	_ = s.core.AbortMultipartUpload(ctx, s.bucket, s.key(name), id)
}

// Compose joins blobs; see package blob.
func (s *Store) Compose(
	ctx context.Context, name blob.Name, parts []blob.Name, o blob.PutOptions,
) (blob.Info, error) {
	if err := name.Valid(); err != nil {
		return blob.Info{}, err
	}
	sources, whole, err := s.sources(ctx, parts)
	if err != nil {
		return blob.Info{}, err
	}
	if !whole {
		readers, err := s.openAll(ctx, parts)
		if err != nil {
			return blob.Info{}, err
		}
		defer readers.close()
		return s.Put(ctx, name, io.MultiReader(readers.readers()...), o)
	}
	if err := s.free(ctx, name); err != nil {
		return blob.Info{}, err
	}
	meta, undo, err := s.attach(ctx, name, o)
	if err != nil {
		return blob.Info{}, err
	}
	dst := minio.CopyDestOptions{Bucket: s.bucket, Object: s.key(name), UserMetadata: meta, ReplaceMetadata: true}
	if _, err := s.client.ComposeObject(ctx, dst, sources...); err != nil {
		undo()
		return blob.Info{}, s.explain("compose", name, err)
	}
	return s.checkComposed(ctx, name, o)
}

// sources looks at the parts, and reports whether the service may join them itself.
func (s *Store) sources(ctx context.Context, parts []blob.Name) (src []minio.CopySrcOptions, whole bool, err error) {
	whole = len(parts) > 0
	for i, p := range parts {
		info, err := s.Stat(ctx, p)
		if err != nil {
			return nil, false, err
		}
		if info.Size == 0 || i < len(parts)-1 && info.Size < minPart {
			whole = false
		}
		src = append(src, minio.CopySrcOptions{Bucket: s.bucket, Object: s.key(p)})
	}
	return src, whole, nil
}

func (s *Store) checkComposed(ctx context.Context, name blob.Name, o blob.PutOptions) (blob.Info, error) {
	info, err := s.Stat(ctx, name)
	if err == nil {
		err = checkSize(info.Size, o.Size)
	}
	if err != nil {
		_ = s.Delete(context.WithoutCancel(ctx), name) // the first error is the one to tell
		return blob.Info{}, fmt.Errorf("compose %s: %w", name, err)
	}
	return info, nil
}

type openBlobs []blob.Blob

func (s *Store) openAll(ctx context.Context, parts []blob.Name) (openBlobs, error) {
	var all openBlobs
	for _, p := range parts {
		b, err := s.Open(ctx, p)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

func (o openBlobs) readers() []io.Reader {
	r := make([]io.Reader, len(o))
	for i, b := range o {
		r[i] = b
	}
	return r
}

func (o openBlobs) close() {
	for _, b := range o {
		_ = b.Close() // reading is over; there is nothing to lose
	}
}
