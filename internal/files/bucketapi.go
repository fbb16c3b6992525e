package files

import (
	"context"
	"slices"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/objects"
	"holdfast/internal/unit"
)

func (f *Files) listBuckets(ctx context.Context, _ control.Empty) (ListBucketsAnswer, error) {
	all, err := f.index.Buckets(ctx)
	if err != nil {
		return ListBucketsAnswer{}, err
	}
	answer := ListBucketsAnswer{Buckets: make([]BucketInfo, len(all))}
	for i, b := range all {
		answer.Buckets[i] = f.bucketInfo(b)
	}
	return answer, nil
}

func (f *Files) statBucket(ctx context.Context, r BucketRef) (BucketInfo, error) {
	b, err := f.index.Bucket(ctx, r.Name)
	if err != nil {
		return BucketInfo{}, err
	}
	return f.withUsage(ctx, b)
}

func (f *Files) createBucket(ctx context.Context, r CreateBucketRequest) (BucketInfo, error) {
	b := objects.Bucket{Name: r.Name, Owner: "cli"}
	if err := r.apply(&b); err != nil {
		return BucketInfo{}, err
	}
	if !validBucket(r.Name) {
		return BucketInfo{}, fault.New(fault.Usage, "bucket_name", "%q is no bucket name", r.Name).
			WithHint(`use 3 to 63 of a-z, 0-9, "-" and ".", as "journal-papers"`)
	}
	if err := f.index.CreateBucket(ctx, b); err != nil {
		return BucketInfo{}, err
	}
	return f.statBucket(ctx, BucketRef{r.Name})
}

func (f *Files) updateBucket(ctx context.Context, r UpdateBucketRequest) (BucketInfo, error) {
	b, err := f.index.UpdateBucket(ctx, r.Name, r.apply)
	if err != nil {
		return BucketInfo{}, err
	}
	return f.withUsage(ctx, b)
}

func (f *Files) deleteBucket(ctx context.Context, r BucketRef) (control.Empty, error) {
	return control.Empty{}, f.index.DeleteBucket(ctx, r.Name)
}

func (f *Files) withUsage(ctx context.Context, b objects.Bucket) (BucketInfo, error) {
	n, bytes, err := f.index.Usage(ctx, b.Name)
	if err != nil {
		return BucketInfo{}, err
	}
	info := f.bucketInfo(b)
	info.Usage = &BucketUsage{Objects: n, Bytes: bytes}
	return info, nil
}

// apply checks the settings that are given and writes them into the bucket.
func (s BucketSettings) apply(b *objects.Bucket) error {
	set(&b.Public, s.Public)
	set(&b.MaxSize, s.MaxSize)
	set(&b.MaxObjects, s.MaxObjects)
	set(&b.AllowedTypes, s.Types)
	set(&b.KeepVersions, s.KeepVersions)
	if s.ExpireAfter != nil {
		b.ExpireAfter = s.ExpireAfter.D()
	}
	if s.Versioning != nil {
		b.Versioning = objects.Versioning(*s.Versioning)
	}
	if s.Origins != nil {
		b.CORS = slices.DeleteFunc(slices.Clone(b.CORS), func(r objects.CORSRule) bool { return r.ID == objects.OriginsRule })
		b.CORS = append(b.CORS, corsRules(*s.Origins)...)
	}
	return s.check(b)
}

// check lets the rules of the configuration hold here too.
func (s BucketSettings) check(b *objects.Bucket) error {
	c := BucketConfig{
		MaxSize: unit.Bytes(b.MaxSize), MaxObjects: b.MaxObjects, Types: b.AllowedTypes,
		ExpireAfter: unit.Duration(b.ExpireAfter), Versions: true, KeepVersions: b.KeepVersions,
	}
	if s.Origins != nil {
		c.Origins = *s.Origins
	}
	p := c.validate()
	switch b.Versioning {
	case objects.VersioningOff, objects.VersioningEnabled, objects.VersioningSuspended:
	default:
		p.Add("versioning", `write "Enabled" or "Suspended"`, "%q is no state of versions", b.Versioning)
	}
	if len(p) == 0 {
		return nil
	}
	return fault.New(fault.Usage, "bucket_settings", "%w", p)
}

func set[T any](into *T, value *T) {
	if value != nil {
		*into = *value
	}
}

func (f *Files) bucketInfo(b objects.Bucket) BucketInfo {
	info := BucketInfo{
		Name: b.Name, Created: b.Created, Owner: b.Owner, Declared: b.Declared, Public: b.Public,
		Versioning: string(b.Versioning), MaxSize: b.MaxSize, MaxObjects: b.MaxObjects, Types: b.AllowedTypes,
		ExpireAfter: unit.Duration(b.ExpireAfter), KeepVersions: b.KeepVersions,
		Inline: f.config.Buckets[b.Name].Inline, Resources: f.config.Buckets[b.Name].Resources,
	}
	for _, r := range b.CORS {
		if r.ID == objects.OriginsRule {
			info.Origins = append(info.Origins, r.AllowedOrigins...)
		}
	}
	return info
}
