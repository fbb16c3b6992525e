package objects

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Kinds of a row of the SQL type object_row.
const (
	kindObject   = 0
	kindPrefix   = 1
	kindNoBucket = 2
	kindMarker   = 3
	kindNone     = 4
)

// objectRow is a row of the SQL type object_row as it is read. Columns that may be NULL are pointers.
type objectRow struct {
	ord, kind          int32
	bucket             *int32
	latest, marker     bool
	gen, size          *int64
	created, expires   *time.Time
	blob               *[16]byte
	parts              *int32
	nullID, public     *bool
	composite          *bool
	key                string
	etag, sniffed, alg *string
	md5, sha256, sum   []byte
	headers, tags      []byte
	partSizes          []int64
}

func (r *objectRow) scan(rows pgx.Rows) error {
	*r = objectRow{}
	return rows.Scan(&r.ord, &r.kind, &r.latest, &r.marker, &r.gen, &r.size, &r.created, &r.expires, &r.blob, &r.bucket,
		&r.parts, &r.nullID, &r.public, &r.composite, &r.key, &r.etag, &r.sniffed, &r.md5, &r.sha256, &r.alg, &r.sum,
		&r.headers, &r.tags, &r.partSizes)
}

// object makes the object of a row that is one, in the bucket of that name.
func (r *objectRow) object(bucket string) (Object, error) {
	o := Object{
		Bucket: bucket, Key: r.key, Generation: Generation(val(r.gen)), Latest: r.latest, Marker: r.marker,
		Blob: BlobID(val(r.blob)), Size: val(r.size), ETag: val(r.etag), Sniffed: val(r.sniffed), Public: val(r.public),
		Created: val(r.created), ExpiresAt: val(r.expires), NullID: val(r.nullID),
		Digests: Digests{
			MD5: r.md5, SHA256: r.sha256, Algorithm: val(r.alg), Checksum: r.sum, Composite: val(r.composite),
			Parts: int(val(r.parts)), PartSizes: unpackSizes(r.partSizes),
		},
	}
	if len(r.headers) > len("{}") {
		if err := json.Unmarshal(r.headers, &o.Headers); err != nil {
			return o, fmt.Errorf("headers of %s/%s: %w", bucket, r.key, err)
		}
	}
	if len(r.tags) > len("{}") {
		if err := json.Unmarshal(r.tags, &o.Tags); err != nil {
			return o, fmt.Errorf("tags of %s/%s: %w", bucket, r.key, err)
		}
	}
	return o, nil
}

func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// packSizes writes the sizes of parts as the literal of an array of run lengths: "{5242880,9,17,1}" is nine parts of
// 5 MiB and one of 17 bytes. nil for none.
func packSizes(sizes []int64) *string {
	if len(sizes) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i < len(sizes); {
		run := 1
		for i+run < len(sizes) && sizes[i+run] == sizes[i] {
			run++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(sizes[i], 10))
		b.WriteByte(',')
		b.WriteString(strconv.Itoa(run))
		i += run
	}
	b.WriteByte('}')
	text := b.String()
	return &text
}

func unpackSizes(runs []int64) []int64 {
	var sizes []int64
	for i := 0; i+1 < len(runs); i += 2 {
		for range runs[i+1] {
			sizes = append(sizes, runs[i])
		}
	}
	return sizes
}
