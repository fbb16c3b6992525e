package s3api

import (
	"net/http"
	"strconv"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// maxParts is the highest part number.
const maxParts = 10000

// createMultipartUpload begins an upload in parts.
func createMultipartUpload(c *call) error {
	put, err := c.newPut(c.r.Header)
	if err != nil {
		return err
	}
	algorithm, composite, err := uploadChecksum(c.r.Header)
	if err != nil {
		return err
	}
	u, err := c.s.index.CreateUpload(c.ctx(), objects.Upload{
		Bucket: c.bucket, Key: c.key, Put: put, Algorithm: string(algorithm), Composite: composite, AccessKey: c.who.id,
	})
	if err != nil {
		return err
	}
	if algorithm != "" {
		c.Header()["X-Amz-Checksum-Algorithm"] = []string{string(algorithm)}
		c.Header()["X-Amz-Checksum-Type"] = []string{string(checksumType(composite))}
	}
	return c.send(&s3wire.InitiateMultipartUploadResult{Bucket: c.bucket, Key: c.key, UploadID: u.ID})
}

// uploadChecksum reads which checksum the parts and the whole shall have.
func uploadChecksum(h http.Header) (a s3wire.Algorithm, composite bool, err error) {
	kind := s3wire.ChecksumType(h.Get("X-Amz-Checksum-Type"))
	text := h.Get("X-Amz-Checksum-Algorithm")
	if text == "" {
		if kind != "" {
			return "", false, s3wire.InvalidRequest.Newf("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return "", false, nil
	}
	if a, err = s3wire.ParseAlgorithm(text); err != nil {
		return "", false, err
	}
	if kind == "" {
		kind = a.DefaultType()
	}
	if kind != s3wire.FullObject && kind != s3wire.Composite {
		return "", false, s3wire.InvalidRequest.Newf("Value for x-amz-checksum-type header is invalid.")
	}
	return a, kind == s3wire.Composite, a.CheckType(kind)
}

func checksumType(composite bool) s3wire.ChecksumType {
	if composite {
		return s3wire.Composite
	}
	return s3wire.FullObject
}

// upload returns the upload that the request names.
func (c *call) upload() (objects.Upload, error) {
	return c.s.index.GetUpload(c.ctx(), c.bucket, c.key, c.query.Get("uploadId"))
}

// partNumber reads the number of a part.
func (c *call) partNumber() (int, error) {
	text := c.query.Get("partNumber")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxParts {
		return 0, invalidArgument("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive.")
	}
	return n, nil
}

// uploadPart stores one part.
func uploadPart(c *call) error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	if err := refuseUnsupported(c.r.Header); err != nil {
		return err
	}
	u, err := c.upload()
	if err != nil {
		return err
	}
	b, err := c.openBody(s3wire.BodyOptions{MaxSize: maxPartSize, Algorithm: s3wire.Algorithm(u.Algorithm), NeedLength: true})
	if err != nil {
		return err
	}
	if err := matchAlgorithm(u, b); err != nil {
		return err
	}
	p, err := c.s.index.PutPart(c.ctx(), u, number, b.Size(), b, b.checksum)
	if err != nil {
		return err
	}
	c.Header()["Etag"] = []string{quoted(p.ETag)}
	if sum := b.Checksum(); sum.Algorithm != "" {
		c.Header()[sum.Algorithm.Header()] = []string{sum.String()}
	}
	return c.sendNothing(http.StatusOK)
}

// maxPartSize is the size of the largest part, 5 GiB.
const maxPartSize = 5 << 30

// matchAlgorithm refuses a part whose checksum is of another kind than the upload was begun with.
func matchAlgorithm(u objects.Upload, b *body) error {
	got := b.Algorithm()
	if u.Algorithm == "" || got == s3wire.Algorithm(u.Algorithm) {
		return nil
	}
	return s3wire.InvalidRequest.Newf("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", u.Algorithm, got)
}

// uploadPartCopy stores a range of an object as a part.
func uploadPartCopy(c *call) error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	u, err := c.upload()
	if err != nil {
		return err
	}
	src, err := c.copySource()
	if err != nil {
		return err
	}
	r, err := s3wire.ParseCopyRange(c.r.Header.Get("X-Amz-Copy-Source-Range"), src.Size)
	if err != nil {
		return err
	}
	return c.slowly(func() (reply, error) {
		p, err := c.s.index.CopyPart(c.ctx(), u, number, src, r.Offset, r.Length)
		if err != nil {
			return reply{}, err
		}
		doc := &s3wire.CopyPartResult{
			LastModified: s3wire.Time{Time: p.Modified}, ETag: quoted(p.ETag), ChecksumElements: partSum(u, p).Elements(),
		}
		return reply{doc, func() {}}, nil
	})
}

// partSum is the checksum of a part.
func partSum(u objects.Upload, p objects.Part) s3wire.Checksum {
	if u.Algorithm == "" || p.Checksum == nil {
		return s3wire.Checksum{}
	}
	return s3wire.Checksum{Algorithm: s3wire.Algorithm(u.Algorithm), Sum: p.Checksum}
}

func abortMultipartUpload(c *call) error {
	u, err := c.upload()
	if err != nil {
		return err
	}
	if text := c.r.Header.Get("X-Amz-If-Match-Initiated-Time"); text != "" {
		at, err := parseTime(text)
		if err != nil {
			return invalidArgument("x-amz-if-match-initiated-time", text, "Invalid time.")
		}
		if at.Unix() != u.Initiated.Unix() {
			return s3wire.PreconditionFailed.New().With("Condition", "If-Match-Initiated-Time")
		}
	}
	if err := c.s.index.AbortUpload(c.ctx(), u); err != nil {
		return err
	}
	return c.sendNothing(http.StatusNoContent)
}

// listParts shows the parts that were stored so far.
func listParts(c *call) error {
	limit, err := c.limitParam("max-parts", maxPage)
	if err != nil {
		return err
	}
	after, err := c.limitParam("part-number-marker", maxParts)
	if err != nil {
		return err
	}
	if c.query.Get("part-number-marker") == "" {
		after = 0
	}
	u, err := c.upload()
	if err != nil {
		return err
	}
	out := s3wire.ListPartsResult{
		Bucket: c.bucket, Key: c.key, UploadID: u.ID, StorageClass: standardClass, PartNumberMarker: after, MaxParts: limit,
		Initiator: s3wire.Owner{ID: u.AccessKey, DisplayName: u.AccessKey}, Owner: s3wire.Owner{ID: u.AccessKey, DisplayName: u.AccessKey},
	}
	if u.Algorithm != "" {
		out.ChecksumAlgorithm, out.ChecksumType = s3wire.Algorithm(u.Algorithm), checksumType(u.Composite)
	}
	if limit > 0 {
		var parts []objects.Part
		if parts, out.IsTruncated, err = c.s.index.ListParts(c.ctx(), u, after, limit); err != nil {
			return err
		}
		for _, p := range parts {
			out.Parts = append(out.Parts, s3wire.PartEntry{
				PartNumber: p.Number, LastModified: s3wire.Time{Time: p.Modified}, ETag: quoted(p.ETag), Size: p.Size,
				ChecksumElements: partSum(u, p).Elements(),
			})
			out.NextPartNumberMarker = p.Number
		}
	}
	return c.send(&out)
}
