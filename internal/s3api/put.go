package s3api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// maxObject is the size of the largest object that S3 knows, 5 TiB. Unlike S3, one PUT may be as large.
const maxObject = 5 << 40

// putObject stores the body under a key. Everything that can be refused by its headers is refused before the client is
// told to go on (100-continue), and nothing is stored unless every digest that was announced is right.
func putObject(c *call) error {
	put, err := c.newPut(c.r.Header)
	if err != nil {
		return err
	}
	if put.Condition, err = writeCondition(c.r.Header); err != nil {
		return err
	}
	b, err := c.openBody(s3wire.BodyOptions{MaxSize: maxObject, Algorithm: s3wire.CRC64NVME, NeedLength: true})
	if err != nil {
		return err
	}
	o, err := c.store(put, b)
	if err != nil {
		return err
	}
	c.sayStored(&o)
	return c.sendNothing(http.StatusOK)
}

// newPut reads what the headers of a write say about the new object. An upload form brings its fields as headers.
func (c *call) newPut(h http.Header) (objects.Put, error) {
	put := objects.Put{Bucket: c.bucket, Key: c.key}
	if err := c.s.refuseUnsupported(h); err != nil {
		return put, err
	}
	if class := h.Get("X-Amz-Storage-Class"); class != "" && !slices.Contains(storageClasses(), class) {
		return put, s3wire.InvalidStorageClass.New().With("StorageClassRequested", class)
	}
	var err error
	if put.Public, _, err = cannedACL(h); err != nil {
		return put, err
	}
	if put.Headers, err = storedHeaders(h); err != nil {
		return put, err
	}
	if put.Tags, err = headerTags(h.Get(taggingHeader)); err != nil {
		return put, err
	}
	put.ExpiresAt, err = c.s.expiresAt(h)
	return put, err
}

// writeCondition reads If-Match and If-None-Match of a write.
func writeCondition(h http.Header) (objects.Condition, error) {
	if h.Get("If-Match") == "" && h.Get("If-None-Match") == "" {
		return objects.Condition{}, nil
	}
	match, noneMatch, err := s3wire.ParseConditions(h).CheckWrite()
	return objects.Condition{IfMatch: match, IfNoneMatch: noneMatch}, err
}

// store writes the object. A condition that fails is named by the header that set it.
func (c *call) store(put objects.Put, b *body) (objects.Object, error) {
	put.Body, put.Size, put.Checksum = b, b.Size(), b.checksum
	o, err := c.s.index.Put(c.ctx(), put)
	return o, c.explain(err, put.Condition)
}

// explain names the condition that did not hold. If-Match on a key that is not there is NoSuchKey, as in S3.
func (c *call) explain(err error, cond objects.Condition) error {
	if err == nil {
		return nil
	}
	e := c.refusal(err)
	if e.Code != s3wire.PreconditionFailed {
		return err
	}
	name := "If-None-Match"
	if cond.IfMatch != "" {
		name = "If-Match"
	}
	return e.With("Condition", name)
}

// sayStored tells about an object what its writer wants to know.
func (c *call) sayStored(o *objects.Object) {
	w := newHeaderWriter(c.Header())
	w.set("Etag", quoted(o.ETag))
	w.set("X-Amz-Object-Size", strconv.FormatInt(o.Size, 10))
	w.set("X-Amz-Expiration", expiration(o.ExpiresAt))
	w.set("X-Holdfast-Blob", blobID(o))
	if !o.NullID { // what has no id of its own is not told at its writing
		c.sayVersion(o)
	}
	c.sayChecksum(o)
}

// isUnsafe reports whether a browser could run what has this media type: markup that scripts live in.
func isUnsafe(mediaType string) bool {
	t, _, _ := strings.Cut(strings.ToLower(mediaType), ";")
	t = strings.TrimSpace(t)
	return strings.Contains(t, "html") || strings.Contains(t, "xml") || strings.Contains(t, "svg") ||
		strings.Contains(t, "script") || strings.Contains(t, "multipart") || t == "text/cache-manifest"
}
