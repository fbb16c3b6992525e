package files

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/maypok86/otter/v2"

	"holdfast/internal/blob"
	"holdfast/internal/objects"
)

const (
	smallFile  = 64 << 10 // bytes; up to this size contents are kept in memory
	entryFloor = 1 << 10  // bytes that an entry costs besides its contents, roughly
)

// entry is what is known of a blob. Blobs are immutable, and so are entries: they need no invalidation, only room.
type entry struct {
	id       objects.BlobID
	bucket   string
	key      string
	size     int64
	modified time.Time
	expires  time.Time // zero: never
	headers  objects.Headers
	sniffed  string
	body     []byte // nil when the file is not small
	usual    shape  // presentation when neither link nor bucket ask for another
	saved    shape  // the same as an attachment

	// Header values that are the same in every answer. Answers share the slices.
	etag, digest, encoding, language, lastModified []string
}

// entries loads what is known of blobs, and keeps it within a bound of bytes.
type entries struct {
	store blob.Reader
	cache *otter.Cache[objects.BlobID, *entry]
}

func newEntries(store blob.Reader, maxBytes int64) (*entries, error) {
	if maxBytes <= 0 {
		return &entries{store: store}, nil
	}
	c, err := otter.New(&otter.Options[objects.BlobID, *entry]{
		MaximumWeight: uint64(maxBytes),
		Weigher: func(_ objects.BlobID, e *entry) uint32 {
			return uint32(entryFloor + len(e.body) + len(e.key))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make memory cache: %w", err)
	}
	return &entries{store, c}, nil
}

// bytes is the weight of what is kept.
func (s *entries) bytes() int64 {
	if s.cache == nil {
		return 0
	}
	return int64(s.cache.WeightedSize())
}

// close ends the cache's own goroutines.
func (s *entries) close() {
	if s.cache != nil {
		s.cache.StopAllGoroutines()
	}
}

// get returns the entry of a blob: blob.ErrNotFound if there is none, or no readable sidecar beside it.
func (s *entries) get(ctx context.Context, id objects.BlobID) (*entry, error) {
	if s.cache == nil {
		return s.load(ctx, id)
	}
	if e, ok := s.cache.GetIfPresent(id); ok {
		return e, nil
	}
	e, err := s.load(ctx, id)
	if err == nil {
		s.cache.Set(id, e)
	}
	return e, err
}

// forget drops what is known of a blob that turned out to be gone.
func (s *entries) forget(id objects.BlobID) {
	if s.cache != nil {
		s.cache.Invalidate(id)
	}
}

func (s *entries) load(ctx context.Context, id objects.BlobID) (*entry, error) {
	text, err := s.store.Sidecar(ctx, id.BlobName())
	if err != nil {
		return nil, fmt.Errorf("read sidecar of %x: %w", id, err)
	}
	side, err := objects.ParseSidecar(text)
	if err != nil {
		return nil, fmt.Errorf("read sidecar of %x: %w", id, err)
	}
	b, err := s.store.Open(ctx, id.BlobName())
	if err != nil {
		return nil, fmt.Errorf("open %x: %w", id, err)
	}
	defer b.Close()
	e := newEntry(id, side, b.Info())
	if e.size <= smallFile {
		e.body = make([]byte, e.size)
		if _, err := io.ReadFull(b, e.body); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read %x: %w", id, err)
		}
	}
	return e, nil
}

func newEntry(id objects.BlobID, side objects.Sidecar, info blob.Info) *entry {
	e := &entry{
		id: id, bucket: side.Bucket, key: side.Key, size: info.Size, modified: info.ModTime, expires: side.ExpiresAt,
		headers: side.Headers, sniffed: side.Sniffed,
	}
	if !side.Created.IsZero() {
		e.modified = side.Created // the same on every machine and after a restore, unlike the store's clock
	}
	e.usual = present(e.headers.ContentType, e.sniffed, "", false, nil)
	e.saved = present(e.headers.ContentType, e.sniffed, "", true, nil)
	tag := side.ETag
	if tag == "" {
		tag = fmt.Sprintf("%x", id)
	}
	e.etag = one(`"` + tag + `"`)
	e.lastModified = one(e.modified.UTC().Format(http.TimeFormat))
	if len(side.Digests.SHA256) > 0 {
		e.digest = one("sha-256=:" + base64.StdEncoding.EncodeToString(side.Digests.SHA256) + ":")
	}
	if e.headers.ContentEncoding != "" {
		e.encoding = one(e.headers.ContentEncoding)
	}
	if e.headers.ContentLanguage != "" {
		e.language = one(e.headers.ContentLanguage)
	}
	return e
}

// one returns a header's value as http.Header holds it, without room for an append to write into.
func one(s string) []string { return []string{s}[:1:1] }

// shape is the presentation that a request gets.
func (e *entry) shape(override string, attachment bool, inline []string) shape {
	switch {
	case override != "" || len(inline) > 0:
		return present(e.headers.ContentType, e.sniffed, override, attachment, inline)
	case attachment:
		return e.saved
	}
	return e.usual
}
