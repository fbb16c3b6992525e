package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// How many bytes one request of an open blob asks for: at first, since a visitor often wants a piece only, and then.
const (
	firstWindow = 4 << 20
	window      = 16 << 20
)

// resumes is how often in a row a transfer is taken up again that broke without a byte.
const resumes = 3

// Stat returns size and time; see package blob.
func (s *Store) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	o, err := s.stat(ctx, name)
	if err != nil {
		return blob.Info{}, err
	}
	return infoOf(name, o), nil
}

// infoOf cuts the time to seconds: that is what all services tell in all their answers.
func infoOf(name blob.Name, o minio.ObjectInfo) blob.Info {
	return blob.Info{Name: name, Size: o.Size, ModTime: o.LastModified.Truncate(time.Second)}
}

func (s *Store) stat(ctx context.Context, name blob.Name) (o minio.ObjectInfo, err error) {
	if err := name.Valid(); err != nil {
		return o, err
	}
	err = s.do(ctx, "stat", name, s.brief(), func(ctx context.Context) (err error) {
		o, err = s.client.StatObject(ctx, s.bucket, s.key(name), minio.StatObjectOptions{})
		return err
	})
	return o, err
}

// Open returns the blob; see package blob. The context bounds all reading from it.
func (s *Store) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if blob.ReadsAhead(ctx) {
		if o, err := s.openAhead(ctx, name); err == nil {
			return o, nil
		} else if errors.Is(err, blob.ErrNotFound) {
			return nil, err
		}
	}
	o, err := s.stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return &object{ctx: ctx, store: s, info: infoOf(name, o), etag: o.ETag, ask: firstWindow}, nil
}

// object is an open blob. It is not safe for concurrent use, like a file's offset.
type object struct {
	ctx   context.Context //nolint:containedctx // a blob reads like a file, and files take no context
	store *Store
	info  blob.Info
	etag  string
	at    int64     // where the next Read begins
	ask   int64     // how many bytes the next request asks for
	tries int       // requests since the last byte
	win   *transfer // in progress, nil if none
}

// transfer is one request of an open blob.
type transfer struct {
	body io.ReadCloser
	ctx  context.Context //nolint:containedctx // ends with the transfer, and knows why
	stop func()
	end  int64 // offset in the blob
}

func (o *object) Info() blob.Info { return o.info }

// Read yields what the service sends. A transfer that breaks is taken up where it broke.
func (o *object) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for o.at < o.info.Size {
		n, err := o.read(p)
		if n > 0 {
			o.at += int64(n)
			o.tries = 0
			return n, nil // an error comes again with the next Read, or is overcome
		}
		if err != nil && (o.tries > resumes || !blob.SafeToRetry(err) || o.ctx.Err() != nil) {
			return 0, err
		}
	}
	return 0, io.EOF
}

// read reads from the transfer in progress, beginning one if there is none. At its end, or when it breaks, it is dropped.
func (o *object) read(p []byte) (int, error) {
	if o.win == nil {
		o.tries++
		if err := o.request(); err != nil {
			return 0, err
		}
	}
	t := o.win
	n, err := t.body.Read(p[:min(int64(len(p)), t.end-o.at)])
	if o.at+int64(n) == t.end {
		o.drop()
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		err = o.store.explainRead(o.info.Name, because(t.ctx, err))
		o.drop()
	}
	return n, err
}

// request begins a transfer. It names the ETag, so that what it yields is of the blob that was opened.
func (o *object) request() error {
	end := min(o.at+o.ask, o.info.Size)
	var opts minio.GetObjectOptions
	if err := errors.Join(opts.SetRange(o.at, end-1), opts.SetMatchETag(o.etag)); err != nil {
		return err
	}
	ctx, stop := o.store.steady().begin(o.ctx)
	body, _, header, err := o.store.core.GetObject(ctx, o.store.bucket, o.store.key(o.info.Name), opts)
	if err == nil && !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", o.at)) &&
		(o.at > 0 || end < o.info.Size) {
		_ = body.Close()
		err = fmt.Errorf("the S3 service did not answer with the range that was asked for: %q", header.Get("Content-Range"))
	}
	if err != nil {
		stop()
		return gone(o.store.explain("read", o.info.Name, because(ctx, err)))
	}
	o.win = &transfer{body, ctx, stop, end}
	o.ask = window
	return nil
}

// gone corrects ErrExists: a condition that fails while reading means that the blob is not there any more.
func gone(err error) error {
	if errors.Is(err, blob.ErrExists) {
		return fmt.Errorf("%w: it was replaced", blob.ErrNotFound)
	}
	return err
}

// Seek sets where the next Read begins.
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
		o.at, o.ask, o.tries = offset, firstWindow, 0
	}
	return offset, nil
}

func (o *object) Close() error {
	o.drop()
	return nil
}

func (o *object) drop() {
	if o.win == nil {
		return
	}
	o.win.stop() // before the body is closed, which would else read on
	_ = o.win.body.Close()
	o.win = nil
}
