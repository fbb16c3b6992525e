package objects

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/s3wire"
)

// CompletePart is what the client lists when it completes an upload.
type CompletePart struct {
	Number   int
	ETag     string
	Checksum []byte
}

// CompleteUpload joins the listed parts into the object and ends the upload; parts that are not listed are dropped. The
// ETag is the MD5 of the parts' MD5s with "-N" (S3). The object's checksum is made of those of the parts; wholeSum, if
// not nil, must be equal to it. Completing the same upload again with the same parts returns the same object for as long
// as it is current (S3 clients retry), for a day.
func (x *Index) CompleteUpload(ctx context.Context, u Upload, parts []CompletePart, cond Condition, wholeSum []byte) (Object, error) {
	etag, err := joinedETag(parts)
	if err != nil {
		return Object{}, fmt.Errorf("complete upload %s: %w", u.ID, err)
	}
	o, err := x.complete(ctx, &u, parts, etag, cond, wholeSum)
	if errors.Is(err, blob.ErrNotFound) { // a part was replaced while it was read
		o, err = x.complete(ctx, &u, parts, etag, cond, wholeSum)
	}
	if errors.Is(err, errUploadDone) || errors.Is(err, ErrNoSuchUpload) {
		return x.completed(ctx, &u, etag)
	}
	return o, err
}

// joinedETag checks the list, as far as that needs no row, and makes the ETag of the object.
func joinedETag(parts []CompletePart) (string, error) {
	if len(parts) == 0 {
		return "", ErrInvalidPart
	}
	h := md5.New() //nolint:gosec // see import
	for i, p := range parts {
		if i > 0 && p.Number <= parts[i-1].Number {
			return "", ErrInvalidPartOrder
		}
		sum, err := hex.DecodeString(p.ETag)
		if err != nil || len(sum) != md5.Size {
			return "", fmt.Errorf("part %d: ETag %.40q: %w", p.Number, p.ETag, ErrInvalidPart)
		}
		h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts)), nil
}

func (x *Index) complete(ctx context.Context, u *Upload, listed []CompletePart, etag string, cond Condition, wholeSum []byte) (Object, error) {
	if x.crews.Load() == nil {
		return Object{}, errNotRunning
	}
	raw := uploadID(u.ID)
	if raw == nil || u.Completed {
		return Object{}, fmt.Errorf("upload %.40q: %w", u.ID, ErrNoSuchUpload)
	}
	stored, err := x.parts(ctx, *raw, 0, maxPart)
	if err != nil {
		return Object{}, err
	}
	if len(stored) == 0 {
		return Object{}, fmt.Errorf("upload %s: %w", u.ID, x.partless(ctx, u))
	}
	parts, err := choose(stored, listed, x.cfg.MinPartSize)
	if err != nil {
		return Object{}, fmt.Errorf("complete upload %s: %w", u.ID, err)
	}
	o, err := u.object(parts, etag, wholeSum)
	if err != nil {
		return Object{}, fmt.Errorf("complete upload %s: %w", u.ID, err)
	}
	if err := x.join(ctx, &o, u, parts, cond); err != nil {
		return Object{}, fmt.Errorf("complete upload %s: %w", u.ID, err)
	}
	return x.settle(ctx, o, write{op: opPut, key: u.Key, cond: cond, upload: raw})
}

// partless says why an upload has no parts.
func (x *Index) partless(ctx context.Context, u *Upload) error {
	now, err := x.GetUpload(ctx, u.Bucket, u.Key, u.ID)
	switch {
	case err != nil:
		return err
	case now.Completed:
		return errUploadDone
	}
	return ErrInvalidPart
}

// choose returns the stored parts that are listed, and checks that they are what the client means.
func choose(stored []Part, listed []CompletePart, minSize int64) ([]Part, error) {
	parts := make([]Part, 0, len(listed))
	for i, want := range listed {
		for len(stored) > 0 && stored[0].Number < want.Number {
			stored = stored[1:]
		}
		if len(stored) == 0 || stored[0].Number != want.Number {
			return nil, fmt.Errorf("part %d is not there: %w", want.Number, ErrInvalidPart)
		}
		p := stored[0]
		switch {
		case p.ETag != want.ETag:
			return nil, fmt.Errorf("part %d has ETag %s: %w", p.Number, p.ETag, ErrInvalidPart)
		case want.Checksum != nil && p.Checksum != nil && !bytes.Equal(p.Checksum, want.Checksum):
			return nil, fmt.Errorf("part %d has another checksum: %w", p.Number, ErrInvalidPart)
		case p.Size < minSize && i < len(listed)-1:
			return nil, fmt.Errorf("part %d has %d bytes, at least %d are needed: %w", p.Number, p.Size, minSize, ErrPartTooSmall)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// object is the object that the parts make.
func (u *Upload) object(parts []Part, etag string, wholeSum []byte) (Object, error) {
	o := u.Put.object(newBlobID())
	o.Bucket, o.Key, o.ETag, o.Created, o.Sniffed = u.Bucket, u.Key, etag, now(), parts[0].sniffed
	sums := make([]s3wire.PartSum, len(parts))
	known := u.Algorithm != ""
	for i, p := range parts {
		o.Size += p.Size
		o.Digests.PartSizes = append(o.Digests.PartSizes, p.Size)
		sums[i] = s3wire.PartSum{Sum: p.Checksum, Size: p.Size}
		known = known && p.Checksum != nil
	}
	o.Digests.Parts = len(parts)
	if !known {
		return o, nil
	}
	kind := s3wire.FullObject
	if u.Composite {
		kind = s3wire.Composite
	}
	whole, err := s3wire.Join(s3wire.Algorithm(u.Algorithm), kind, sums)
	if err != nil {
		return o, err
	}
	if wholeSum != nil && !bytes.Equal(wholeSum, whole.Sum) {
		return o, fmt.Errorf("checksum is %s: %w", whole, ErrBadDigest)
	}
	o.Digests.Algorithm, o.Digests.Checksum, o.Digests.Composite = u.Algorithm, whole.Sum, u.Composite
	return o, nil
}

// join makes the blob of the object from those of the parts.
func (x *Index) join(ctx context.Context, o *Object, u *Upload, parts []Part, cond Condition) error {
	b, err := x.bucket(ctx, o.Bucket)
	if err != nil {
		return err
	}
	put := u.Put
	put.Bucket, put.Key, put.Size, put.Condition = o.Bucket, o.Key, o.Size, cond
	if err := x.admit(ctx, b, &put, rights{}); err != nil {
		return err
	}
	if !allowed(b.AllowedTypes, o.Sniffed) {
		return fmt.Errorf("content is %s: %w", orText(o.Sniffed, "empty"), ErrTypeNotAllowed)
	}
	names := make([]blob.Name, len(parts))
	for i, p := range parts {
		names[i] = p.Blob.PartName()
	}
	_, err = x.blobs.Compose(ctx, o.Blob.BlobName(), names, blob.PutOptions{
		Size: o.Size, Sidecar: func() ([]byte, error) { return sidecarText(o) },
	})
	return err
}

// completed returns the object that the upload was completed to, if it is current and was made of the same parts.
func (x *Index) completed(ctx context.Context, u *Upload, etag string) (Object, error) {
	none := fmt.Errorf("upload %.40q: %w", u.ID, ErrNoSuchUpload)
	raw := uploadID(u.ID)
	if raw == nil {
		return Object{}, none
	}
	var gen int64
	err := x.one(ctx, "look up upload", "SELECT done_gen FROM {s}.uploads WHERE id = $1 AND done_at IS NOT NULL AND done_etag = $2",
		[]any{*raw, etag}, &gen)
	if errors.Is(err, pgx.ErrNoRows) {
		return Object{}, none
	}
	if err != nil {
		return Object{}, err
	}
	o, err := x.Head(ctx, Ref{Bucket: u.Bucket, Key: u.Key})
	if errors.Is(err, ErrNoSuchKey) || err == nil && o.Generation != Generation(gen) {
		return Object{}, none
	}
	return o, err
}
