package objects

import (
	"context"
	"strings"
)

// ListVersions returns a page of all versions and markers, newest first within a key. afterGen 0 starts at the first
// version of keys after q.After; otherwise at versions of q.After older than afterGen. Page.Next and nextGen continue:
// nextGen is 0 when the page ended with a common prefix.
func (x *Index) ListVersions(ctx context.Context, q ListQuery, afterGen Generation) (page Page, nextGen Generation, err error) {
	err = x.withBucket(ctx, q.Bucket, func(b *bucketRow) error {
		page = Page{}
		if afterGen > 0 && q.holds(q.After) {
			if page.Objects, err = x.olderVersions(ctx, b, q.After, afterGen, q.Limit+1); err != nil {
				return err
			}
		}
		rest := q.Limit + 1 - len(page.Objects)
		s, none, err := q.span()
		if err != nil || none || rest == 0 {
			return err
		}
		list, prefixes, err := x.versionRows(ctx, b, &q, s, rest)
		page.Objects, page.Prefixes = append(page.Objects, list...), prefixes
		if err == nil && len(page.Objects)+len(page.Prefixes) == 0 {
			err = x.stillThere(ctx, b)
		}
		return err
	})
	if err != nil {
		return Page{}, 0, err
	}
	page.cut(q.Limit)
	if n := len(page.Objects); page.Next != "" && n > 0 && page.Objects[n-1].Key == page.Next {
		nextGen = page.Objects[n-1].Generation
	}
	return page, nextGen, nil
}

// holds reports whether a key is listed as itself, and not outside the prefix or rolled up.
func (q *ListQuery) holds(key string) bool {
	rest, ok := strings.CutPrefix(key, q.Prefix)
	return ok && checkKey(key) == nil && (q.Delimiter == "" || !strings.Contains(rest, q.Delimiter))
}

// olderVersions returns the versions of one key that are older than gen.
func (x *Index) olderVersions(ctx context.Context, b *bucketRow, key string, gen Generation, limit int) ([]Object, error) {
	return x.objectRows(ctx, "list versions", b.Name, "SELECT * FROM {s}.list_versions($1, $2, $3, $4, $5)",
		b.id, key, key+first, int64(gen), limit)
}

func (x *Index) versionRows(ctx context.Context, b *bucketRow, q *ListQuery, s span, limit int) ([]Object, []string, error) {
	if q.Delimiter == "" {
		return x.objectsAndPrefixes(ctx, "list versions", b.Name, "SELECT * FROM {s}.list_versions($1, $2, $3, $4, $5)",
			b.id, s.from, s.end, 0, limit)
	}
	return x.objectsAndPrefixes(ctx, "list versions", b.Name, "SELECT * FROM {s}.list_version_keys($1, $2, $3, $4, $5, $6, $7)",
		b.id, q.Prefix, s.from, s.end, q.Delimiter, s.skip, limit)
}
