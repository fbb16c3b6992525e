package objects

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/s3wire"
)

// Part is one stored part of an upload.
type Part struct {
	Number   int // 1 to 10000
	Size     int64
	ETag     string
	Checksum []byte // of Upload.Algorithm, nil if none
	Modified time.Time
	Blob     BlobID

	sniffed string
}

const maxPart = 10000

// PutPart stores one part; a part of the same number is replaced. The reader contract is that of Put.Body. sum, which may
// be nil, is asked after the body ended; a checksum of another algorithm than the upload's is not kept.
func (x *Index) PutPart(ctx context.Context, u Upload, number int, size int64, body io.Reader, sum func() (string, []byte)) (Part, error) {
	b, err := x.admitPart(ctx, &u, number, size)
	if err != nil {
		return Part{}, err
	}
	in := newIntake(body, b.MaxSize, nil)
	in.sha = nil // nobody would keep it
	defer in.close()
	p := Part{Number: number, Blob: newBlobID()}
	_, err = x.blobs.Put(ctx, p.Blob.PartName(), in, blob.PutOptions{Size: size})
	switch {
	case in.err != nil:
		return Part{}, in.err
	case err != nil:
		return Part{}, fmt.Errorf("put part %d of upload %s: %w", number, u.ID, err)
	}
	md5, _ := in.digests()
	p.Size, p.ETag, p.sniffed = in.n, hex.EncodeToString(md5), in.sniffed
	if sum != nil {
		if algorithm, value := sum(); algorithm == u.Algorithm {
			p.Checksum = value
		}
	}
	return x.settlePart(ctx, &u, p)
}

// admitPart refuses, before a byte of a part is read, what would be refused in the end.
func (x *Index) admitPart(ctx context.Context, u *Upload, number int, size int64) (*bucketRow, error) {
	if number < 1 || number > maxPart {
		return nil, fault.New(fault.Usage, "part_number", "part number %d: 1 to %d are possible", number, maxPart)
	}
	if u.Completed || uploadID(u.ID) == nil {
		return nil, fmt.Errorf("upload %.40q: %w", u.ID, ErrNoSuchUpload)
	}
	b, err := x.bucket(ctx, u.Bucket)
	if err != nil {
		return nil, err
	}
	if b.MaxSize > 0 && size > b.MaxSize {
		return nil, fmt.Errorf("part %d of %d bytes, at most %d: %w", number, size, b.MaxSize, ErrTooLarge)
	}
	return b, nil
}

// settlePart records a part whose blob is durable. If that fails for certain, the blob is deleted at once.
func (x *Index) settlePart(ctx context.Context, u *Upload, p Part) (Part, error) {
	var status int16
	var modified *time.Time
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	err := x.db.QueryRow(limited, x.q("SELECT o_status, o_modified FROM {s}.put_part($1, $2, $3, $4, $5, $6, $7)"),
		*uploadID(u.ID), p.Number, p.Size, [16]byte(p.Blob), p.ETag, p.sniffed, p.Checksum).Scan(&status, &modified)
	switch {
	case err != nil && !rolledBack(err):
		return Part{}, dbError(ctx, "put part", err)
	case err != nil:
		err = dbError(ctx, "put part", err)
	case status != statusDone:
		err = fmt.Errorf("upload %s: %w", u.ID, ErrNoSuchUpload)
	default:
		p.Modified = *modified
		return p, nil
	}
	x.discard(ctx, p.Blob.PartName())
	return Part{}, err
}

// CopyPart stores a range of an object as a part. length -1: to the end.
func (x *Index) CopyPart(ctx context.Context, u Upload, number int, src Object, offset, length int64) (Part, error) {
	if length < 0 {
		length = src.Size - offset
	}
	if offset < 0 || length < 0 || offset+length > src.Size {
		return Part{}, fmt.Errorf("copy part %d of upload %s: %w", number, u.ID, blob.ErrRange)
	}
	var p Part
	err := x.fromSource(&src, func(name blob.Name) (err error) {
		from, err := x.blobs.Open(ctx, name)
		if err != nil {
			return err
		}
		defer from.Close()
		if _, err = from.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		body, sum := io.LimitReader(from, length), (func() (string, []byte))(nil)
		if h := s3wire.Algorithm(u.Algorithm).New(); h != nil {
			body, sum = io.TeeReader(body, h), func() (string, []byte) { return u.Algorithm, h.Sum(nil) }
		}
		p, err = x.PutPart(ctx, u, number, length, body, sum)
		return err
	})
	return p, err
}

// ListParts returns parts with a number above after, at most limit, and whether there are more.
func (x *Index) ListParts(ctx context.Context, u Upload, after, limit int) ([]Part, bool, error) {
	raw := uploadID(u.ID)
	if raw == nil || u.Completed {
		return nil, false, fmt.Errorf("upload %.40q: %w", u.ID, ErrNoSuchUpload)
	}
	list, err := x.parts(ctx, *raw, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	if len(list) == 0 {
		if _, err := x.GetUpload(ctx, u.Bucket, u.Key, u.ID); err != nil {
			return nil, false, err
		}
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

func (x *Index) parts(ctx context.Context, upload [16]byte, after, limit int) ([]Part, error) {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	rows, err := x.db.Query(limited, x.q(`SELECT number, size, etag, checksum, modified, blob, sniffed FROM {s}.parts
		WHERE upload = $1 AND number > $2 ORDER BY number LIMIT $3`), upload, after, limit)
	if err != nil {
		return nil, dbError(ctx, "list parts", err)
	}
	defer rows.Close()
	var list []Part
	for rows.Next() {
		var p Part
		var id [16]byte
		if err := rows.Scan(&p.Number, &p.Size, &p.ETag, &p.Checksum, &p.Modified, &id, &p.sniffed); err != nil {
			return nil, dbError(ctx, "list parts", err)
		}
		p.Blob = BlobID(id)
		list = append(list, p)
	}
	return list, dbError(ctx, "list parts", rows.Err())
}
