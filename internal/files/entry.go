package files

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/maypok86/otter/v2"

	"holdfast/internal/blob"
	"holdfast/internal/objects"
)

const (
	smallFile  = 64 << 10 // bytes; up to this size contents are kept in memory
	entryFloor = 2 << 10  // bytes that an entry costs besides its contents, roughly
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

	noFile atomic.Bool              // the store has no open file of it to give
	lane   atomic.Pointer[laneHead] // the latest header that the lane sent

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

// present returns an entry that is in memory.
func (s *entries) present(id objects.BlobID) (*entry, bool) {
	if s.cache == nil {
		return nil, false
	}
	return s.cache.GetIfPresent(id)
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
	side, err := objects.DecodeSidecar(text)
	if err != nil {
		return nil, fmt.Errorf("read sidecar of %x: %w", id, err)
	}
	b, err := s.store.Open(ctx, id.BlobName())
	if err != nil {
		return nil, fmt.Errorf("open %x: %w", id, err)
	}
	defer b.Close()
	e := newEntry(id, side, b.Info())
	head := make([]byte, min(e.size, smallFile))
	if e.size > smallFile && bare(e.sniffed) != plainText {
		head = head[:0] // only text is looked into
	}
	if _, err := io.ReadFull(b, head); err != nil {
		return nil, fmt.Errorf("read %x: %w", id, err)
	}
	if e.size <= smallFile {
		e.body = head
	}
	e.settle(head)
	return e, nil
}

func newEntry(id objects.BlobID, side objects.Sidecar, info blob.Info) *entry {
	e := &entry{
		id: id, bucket: side.Bucket, key: side.Key, size: info.Size, modified: side.Created, expires: side.Expires,
		headers: side.Headers, sniffed: side.Sniffed,
	}
	tag := side.ETag
	if tag == "" {
		tag = fmt.Sprintf("%x", id)
	}
	e.etag = one(`"` + tag + `"`)
	e.lastModified = one(e.modified.UTC().Format(http.TimeFormat))
	if len(side.SHA256) > 0 {
		e.digest = one("sha-256=:" + base64.StdEncoding.EncodeToString(side.SHA256) + ":")
	}
	if e.headers.ContentEncoding != "" {
		e.encoding = one(e.headers.ContentEncoding)
	}
	if e.headers.ContentLanguage != "" {
		e.language = one(e.headers.ContentLanguage)
	}
	return e
}

// settle decides what does not depend on a request. Text that is UTF-8 is called so: without a charset browsers guess.
func (e *entry) settle(head []byte) {
	if bare(e.sniffed) == plainText && utf8.Valid(head[:whole(head)]) {
		e.sniffed = plainText + "; charset=utf-8"
	}
	e.usual = present(e.headers.ContentType, e.sniffed, "", false, nil)
	e.saved = present(e.headers.ContentType, e.sniffed, "", true, nil)
}

// whole is the length of text without a character that was cut at its end.
func whole(text []byte) int {
	for n := len(text) - 1; n >= 0 && n >= len(text)-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			if !utf8.FullRune(text[n:]) {
				return n
			}
			break
		}
	}
	return len(text)
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
