package objects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// OriginsRule is the id of the CORS rule that comes from a setting, and not through the API of S3.
const OriginsRule = "origins"

// Declare makes the buckets of the configuration: those that are missing are created, those that are there take over
// the policy, and those that are declared no longer become ordinary buckets, with all they hold. Tags and CORS rules
// set through the API stay when the declaration has none; the rule of a former declaration goes. Versions that were on become suspended, never off.
func (x *Index) Declare(ctx context.Context, declared []Bucket) error {
	want := map[string]Bucket{}
	for _, b := range declared {
		if err := b.check(); err != nil {
			return err
		}
		b.Declared, b.Owner = true, "config"
		want[b.Name] = b
	}
	if same, err := x.declaredAlready(ctx, want); err != nil || same {
		return err
	}
	return x.change(ctx, "declare buckets", func(ctx context.Context, tx pgx.Tx) error {
		for _, name := range slices.Sorted(maps.Keys(want)) {
			b := want[name]
			if err := x.declareBucket(ctx, tx, &b); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, x.q("UPDATE {s}.buckets SET declared = false WHERE declared AND name <> ALL ($1)"),
			slices.Sorted(maps.Keys(want)))
		return err
	})
}

// declaredAlready spares the others a reload of all settings at each start of a process.
func (x *Index) declaredAlready(ctx context.Context, want map[string]Bucket) (bool, error) {
	if err := x.refresh(ctx); err != nil {
		return false, fmt.Errorf("declare buckets: %w", err)
	}
	have := x.settings.Load().buckets
	for name, b := range want {
		old := have[name]
		if old == nil {
			return false, nil
		}
		b.merge(&old.Bucket)
		if !b.same(&old.Bucket) {
			return false, nil
		}
	}
	for name, old := range have {
		if _, ok := want[name]; old.Declared && !ok {
			return false, nil
		}
	}
	return true, nil
}

func (x *Index) declareBucket(ctx context.Context, tx pgx.Tx, b *Bucket) error {
	var old bucketRow
	err := x.lockBucket(ctx, tx, b.Name, &old)
	if errors.Is(err, ErrNoSuchBucket) {
		return x.insertBucket(ctx, tx, b)
	}
	if err != nil {
		return err
	}
	b.merge(&old.Bucket)
	old.Bucket = *b
	return x.storeBucket(ctx, tx, &old)
}

// merge takes from the bucket that exists what the declaration leaves open.
func (b *Bucket) merge(old *Bucket) {
	b.Created = old.Created
	if b.Versioning == VersioningOff && old.Versioning != VersioningOff {
		b.Versioning = VersioningSuspended
	}
	if len(b.CORS) == 0 {
		b.CORS = slices.DeleteFunc(slices.Clone(old.CORS), func(r CORSRule) bool { return r.ID == OriginsRule })
	}
	if len(b.Tags) == 0 {
		b.Tags = old.Tags
	}
}

func (b *Bucket) same(o *Bucket) bool {
	return b.Public == o.Public && b.Versioning == o.Versioning && b.MaxSize == o.MaxSize && b.MaxObjects == o.MaxObjects &&
		slices.Equal(b.AllowedTypes, o.AllowedTypes) && b.ExpireAfter == o.ExpireAfter && b.KeepVersions == o.KeepVersions &&
		maps.Equal(b.Tags, o.Tags) && b.Declared == o.Declared && b.Owner == o.Owner &&
		slices.EqualFunc(b.CORS, o.CORS, CORSRule.same)
}

func (r CORSRule) same(o CORSRule) bool {
	return r.ID == o.ID && r.MaxAgeSeconds == o.MaxAgeSeconds && slices.Equal(r.AllowedOrigins, o.AllowedOrigins) &&
		slices.Equal(r.AllowedMethods, o.AllowedMethods) && slices.Equal(r.AllowedHeaders, o.AllowedHeaders) &&
		slices.Equal(r.ExposeHeaders, o.ExposeHeaders)
}
