package objects

import (
	"context"
	"fmt"
	"strings"

	"holdfast/internal/fault"
)

const maxList = 1000

// span is a listing as a range of keys: from <= key < end.
type span struct {
	from, end string
	skip      string // what the keys below a common prefix are passed with, see list_objects
}

// span turns a query into a range. A key or common prefix is listed if it sorts after q.After; so when After lies below
// a common prefix, that prefix (which sorts before it) is over. none: nothing can match.
func (q *ListQuery) span() (s span, none bool, err error) {
	if q.Limit < 1 || q.Limit > maxList {
		return s, false, fault.New(fault.Usage, "list_limit", "page of %d entries: 1 to %d can be asked for", q.Limit, maxList)
	}
	if !storable(q.Prefix) || len(q.Prefix) > maxKey || !storable(q.Delimiter) {
		return s, true, nil
	}
	if q.Delimiter != "" {
		if s.skip = successor(q.Delimiter); s.skip == "" {
			return s, false, fault.New(fault.Usage, "list_delimiter", "delimiter %q", q.Delimiter)
		}
	}
	s.from, s.end = q.Prefix, above(q.Prefix)
	after := q.after()
	if after == "" || after < q.Prefix {
		return s, after > s.end, nil
	}
	s.from = after + first
	if rest, ok := strings.CutPrefix(after, q.Prefix); ok && q.Delimiter != "" {
		if i := strings.Index(rest, q.Delimiter); i >= 0 {
			s.from = q.Prefix + rest[:i] + s.skip
		}
	}
	return s, s.from >= s.end, nil
}

// after returns q.After as a text that PostgreSQL takes: no key has a NUL, and nobody sends broken UTF-8 on purpose.
func (q *ListQuery) after() string {
	after, _, _ := strings.Cut(q.After, "\x00")
	return strings.ToValidUTF8(after, "\uFFFD")
}

// List returns a page of current objects.
func (x *Index) List(ctx context.Context, q ListQuery) (Page, error) {
	var page Page
	err := x.withBucket(ctx, q.Bucket, func(b *bucketRow) error {
		s, none, err := q.span()
		if err != nil || none {
			return err
		}
		page.Objects, page.Prefixes, err = x.objectsAndPrefixes(ctx, "list objects", b.Name,
			"SELECT * FROM {s}.list_objects($1, $2, $3, $4, $5, $6, $7)",
			b.id, q.Prefix, s.from, s.end, q.Delimiter, s.skip, q.Limit+1)
		if err == nil && len(page.Objects)+len(page.Prefixes) == 0 {
			err = x.stillThere(ctx, b)
		}
		return err
	})
	if err != nil {
		return Page{}, err
	}
	page.cut(q.Limit)
	return page, nil
}

// cut takes the one entry more than asked for, which shows that there are more, off the page. Objects and prefixes are
// each in order; the last entry of the page is the greater of their last ones.
func (p *Page) cut(limit int) {
	if len(p.Objects)+len(p.Prefixes) <= limit {
		return
	}
	if n, m := len(p.Objects), len(p.Prefixes); m == 0 || n > 0 && p.Objects[n-1].Key > p.Prefixes[m-1] {
		p.Objects = p.Objects[:n-1]
	} else {
		p.Prefixes = p.Prefixes[:m-1]
	}
	p.Next = p.last()
}

// last is the last key or prefix of the page.
func (p *Page) last() (key string) {
	if n := len(p.Objects); n > 0 {
		key = p.Objects[n-1].Key
	}
	if n := len(p.Prefixes); n > 0 {
		key = max(key, p.Prefixes[n-1])
	}
	return key
}

// objectsAndPrefixes reads what a query for object_row yields.
func (x *Index) objectsAndPrefixes(ctx context.Context, op, bucket, sql string, args ...any) (list []Object, prefixes []string, err error) {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	rows, err := x.db.Query(limited, x.q(sql), args...)
	if err != nil {
		return nil, nil, dbError(ctx, op, err)
	}
	defer rows.Close()
	var r objectRow
	for rows.Next() {
		if err := r.scan(rows); err != nil {
			return nil, nil, dbError(ctx, op, err)
		}
		if r.kind == kindPrefix {
			prefixes = append(prefixes, r.key)
			continue
		}
		o, err := r.object(bucket)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", op, err)
		}
		list = append(list, o)
	}
	return list, prefixes, dbError(ctx, op, rows.Err())
}
