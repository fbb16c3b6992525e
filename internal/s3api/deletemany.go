package s3api

import (
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// deleteObjects deletes up to 1000 objects and reports on each.
func deleteObjects(c *call) error {
	if err := c.needDigest(); err != nil {
		return err
	}
	var doc s3wire.Delete
	if err := c.decode(&doc); err != nil {
		return err
	}
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	var out s3wire.DeleteResult
	plain := make([]objects.Ref, 0, len(doc.Objects))
	ids := make([]string, 0, len(doc.Objects))
	for _, o := range doc.Objects {
		ref, cond, err := c.deletion(o)
		switch {
		case isCode(err, s3wire.NoSuchVersion):
			out.Deleted = append(out.Deleted, s3wire.DeletedEntry{Key: o.Key, VersionID: o.VersionID})
		case err != nil:
			c.failDelete(&out, o, err)
		case cond != (objects.Condition{}):
			c.deleteOne(&out, o, ref, cond)
		default:
			plain, ids = append(plain, ref), append(ids, o.VersionID)
		}
	}
	if err := c.deleteBatch(&out, plain, ids); err != nil {
		return err
	}
	if doc.Quiet {
		out.Deleted = nil
	}
	return c.send(&out)
}

// needDigest demands proof that the list arrived whole, as S3 does: a digest or checksum in header or trailer. A
// body whose SHA-256 is signed has it.
func (c *call) needDigest() error {
	h := c.r.Header
	if h.Get("Content-Md5") != "" || h.Get("X-Amz-Trailer") != "" || c.auth.Payload == s3wire.PayloadHash {
		return nil
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-Checksum-") {
			return nil
		}
	}
	return s3wire.InvalidRequest.Newf("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
}

// deletion checks one entry of the list: permission, name, version, conditions.
func (c *call) deletion(o s3wire.DeleteObject) (ref objects.Ref, cond objects.Condition, err error) {
	ref = objects.Ref{Bucket: c.bucket, Key: o.Key}
	if !c.who.may(objects.ActionDelete, c.bucket, o.Key) {
		return ref, cond, s3wire.AccessDenied.New()
	}
	if err = s3wire.CheckKey(o.Key); err != nil {
		return ref, cond, err
	}
	if o.VersionID != "" {
		if ref.Generation, ref.NullVersion, err = parseVersion(o.VersionID); err != nil {
			return ref, cond, err
		}
		if ref.Generation < 0 {
			return ref, cond, s3wire.NoSuchVersion.New()
		}
	}
	cond.IfMatch, cond.IfSize = s3wire.TrimETag(o.ETag), o.Size
	if o.LastModifiedTime != "" {
		if cond.IfUnmodifiedSince, err = parseTime(o.LastModifiedTime); err != nil {
			return ref, cond, s3wire.MalformedXML.New().Because(err)
		}
	}
	return ref, cond, nil
}

// deleteOne deletes an entry that has conditions of its own.
func (c *call) deleteOne(out *s3wire.DeleteResult, o s3wire.DeleteObject, ref objects.Ref, cond objects.Condition) {
	done, err := c.s.index.Delete(c.ctx(), []objects.Ref{ref}, cond)
	if err == nil {
		err = done[0].Err
	}
	if err != nil {
		c.failDelete(out, o, err)
		return
	}
	out.Deleted = append(out.Deleted, c.deleted(done[0], o.VersionID))
}

func (c *call) deleteBatch(out *s3wire.DeleteResult, refs []objects.Ref, ids []string) error {
	if len(refs) == 0 {
		return nil
	}
	done, err := c.s.index.Delete(c.ctx(), refs, objects.Condition{})
	if err != nil {
		return err
	}
	for i, d := range done {
		if d.Err != nil {
			c.failDelete(out, s3wire.DeleteObject{Key: d.Key, VersionID: ids[i]}, d.Err)
			continue
		}
		out.Deleted = append(out.Deleted, c.deleted(d, ids[i]))
	}
	return nil
}

func (c *call) deleted(d objects.Deleted, versionID string) s3wire.DeletedEntry {
	e := s3wire.DeletedEntry{Key: d.Key, VersionID: versionID, DeleteMarker: d.Marker}
	switch {
	case d.Marker && versionID == "":
		e.DeleteMarkerVersionID = c.markerID(d)
	case d.Marker:
		e.DeleteMarkerVersionID = versionID
	}
	return e
}

func (c *call) failDelete(out *s3wire.DeleteResult, o s3wire.DeleteObject, err error) {
	e := c.refusal(err)
	out.Errors = append(out.Errors, s3wire.DeleteError{Key: o.Key, VersionID: o.VersionID, Code: e.Code, Message: e.Message})
}
