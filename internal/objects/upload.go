package objects

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

// Upload is a multipart upload in progress.
type Upload struct {
	ID          string // 32 hex digits
	Bucket, Key string
	Put         Put // headers, tags, public, expiry as announced; no body
	Algorithm   string
	Composite   bool
	Initiated   time.Time
	AccessKey   string
	Completed   bool // it is over; CompleteUpload answers once more what it answered before
}

var errUploadDone = fault.New(fault.Conflict, "upload_completed", "upload is completed already")

const uploadColumns = `id, key, initiated, access_key, algorithm, composite, public, expires, headers, tags, done_at IS NOT NULL`

func (u *Upload) scan(row pgx.Row, bucket string) error {
	var (
		id            [16]byte
		expires       *time.Time
		headers, tags []byte
	)
	err := row.Scan(&id, &u.Key, &u.Initiated, &u.AccessKey, &u.Algorithm, &u.Composite, &u.Put.Public, &expires, &headers,
		&tags, &u.Completed)
	if err != nil {
		return err
	}
	u.ID, u.Bucket = hex.EncodeToString(id[:]), bucket
	u.Put.Bucket, u.Put.Key, u.Put.ExpiresAt = u.Bucket, u.Key, orZero(expires)
	if err := json.Unmarshal(headers, &u.Put.Headers); err != nil {
		return fmt.Errorf("headers of upload %s: %w", u.ID, err)
	}
	if tags != nil {
		return json.Unmarshal(tags, &u.Put.Tags)
	}
	return nil
}

// uploadID reads the id of an upload; nil if it cannot be one.
func uploadID(id string) *[16]byte {
	b, ok := ParseBlobID(id)
	if !ok {
		return nil
	}
	return (*[16]byte)(&b)
}

// CreateUpload begins a multipart upload; ID and Initiated are filled in.
func (x *Index) CreateUpload(ctx context.Context, u Upload) (Upload, error) {
	if err := checkKey(u.Key); err != nil {
		return u, err
	}
	headers, err := encodeHeaders(u.Put.Headers)
	if err != nil {
		return u, err
	}
	tags, err := encodeTags(u.Put.Tags)
	if err != nil {
		return u, err
	}
	id := newBlobID()
	u.ID, u.Put.Bucket, u.Put.Key = id.String(), u.Bucket, u.Key
	err = x.withBucket(ctx, u.Bucket, func(b *bucketRow) error {
		// The bucket's row is locked so that DeleteBucket waits for us or we find it gone.
		err := x.one(ctx, "create upload", `INSERT INTO {s}.uploads
			(id, bucket, key, access_key, algorithm, composite, public, expires, headers, tags)
			SELECT $1, b.id, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10::text::jsonb
			FROM {s}.buckets b WHERE b.id = $2 FOR SHARE RETURNING initiated`,
			[]any{[16]byte(id), b.id, u.Key, u.AccessKey, u.Algorithm, u.Composite, u.Put.Public, orNull(u.Put.ExpiresAt), headers, tags},
			&u.Initiated)
		if errors.Is(err, pgx.ErrNoRows) {
			return errStale
		}
		return err
	})
	return u, err
}

// GetUpload returns an upload in progress, and for a day also one that was completed.
func (x *Index) GetUpload(ctx context.Context, bucket, key, id string) (Upload, error) {
	var u Upload
	err := x.withBucket(ctx, bucket, func(b *bucketRow) error {
		raw := uploadID(id)
		if raw == nil || checkKey(key) != nil {
			return fmt.Errorf("upload %.40q: %w", id, ErrNoSuchUpload)
		}
		limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
		defer cancel()
		err := u.scan(x.db.QueryRow(limited, x.q("SELECT "+uploadColumns+
			" FROM {s}.uploads WHERE id = $1 AND bucket = $2 AND key = $3"), *raw, b.id, key), bucket)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("upload %s: %w", id, ErrNoSuchUpload)
		}
		return dbError(ctx, "look up upload", err)
	})
	return u, err
}

// AbortUpload ends an upload and its parts. ErrNoSuchUpload if it is over.
func (x *Index) AbortUpload(ctx context.Context, u Upload) error {
	raw := uploadID(u.ID)
	if raw == nil {
		return fmt.Errorf("upload %.40q: %w", u.ID, ErrNoSuchUpload)
	}
	var was bool
	if err := x.one(ctx, "abort upload", "SELECT {s}.abort_upload($1)", []any{*raw}, &was); err != nil {
		return err
	}
	if !was {
		return fmt.Errorf("upload %s: %w", u.ID, ErrNoSuchUpload)
	}
	x.sweeps.Up()
	return nil
}

// ListUploads lists uploads in progress by key, then id. Page fields as in List; uploads stand in place of objects.
func (x *Index) ListUploads(ctx context.Context, q ListQuery, afterID string) (uploads []Upload, prefixes []string, nextKey, nextID string, err error) {
	var l uploadLister
	err = x.withBucket(ctx, q.Bucket, func(b *bucketRow) error {
		s, none, err := q.span()
		if err != nil || none {
			return err
		}
		l = uploadLister{q: q, from: s.from, end: s.end}
		if raw := uploadID(afterID); raw != nil && q.holds(q.After) {
			l.from, l.fromID = q.After, *raw
		}
		for !l.full() {
			more, err := x.uploadPage(ctx, b, &l)
			if err != nil || !more {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, "", "", err
	}
	nextKey, nextID = l.cut()
	return l.uploads, l.prefixes, nextKey, nextID, nil
}

// uploadLister rolls up the pages of uploads that are read.
type uploadLister struct {
	q         ListQuery
	from, end string
	fromID    [16]byte // above this one at the key from; zero: all of them
	uploads   []Upload
	prefixes  []string
	order     []string // keys and prefixes as they came
}

func (l *uploadLister) full() bool { return len(l.order) > l.q.Limit }

// add takes the next upload. Uploads below a common prefix that is listed count for nothing.
func (l *uploadLister) add(u Upload) {
	rest := strings.TrimPrefix(u.Key, l.q.Prefix)
	if i := strings.Index(rest, l.q.Delimiter); l.q.Delimiter != "" && i >= 0 {
		prefix := l.q.Prefix + rest[:i+len(l.q.Delimiter)]
		if n := len(l.prefixes); n == 0 || l.prefixes[n-1] != prefix {
			l.prefixes, l.order = append(l.prefixes, prefix), append(l.order, prefix)
		}
		return
	}
	l.uploads, l.order = append(l.uploads, u), append(l.order, u.Key)
}

// cut takes off what is beyond the limit and returns where the next page begins.
func (l *uploadLister) cut() (nextKey, nextID string) {
	for ; len(l.order) > l.q.Limit; l.order = l.order[:len(l.order)-1] {
		if n := len(l.prefixes); n > 0 && l.prefixes[n-1] == l.order[len(l.order)-1] {
			l.prefixes = l.prefixes[:n-1]
		} else {
			l.uploads = l.uploads[:len(l.uploads)-1]
		}
		nextKey = l.order[len(l.order)-2]
	}
	if n := len(l.uploads); nextKey != "" && n > 0 && l.uploads[n-1].Key == nextKey {
		nextID = l.uploads[n-1].ID
	}
	return nextKey, nextID
}

// uploadPage reads the next rows, and passes over what lies below the last prefix.
func (x *Index) uploadPage(ctx context.Context, b *bucketRow, l *uploadLister) (more bool, err error) {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	rows, err := x.db.Query(limited, x.q("SELECT "+uploadColumns+` FROM {s}.uploads WHERE bucket = $1 AND done_at IS NULL
		AND (key, id) > ($2, $3) AND key < $4 ORDER BY key, id LIMIT $5`), b.id, l.from, l.fromID, l.end, maxList)
	if err != nil {
		return false, dbError(ctx, "list uploads", err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next() && !l.full(); n++ {
		var u Upload
		if err := u.scan(rows, b.Name); err != nil {
			return false, dbError(ctx, "list uploads", err)
		}
		l.add(u)
		l.from, l.fromID = u.Key, *uploadID(u.ID)
	}
	if m := len(l.prefixes); m > 0 && strings.HasPrefix(l.from, l.prefixes[m-1]) {
		l.from, l.fromID = above(l.prefixes[m-1]), [16]byte{}
	}
	return n == maxList, dbError(ctx, "list uploads", rows.Err())
}
