package s3api

import (
	"net/http"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

const copySourceHeader = "X-Amz-Copy-Source"

// copySource finds the object that x-amz-copy-source names, checks that the caller may read it, and evaluates the
// conditions on it.
func (c *call) copySource() (objects.Object, error) {
	src, err := s3wire.ParseCopySource(c.r.Header.Get(copySourceHeader))
	if err != nil {
		return objects.Object{}, err
	}
	if !c.who.may(objects.ActionRead, src.Bucket, src.Key) {
		return objects.Object{}, s3wire.AccessDenied.New()
	}
	if want := c.r.Header.Get("X-Amz-Source-Expected-Bucket-Owner"); want != "" {
		if err := c.checkOwner(src.Bucket, want); err != nil {
			return objects.Object{}, err
		}
	}
	o, err := c.headSource(src)
	if err != nil {
		return o, err
	}
	cond := s3wire.ParseCopyConditions(c.r.Header)
	if err := cond.CheckRead(o.ETag, o.Created); err != nil {
		return o, err
	}
	if src.VersionID != "" || !o.NullID {
		c.Header()["X-Amz-Copy-Source-Version-Id"] = []string{versionID(&o)}
	}
	return o, nil
}

// headSource is head for the source of a copy: errors name the source.
func (c *call) headSource(src s3wire.CopySource) (o objects.Object, err error) {
	r := objects.Ref{Bucket: src.Bucket, Key: src.Key}
	if src.VersionID != "" {
		if r.Generation, r.NullVersion, err = parseVersion(src.VersionID); err != nil {
			return o, err
		}
		if r.Generation < 0 {
			return o, s3wire.NoSuchVersion.New().With("Key", src.Key).With("VersionId", src.VersionID)
		}
	}
	o, err = c.s.index.Head(c.ctx(), r)
	switch {
	case o.Marker && src.VersionID != "":
		return o, s3wire.InvalidRequest.Newf("The source of a copy request may not specifically refer to a delete marker by version id.")
	case err == nil:
		return o, nil
	}
	e := c.classify(err)
	switch {
	case e.Code == s3wire.NoSuchKey && !c.who.may(objects.ActionList, src.Bucket, src.Key):
		return o, s3wire.AccessDenied.New().Because(err)
	case e.Code == s3wire.NoSuchKey:
		return o, s3wire.NoSuchKey.New().With("Key", src.Key).Because(err)
	case e.Code == s3wire.NoSuchBucket:
		return o, s3wire.NoSuchBucket.New().With("BucketName", src.Bucket).Because(err)
	}
	return o, err
}

// copyObject makes an object of another one inside the store.
func copyObject(c *call) error {
	put, replaced, err := c.copyTarget()
	if err != nil {
		return err
	}
	if put.Condition, err = writeCondition(c.r.Header); err != nil {
		return err
	}
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	algorithm, err := copyAlgorithm(c.r.Header)
	if err != nil {
		return err
	}
	src, err := c.copySource()
	if err != nil {
		return err
	}
	if !replaced.metadata {
		redirect := put.Headers.Redirect // never copied
		put.Headers = src.Headers
		put.Headers.Redirect = redirect
	}
	if !replaced.tags {
		put.Tags = src.Tags
	}
	if src.Bucket == put.Bucket && src.Key == put.Key && src.Latest && !replaced.anything(algorithm, &src) {
		return s3wire.InvalidRequest.Newf("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if algorithm != "" {
		put.Checksum = func() (string, []byte) { return string(algorithm), nil }
	}
	return c.slowly(func() (reply, error) {
		o, err := c.s.index.Copy(c.ctx(), src, put)
		if err != nil {
			return reply{}, c.explain(err, put.Condition)
		}
		doc := &s3wire.CopyObjectResult{
			LastModified: s3wire.Time{Time: o.Created}, ETag: quoted(o.ETag), ChecksumElements: checksumOf(&o).TypedElements(),
		}
		return reply{doc, func() { c.sayCopied(&o) }}, nil
	})
}

// sayCopied adds the headers of an object that was made without its bytes being sent.
func (c *call) sayCopied(o *objects.Object) {
	if !o.NullID {
		c.sayVersion(o)
	}
	w := newHeaderWriter(c.Header())
	w.set("X-Holdfast-Blob", blobID(o))
	w.set("X-Amz-Expiration", expiration(o.ExpiresAt))
}

// replacement says what of a copy's source the request replaces.
type replacement struct{ metadata, tags, class, redirect bool }

// anything reports whether a copy onto itself would change something.
func (r replacement) anything(a s3wire.Algorithm, src *objects.Object) bool {
	return r.metadata || r.class || r.redirect || a != "" && string(a) != src.Digests.Algorithm
}

// copyTarget reads the headers of a copy's target.
func (c *call) copyTarget() (put objects.Put, r replacement, err error) {
	if put, err = c.newPut(c.r.Header); err != nil {
		return put, r, err
	}
	if r.metadata, err = directive(c.r.Header, "X-Amz-Metadata-Directive", "Unknown metadata directive."); err != nil {
		return put, r, err
	}
	if r.tags, err = directive(c.r.Header, "X-Amz-Tagging-Directive", "Unknown tagging directive."); err != nil {
		return put, r, err
	}
	r.class, r.redirect = c.r.Header.Get("X-Amz-Storage-Class") != "", put.Headers.Redirect != ""
	return put, r, nil
}

// directive reads COPY (false, the default) or REPLACE (true).
func directive(h http.Header, name, message string) (bool, error) {
	switch v := h.Get(name); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, invalidArgument(name, v, message)
	}
}

// copyAlgorithm reads which checksum a copy shall have; "" keeps the source's.
func copyAlgorithm(h http.Header) (s3wire.Algorithm, error) {
	text := h.Get("X-Amz-Checksum-Algorithm")
	if text == "" {
		return "", nil
	}
	return s3wire.ParseAlgorithm(text)
}
