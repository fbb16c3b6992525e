package objects

import (
	"context"
	"fmt"
)

// SetTags replaces the tags of an object or version, nil for none. It makes no new version.
func (x *Index) SetTags(ctx context.Context, r Ref, tags map[string]string) error {
	text, err := encodeTags(tags)
	if err != nil {
		return err
	}
	return x.set(ctx, r, "tags", "$4::text::jsonb", text)
}

// SetPublic replaces the canned ACL of an object or version. It makes no new version.
func (x *Index) SetPublic(ctx context.Context, r Ref, public bool) error {
	return x.set(ctx, r, "public", "$4::boolean", public)
}

// set changes one column of what r names.
func (x *Index) set(ctx context.Context, r Ref, column, value string, arg any) error {
	missing := ErrNoSuchVersion
	if r.Generation == 0 && !r.NullVersion {
		missing = ErrNoSuchKey
	}
	if checkKey(r.Key) != nil {
		return fmt.Errorf("%s/%.60q: %w", r.Bucket, r.Key, missing)
	}
	return x.withBucket(ctx, r.Bucket, func(b *bucketRow) error {
		for _, table := range []string{"objects", "versions"} {
			where := "gen = $3"
			switch {
			case r.NullVersion:
				where = "null_id AND $3::bigint IS NOT NULL"
			case r.Generation == 0:
				where = "$3::bigint IS NOT NULL AND (expires IS NULL OR expires > now())"
			}
			n, err := x.exec(ctx, "set "+column, "UPDATE {s}."+table+" SET "+column+" = "+value+
				" WHERE bucket = $1 AND key = $2 AND "+where, b.id, r.Key, int64(r.Generation), arg)
			x.memory.forget(memoryKey{b.id, r.Key})
			if err != nil || n > 0 {
				return err
			}
			if missing == ErrNoSuchKey { //nolint:errorlint // a choice made above, not an error that came from elsewhere
				break // the latest is no version
			}
		}
		if err := x.stillThere(ctx, b); err != nil {
			return err
		}
		return fmt.Errorf("%s/%s: %w", r.Bucket, r.Key, missing)
	})
}
