package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// maxParts is the most parts that one multipart upload may have (S3 User Guide, "multipart upload limits").
const maxParts = 10_000

// cleanup bounds what is done after a failure to leave nothing behind.
const cleanup = 10 * time.Second

// Put stores a blob; see package blob.
func (s *Store) Put(ctx context.Context, name blob.Name, body io.Reader, o blob.PutOptions) (blob.Info, error) {
	if err := name.Valid(); err != nil {
		return blob.Info{}, err
	}
	if err := s.free(ctx, name); err != nil {
		return blob.Info{}, err
	}
	buf, release, err := s.buffer(ctx, o.Size)
	if err != nil {
		return blob.Info{}, err
	}
	defer release()
	n, err := fill(ctx, body, buf)
	switch {
	case errors.Is(err, io.EOF):
		return s.putSmall(ctx, name, buf[:n], o)
	case err != nil:
		return blob.Info{}, err
	case o.Size >= 0 && int64(n) > o.Size:
		return blob.Info{}, blob.SizeError(o.Size, int64(n))
	}
	return s.putLarge(ctx, name, body, buf, o)
}

// buffer returns room for the first part of a body. A body known to be smaller gets room for itself and one byte more,
// by which it is seen to be longer than announced. Whole parts are few and reused, so memory stays flat: who comes
// when all are in use waits.
func (s *Store) buffer(ctx context.Context, size int64) (buf []byte, release func(), err error) {
	if size >= 0 && size < s.part {
		return make([]byte, size+1), func() {}, nil
	}
	select {
	case s.large <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	b := s.buffers.Get().(*[]byte)
	return *b, func() { s.buffers.Put(b); <-s.large }, nil
}

// free reports ErrExists when the name is taken. It spares the upload, and is the whole guarantee on services that do
// not know conditional writes.
func (s *Store) free(ctx context.Context, name blob.Name) error {
	_, err := s.Stat(ctx, name)
	switch {
	case err == nil:
		return fmt.Errorf("put %s: %w", name, blob.ErrExists)
	case errors.Is(err, blob.ErrNotFound):
		return nil
	}
	return err
}

// fill reads until buf is full or the body ends, which is io.EOF even when something was read.
func fill(ctx context.Context, body io.Reader, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		m, err := body.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (s *Store) putSmall(ctx context.Context, name blob.Name, data []byte, o blob.PutOptions) (blob.Info, error) {
	if err := checkSize(int64(len(data)), o.Size); err != nil {
		return blob.Info{}, err
	}
	opts := minio.PutObjectOptions{DisableMultipart: true, SendContentMd5: true, ContentType: "application/octet-stream"}
	opts.SetMatchETagExcept("*")
	meta, undo, err := s.attach(ctx, name, o)
	if err != nil {
		return blob.Info{}, err
	}
	opts.UserMetadata = meta
	_, err = s.client.PutObject(ctx, s.bucket, s.key(name), bytes.NewReader(data), int64(len(data)), opts)
	if err != nil {
		undo()
		return blob.Info{}, s.explain("put", name, err)
	}
	return blob.Info{Name: name, Size: int64(len(data)), ModTime: time.Now()}, nil
}

// maxInline is the longest encoded sidecar that is sent as user metadata.
const maxInline = 1800

// The user metadata of a blob: the sidecar itself, or the tag of the companion object that holds it.
const (
	metaSidecar   = "Holdfast"
	metaCompanion = "Holdfast-Companion"
)

// attach asks for the sidecar and returns the user metadata to write with the object. A sidecar too large for that is
// stored as a companion, which undo removes again if the object does not come into being.
func (s *Store) attach(ctx context.Context, name blob.Name, o blob.PutOptions) (map[string]string, func(), error) {
	nothing := func() {}
	if o.Sidecar == nil {
		return nil, nothing, nil
	}
	side, err := o.Sidecar()
	if err != nil {
		return nil, nothing, err
	}
	if encoded := base64.StdEncoding.EncodeToString(side); len(encoded) <= maxInline {
		return map[string]string{metaSidecar: encoded}, nothing, nil
	}
	tag := newTag()
	if err := s.putCompanion(ctx, name, tag, side); err != nil {
		return nil, nothing, err
	}
	return map[string]string{metaCompanion: tag}, s.undoCompanion(ctx, name, tag), nil
}

func (s *Store) putCompanion(ctx context.Context, name blob.Name, tag string, side []byte) error {
	if len(side) > blob.MaxSidecar {
		return fmt.Errorf("put %s: %w", name, blob.SidecarError(len(side)))
	}
	_, err := s.client.PutObject(ctx, s.bucket, s.companion(name, tag), bytes.NewReader(side), int64(len(side)),
		minio.PutObjectOptions{DisableMultipart: true, SendContentMd5: true})
	if err != nil {
		return s.explain("put sidecar of", name, err)
	}
	return nil
}

// undoCompanion removes the companion of an object that did not come into being. Should that fail, it is never listed
// nor read, and goes with the next Delete of the name.
func (s *Store) undoCompanion(ctx context.Context, name blob.Name, tag string) func() {
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
		defer cancel()
		_ = s.client.RemoveObject(ctx, s.bucket, s.companion(name, tag), minio.RemoveObjectOptions{})
	}
}

func checkSize(got, want int64) error {
	if want >= 0 && got != want {
		return blob.SizeError(want, got)
	}
	return nil
}
