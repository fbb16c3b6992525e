package s3api

import (
	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// listMultipartUploads shows the uploads in progress.
func listMultipartUploads(c *call) error {
	l, err := c.readListing("max-uploads")
	if err != nil {
		return err
	}
	key, id := c.query.Get("key-marker"), c.query.Get("upload-id-marker")
	if key == "" {
		id = "" // an upload id means nothing without its key
	}
	b, err := c.bucketRow()
	if err != nil {
		return err
	}
	out := s3wire.ListMultipartUploadsResult{
		Bucket: c.bucket, KeyMarker: key, UploadIDMarker: id, Prefix: l.prefix, Delimiter: l.delimiter, MaxUploads: l.limit,
	}
	if l.limit > 0 {
		if err := c.fillUploads(&out, l, ownerOf(b)); err != nil {
			return err
		}
	}
	if l.encode {
		out.URLEncode()
	}
	return c.send(&out)
}

func (c *call) fillUploads(out *s3wire.ListMultipartUploadsResult, l listing, owner s3wire.Owner) error {
	uploads, rolled, nextKey, nextID, err := c.s.index.ListUploads(c.ctx(), objects.ListQuery{
		Bucket: c.bucket, Prefix: l.prefix, Delimiter: l.delimiter, After: out.KeyMarker, Limit: l.limit,
	}, out.UploadIDMarker)
	if err != nil {
		return err
	}
	out.CommonPrefixes, out.NextKeyMarker, out.NextUploadIDMarker = prefixes(rolled), nextKey, nextID
	out.IsTruncated = nextKey != ""
	for _, u := range uploads {
		e := s3wire.UploadEntry{
			Key: u.Key, UploadID: u.ID, Owner: owner, Initiator: s3wire.Owner{ID: u.AccessKey, DisplayName: u.AccessKey},
			StorageClass: standardClass, Initiated: s3wire.Time{Time: u.Initiated},
		}
		if u, implicit := agreed(u); !implicit {
			e.ChecksumAlgorithm, e.ChecksumType = s3wire.Algorithm(u.Algorithm), checksumType(u.Composite)
		}
		out.Uploads = append(out.Uploads, e)
	}
	return nil
}
