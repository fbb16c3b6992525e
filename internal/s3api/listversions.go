package s3api

import (
	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

func listObjectVersions(c *call) error {
	l, err := c.readListing("max-keys")
	if err != nil {
		return err
	}
	key, id := c.query.Get("key-marker"), c.query.Get("version-id-marker")
	after, err := c.versionMarker(key, id)
	if err != nil {
		return err
	}
	page, next, err := c.versionPage(l, key, after)
	if err != nil {
		return err
	}
	owner, err := c.bucketOwner()
	if err != nil {
		return err
	}
	out := s3wire.ListVersionsResult{
		Name: c.bucket, Prefix: l.prefix, KeyMarker: key, VersionIDMarker: id, MaxKeys: l.limit, Delimiter: l.delimiter,
		IsTruncated: page.Next != "", NextKeyMarker: page.Next, CommonPrefixes: prefixes(page.Prefixes),
	}
	if next != 0 {
		out.NextVersionIDMarker = lastID(page.Objects, next)
	}
	for i := range page.Objects {
		out.Entries = append(out.Entries, versionEntry(&page.Objects[i], owner))
	}
	if l.encode {
		out.URLEncode()
	}
	return c.send(&out)
}

// versionMarker turns the markers of a page into a generation. "null" names the version that has no id of its own.
func (c *call) versionMarker(key, id string) (objects.Generation, error) {
	if id == "" {
		return 0, nil
	}
	if key == "" {
		return 0, invalidArgument("version-id-marker", id, "A version-id marker cannot be specified without a key marker.")
	}
	g, null, err := parseVersion(id)
	if err != nil {
		return 0, invalidArgument("version-id-marker", id, "Invalid version id specified")
	}
	if null {
		o, err := c.s.index.Head(c.ctx(), objects.Ref{Bucket: c.bucket, Key: key, NullVersion: true})
		if err != nil && !o.Marker {
			return 0, err
		}
		g = o.Generation
	}
	return max(g, 0), nil
}

func (c *call) versionPage(l listing, key string, after objects.Generation) (objects.Page, objects.Generation, error) {
	if l.limit == 0 {
		_, err := c.bucketRow()
		return objects.Page{}, 0, err
	}
	return c.s.index.ListVersions(c.ctx(), objects.ListQuery{
		Bucket: c.bucket, Prefix: l.prefix, Delimiter: l.delimiter, After: key, Limit: l.limit,
	}, after)
}

// lastID is the version id of the generation that a page ended with.
func lastID(list []objects.Object, g objects.Generation) string {
	if n := len(list); n > 0 && list[n-1].Generation == g {
		return versionID(&list[n-1])
	}
	return generationID(g)
}

func versionEntry(o *objects.Object, owner *s3wire.Owner) s3wire.VersionEntry {
	e := s3wire.VersionEntry{
		Key: o.Key, VersionID: versionID(o), IsLatest: o.Latest, LastModified: s3wire.Time{Time: o.Created}, Owner: owner,
	}
	if o.Marker {
		return s3wire.NewDeleteMarker(e)
	}
	e.ETag, e.StorageClass = quoted(o.ETag), standardClass
	if sum := checksumOf(o); sum.Algorithm != "" {
		e.ChecksumAlgorithm, e.ChecksumType = sum.Algorithm, sum.Type()
	}
	return s3wire.NewVersion(e, o.Size)
}
