package s3

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// window is how many bytes one request of an open blob asks for.
const window = 16 << 20

// Stat returns size and time; see package blob.
func (s *Store) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	o, err := s.stat(ctx, name)
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{Name: name, Size: o.Size, ModTime: o.LastModified}, nil
}

func (s *Store) stat(ctx context.Context, name blob.Name) (minio.ObjectInfo, error) {
	if err := name.Valid(); err != nil {
		return minio.ObjectInfo{}, err
	}
	o, err := s.client.StatObject(ctx, s.bucket, s.key(name), minio.StatObjectOptions{})
	if err != nil {
		return o, s.explain("stat", name, err)
	}
	return o, nil
}

// Sidecar returns the text stored beside the blob; see package blob.
func (s *Store) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	o, err := s.stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if encoded, ok := o.UserMetadata[metaSidecar]; ok {
		side, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("sidecar of %s: %w", name, err)
		}
		return side, nil
	}
	tag, ok := o.UserMetadata[metaCompanion]
	if !ok {
		return nil, nil
	}
	body, _, _, err := s.core.GetObject(ctx, s.bucket, s.companion(name, tag), minio.GetObjectOptions{})
	if err != nil {
		return nil, s.explain("sidecar of", name, err)
	}
	defer body.Close()
	side, err := io.ReadAll(io.LimitReader(body, blob.MaxSidecar+1))
	if err != nil {
		return nil, s.explain("sidecar of", name, err)
	}
	return side, nil
}

// Open returns the blob; see package blob. The context bounds all reading from it.
func (s *Store) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	info, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return &object{ctx: ctx, store: s, info: info}, nil
}

// object is an open blob. It is not safe for concurrent use, like a file's offset.
type object struct {
	ctx   context.Context //nolint:containedctx // a blob reads like a file, and files take no context
	store *Store
	info  blob.Info
	at    int64         // where the next Read begins
	body  io.ReadCloser // the window in progress, nil if none
	end   int64         // where that window ends
}

func (o *object) Info() blob.Info { return o.info }

func (o *object) Read(p []byte) (int, error) {
	if o.at >= o.info.Size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if o.body == nil {
		if err := o.request(); err != nil {
			return 0, err
		}
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	if errors.Is(err, io.EOF) {
		o.drop()
		if o.at < o.end {
			return n, o.store.unavailable("read "+string(o.info.Name), io.ErrUnexpectedEOF)
		}
		err = nil
	}
	if err != nil {
		o.drop()
		return n, o.store.explain("read", o.info.Name, err)
	}
	return n, nil
}

func (o *object) request() error {
	o.end = min(o.at+window, o.info.Size)
	var opts minio.GetObjectOptions
	if err := opts.SetRange(o.at, o.end-1); err != nil {
		return err
	}
	body, _, _, err := o.store.core.GetObject(o.ctx, o.store.bucket, o.store.key(o.info.Name), opts)
	if err != nil {
		return o.store.explain("read", o.info.Name, err)
	}
	o.body = body
	return nil
}

func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.info.Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek %s: %w", o.info.Name, blob.ErrRange)
	}
	if offset != o.at {
		o.drop()
		o.at = offset
	}
	return offset, nil
}

func (o *object) Close() error {
	o.drop()
	return nil
}

func (o *object) drop() {
	if o.body != nil {
		_ = o.body.Close() // what was read is checked by its length
		o.body = nil
	}
}
