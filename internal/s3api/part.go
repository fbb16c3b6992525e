package s3api

import (
	"io"
	"net/http"
	"strconv"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

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
	if err := c.s.refuseUnsupported(c.r.Header); err != nil {
		return err
	}
	u, implicit, err := c.upload()
	if err != nil {
		return err
	}
	b, err := c.openBody(s3wire.BodyOptions{MaxSize: maxPartSize, NeedLength: true})
	if err != nil {
		return err
	}
	said := b.Algorithm()
	if err := matchAlgorithm(u, implicit, said); err != nil {
		return err
	}
	body, sum := partBody(u, b)
	p, err := c.s.index.PutPart(c.ctx(), u, number, b.Size(), body, sum)
	if err != nil {
		return err
	}
	c.Header()["Etag"] = []string{quoted(p.ETag)}
	got := b.Checksum()
	if said == "" {
		got = partSum(u, implicit, p)
	}
	if got.Algorithm != "" {
		c.Header()[got.Algorithm.Header()] = []string{got.String()}
	}
	return c.sendNothing(http.StatusOK)
}

// partBody is the body with the checksum that the upload needs of it. The client may have sent one of another kind.
func partBody(u objects.Upload, b *body) (io.Reader, func() (string, []byte)) {
	want := s3wire.Algorithm(u.Algorithm)
	if b.Algorithm() == want {
		return b, b.checksum
	}
	h := want.New()
	return io.TeeReader(b, h), func() (string, []byte) { return u.Algorithm, h.Sum(nil) }
}

// maxPartSize is the size of the largest part, 5 GiB.
const maxPartSize = 5 << 30

// matchAlgorithm refuses a part whose checksum is of another kind than was agreed on, or that has none where the whole
// is made of them.
func matchAlgorithm(u objects.Upload, implicit bool, said s3wire.Algorithm) error {
	want := s3wire.Algorithm(u.Algorithm)
	if implicit || said == want || said == "" && !u.Composite {
		return nil
	}
	return s3wire.InvalidRequest.Newf("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", want, or(string(said), "null"))
}

// uploadPartCopy stores a range of an object as a part.
func uploadPartCopy(c *call) error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	src, err := c.copySource()
	if err != nil {
		return err
	}
	u, implicit, err := c.upload()
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
			LastModified: s3wire.Time{Time: p.Modified}, ETag: quoted(p.ETag), ChecksumElements: partSum(u, implicit, p).Elements(),
		}
		return reply{doc, func() {}}, nil
	})
}

// partSum is the checksum of a part, where one was agreed on.
func partSum(u objects.Upload, implicit bool, p objects.Part) s3wire.Checksum {
	if implicit || p.Checksum == nil {
		return s3wire.Checksum{}
	}
	return s3wire.Checksum{Algorithm: s3wire.Algorithm(u.Algorithm), Sum: p.Checksum}
}
