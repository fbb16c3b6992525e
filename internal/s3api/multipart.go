package s3api

import (
	"net/http"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// maxParts is the highest part number.
const maxParts = 10000

// Every upload has a checksum. One that was begun without a word about it gets CRC64NVME of the whole, as in S3, and is
// called implicit: nothing is said about the checksums of its parts, and none are asked for. It is kept as the one pair
// of algorithm and type that S3 forbids to be asked for, a composite CRC64NVME.

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
	u := objects.Upload{
		Bucket: c.bucket, Key: c.key, Put: put, Algorithm: string(algorithm), Composite: composite, AccessKey: c.who.id,
	}
	if algorithm == "" {
		u.Algorithm, u.Composite = string(s3wire.CRC64NVME), true
	}
	if u, err = c.s.index.CreateUpload(c.ctx(), u); err != nil {
		return err
	}
	if algorithm != "" {
		c.Header()["X-Amz-Checksum-Algorithm"] = []string{string(algorithm)}
		c.Header()["X-Amz-Checksum-Type"] = []string{string(checksumType(composite))}
	}
	return c.send(&s3wire.InitiateMultipartUploadResult{Bucket: c.bucket, Key: c.key, UploadID: u.ID})
}

// agreed returns the upload as it is to be completed, and whether it is implicit.
func agreed(u objects.Upload) (objects.Upload, bool) {
	if u.Algorithm == string(s3wire.CRC64NVME) && u.Composite {
		u.Composite = false
		return u, true
	}
	return u, false
}

// uploadChecksum reads which checksum the parts and the whole shall have.
func uploadChecksum(h http.Header) (a s3wire.Algorithm, composite bool, err error) {
	kind := s3wire.ChecksumType(strings.ToUpper(h.Get("X-Amz-Checksum-Type")))
	if kind != "" && kind != s3wire.FullObject && kind != s3wire.Composite {
		return "", false, s3wire.InvalidRequest.Newf("Value for x-amz-checksum-type header is invalid.")
	}
	text := h.Get("X-Amz-Checksum-Algorithm")
	switch {
	case text == "" && kind != "":
		return "", false, s3wire.InvalidRequest.Newf("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case text == "":
		return "", false, nil
	}
	if a, err = s3wire.ParseAlgorithm(text); err != nil {
		return "", false, err
	}
	if kind == "" {
		kind = a.DefaultType()
	}
	return a, kind == s3wire.Composite, a.CheckType(kind)
}

func checksumType(composite bool) s3wire.ChecksumType {
	if composite {
		return s3wire.Composite
	}
	return s3wire.FullObject
}

// upload returns the upload that the request names, unless it is over.
func (c *call) upload() (u objects.Upload, implicit bool, err error) {
	if u, err = c.s.index.GetUpload(c.ctx(), c.bucket, c.key, c.query.Get("uploadId")); err != nil {
		return u, false, err
	}
	u, implicit = agreed(u)
	return u, implicit, nil
}

func abortMultipartUpload(c *call) error {
	u, _, err := c.upload()
	if err != nil {
		return err
	}
	if text := c.r.Header.Get("X-Amz-If-Match-Initiated-Time"); text != "" {
		at, err := parseTime(text)
		if err != nil {
			return invalidArgument("x-amz-if-match-initiated-time", text, "Invalid time.")
		}
		if at.Unix() != u.Initiated.Unix() && at.Before(c.s.now()) { // S3 ignores times to come
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
	u, implicit, err := c.upload()
	if err != nil {
		return err
	}
	out := s3wire.ListPartsResult{
		Bucket: c.bucket, Key: c.key, UploadID: u.ID, StorageClass: standardClass, PartNumberMarker: after, MaxParts: limit,
		Initiator: s3wire.Owner{ID: u.AccessKey, DisplayName: u.AccessKey}, Owner: s3wire.Owner{ID: u.AccessKey, DisplayName: u.AccessKey},
	}
	if !implicit {
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
				ChecksumElements: partSum(u, implicit, p).Elements(),
			})
			out.NextPartNumberMarker = p.Number
		}
	}
	return c.send(&out)
}
