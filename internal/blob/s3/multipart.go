package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// maxParts is the most parts that one multipart upload may have (S3 User Guide, "multipart upload limits").
const maxParts = 10_000

// upload is a multipart upload. It is no blob until it is completed.
type upload struct {
	store *Store
	name  blob.Name
	id    string // of the upload, given by the service
	blob  string // id of the blob
	tag   string // of the companion, "" if the blob is to have no sidecar
	parts []minio.CompletePart
	size  int64
}

// begin starts an upload. What the sidecar says is known only at its end but the metadata is due now, so a blob made of
// parts has its sidecar in a companion.
func (s *Store) begin(ctx context.Context, op string, name blob.Name, o blob.PutOptions) (*upload, error) {
	u := &upload{store: s, name: name, blob: newTag()}
	meta := map[string]string{metaID: u.blob}
	if o.Sidecar != nil {
		u.tag = newTag()
		meta[metaCompanion] = u.tag
	}
	return u, u.initiate(ctx, op, meta)
}

func (u *upload) initiate(ctx context.Context, op string, meta map[string]string) error {
	s := u.store
	return s.do(ctx, op, u.name, s.brief(), func(ctx context.Context) (err error) {
		u.id, err = s.core.NewMultipartUpload(ctx, s.bucket, s.key(u.name), minio.PutObjectOptions{UserMetadata: meta})
		return err
	})
}

// add sends a part. S3 wants at least 5 MiB of each but the last.
func (u *upload) add(ctx context.Context, data []byte) error {
	number, err := u.next()
	if err != nil {
		return err
	}
	s, sum := u.store, sha256.Sum256(data)
	opts := minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(sum[:]), DisableContentSha256: true}
	var part minio.ObjectPart
	err = s.do(ctx, "put", u.name, s.steady(), func(ctx context.Context) (err error) {
		part, err = s.core.PutObjectPart(ctx, s.bucket, s.key(u.name), u.id, number,
			bytes.NewReader(data), int64(len(data)), opts)
		return err
	})
	if err != nil {
		return u.vanished(err)
	}
	u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	u.size += int64(len(data))
	return nil
}

func (u *upload) next() (int, error) {
	if len(u.parts) == maxParts {
		return 0, fault.New(fault.Invalid, "blob_size", "put %s: more than %d parts", u.name, maxParts).
			WithHint("raise storage.s3.part_size")
	}
	return len(u.parts) + 1, nil
}

// vanished corrects ErrNotFound, by which the service means the upload and not a blob.
func (u *upload) vanished(err error) error {
	if errors.Is(err, blob.ErrNotFound) {
		return fmt.Errorf("put %s: %w: the service forgot the upload", u.name, blob.ErrUnavailable)
	}
	return err
}

// complete makes the upload a blob, its sidecar first.
func (u *upload) complete(ctx context.Context, op string, o blob.PutOptions) error {
	if err := checkSize(u.size, o.Size); err != nil {
		return err
	}
	undo := func() {}
	if u.tag != "" {
		side, err := o.Sidecar()
		if err != nil {
			return err
		}
		if undo, err = u.store.putCompanion(ctx, u.name, u.tag, side); err != nil {
			return err
		}
	}
	if err := u.finish(ctx, op); err != nil {
		undo()
		return err
	}
	return nil
}

// finish joins the parts. Some services copy them now, so it may last.
func (u *upload) finish(ctx context.Context, op string) error {
	s := u.store
	err := s.create(func(opts minio.PutObjectOptions) error {
		return s.do(ctx, op, u.name, s.working(u.size), func(ctx context.Context) error {
			_, err := s.core.CompleteMultipartUpload(ctx, s.bucket, s.key(u.name), u.id, u.parts, opts)
			return err
		})
	})
	return s.settle(ctx, u.name, u.blob, u.vanished(err))
}

// abort ends an upload that failed. Should the service not answer, the upload stays there unfinished until Sweep.
func (u *upload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	_ = u.store.abortUpload(ctx, u.store.key(u.name), u.id)
}

func (s *Store) abortUpload(ctx context.Context, key, id string) error {
	return s.do(ctx, "abort an upload", "", s.brief(), func(ctx context.Context) error {
		return s.core.AbortMultipartUpload(ctx, s.bucket, key, id)
	})
}

// putLarge stores a body of unknown length, or of one part and more.
func (s *Store) putLarge(ctx context.Context, name blob.Name, body io.Reader, o blob.PutOptions) (blob.Info, error) {
	if o.Size > s.part*maxParts {
		return blob.Info{}, fault.New(fault.Invalid, "blob_size", "put %s: %d bytes need more than %d parts", name, o.Size, maxParts).
			WithHint("raise storage.s3.part_size")
	}
	p := &parting{store: s, body: body, announced: o.Size}
	defer p.release()
	data, last, err := p.next(ctx)
	switch {
	case err != nil:
		return blob.Info{}, err
	case last:
		return s.putSmall(ctx, name, data, o)
	}
	u, err := s.begin(ctx, "put", name, o)
	if err != nil {
		return blob.Info{}, err
	}
	if err = u.send(ctx, data, p); err == nil {
		err = u.complete(ctx, "put", o)
	}
	if err != nil {
		u.abort(ctx)
		return blob.Info{}, err
	}
	return blob.Info{Name: name, Size: u.size, ModTime: time.Now()}, nil
}

// send sends the first part and what follows it.
func (u *upload) send(ctx context.Context, data []byte, p *parting) error {
	last := false
	for {
		if len(data) > 0 {
			if err := u.add(ctx, data); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
		var err error
		if data, last, err = p.next(ctx); err != nil {
			return err
		}
	}
}

// parting cuts a body into parts, of which it holds one in memory.
type parting struct {
	store     *Store
	body      io.Reader
	announced int64 // -1 if unknown
	read      int64
	buf       *[]byte
}

// next returns the next part, and whether it is the last; it may be empty then. What it returned before is overwritten.
// The buffer is given back in between: who uploads slowly takes turns with the others.
func (p *parting) next(ctx context.Context) (data []byte, last bool, err error) {
	p.release()
	if p.buf, err = p.store.buffers.borrow(ctx); err != nil {
		return nil, false, err
	}
	n, err := fill(ctx, p.body, *p.buf)
	p.read += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		return (*p.buf)[:n], true, nil
	case err != nil:
		return nil, false, err
	case p.announced >= 0 && p.read > p.announced:
		return nil, false, blob.SizeError(p.announced, p.read)
	}
	return *p.buf, false, nil
}

func (p *parting) release() {
	if p.buf != nil {
		p.store.buffers.giveBack(p.buf)
		p.buf = nil
	}
}
