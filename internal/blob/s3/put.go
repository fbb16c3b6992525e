package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

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
	if o.Size < 0 || o.Size >= s.part {
		return s.putLarge(ctx, name, body, o)
	}
	buf := make([]byte, o.Size+1) // one byte more, by which a longer body is seen
	n, err := fill(ctx, body, buf)
	switch {
	case errors.Is(err, io.EOF):
		return s.putSmall(ctx, name, buf[:n], o)
	case err != nil:
		return blob.Info{}, err
	}
	return blob.Info{}, blob.SizeError(o.Size, int64(n))
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

// putSmall stores a body that is one part or less.
func (s *Store) putSmall(ctx context.Context, name blob.Name, data []byte, o blob.PutOptions) (blob.Info, error) {
	if err := checkSize(int64(len(data)), o.Size); err != nil {
		return blob.Info{}, err
	}
	id := newTag()
	meta := map[string]string{metaID: id}
	undo, err := s.attach(ctx, name, meta, o)
	if err != nil {
		return blob.Info{}, err
	}
	err = s.create(func(opts minio.PutObjectOptions) error {
		opts.UserMetadata = meta
		return s.write(ctx, "put", name, s.key(name), data, opts)
	})
	if err = s.settle(ctx, name, id, err); err != nil {
		undo()
		return blob.Info{}, err
	}
	return blob.Info{Name: name, Size: int64(len(data)), ModTime: time.Now()}, nil
}

// write stores an object with one request. The signature covers a digest of the data, so the service checks it.
func (s *Store) write(ctx context.Context, op string, name blob.Name, key string, data []byte, o minio.PutObjectOptions) error {
	sum := sha256.Sum256(data)
	o.DisableContentSha256 = true // of a streamed body: the digest below is that of the whole
	return s.do(ctx, op, name, s.steady(), func(ctx context.Context) error {
		_, err := s.core.PutObject(ctx, s.bucket, key, bytes.NewReader(data), int64(len(data)),
			"", hex.EncodeToString(sum[:]), o)
		return err
	})
}

// create calls f with the condition that the object must not exist, and without it when the service does not know
// conditions.
func (s *Store) create(f func(minio.PutObjectOptions) error) error {
	opts := minio.PutObjectOptions{}
	if !s.unconditional.Load() {
		opts.SetMatchETagExcept("*")
		if err := f(opts); !isUnknown(err) {
			return err
		}
		s.unconditional.Store(true)
	}
	return f(minio.PutObjectOptions{})
}

// isUnknown reports that the service does not know what it was asked to do.
func isUnknown(err error) bool {
	var r minio.ErrorResponse
	return errors.As(err, &r) && r.StatusCode == http.StatusNotImplemented
}

// settle looks what became of a write whose answer is an error. The client repeats requests, so "exists already" or "no
// such upload" may mean that the one before went through; the id of the blob tells.
func (s *Store) settle(ctx context.Context, name blob.Name, id string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	o, statErr := s.stat(ctx, name)
	if statErr == nil && o.UserMetadata[metaID] == id {
		return nil
	}
	return err
}

func checkSize(got, want int64) error {
	if want >= 0 && got != want {
		return blob.SizeError(want, got)
	}
	return nil
}
