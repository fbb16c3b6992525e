package s3api

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// completeMultipartUpload joins the parts that the client lists into the object.
func completeMultipartUpload(c *call) error {
	var doc s3wire.CompleteMultipartUpload
	if err := c.decodeBody(&doc, s3wire.BodyOptions{MaxSize: s3wire.MaxLongXML, OtherChecksum: true}); err != nil {
		return err
	}
	u, implicit, err := c.upload()
	if err != nil {
		return err
	}
	cond, err := writeCondition(c.r.Header)
	if err != nil {
		return err
	}
	whole, err := wholeChecksum(c.r.Header, u, implicit)
	if err != nil {
		return err
	}
	parts, err := completeParts(doc.Parts, u, implicit)
	if err != nil {
		return err
	}
	if err := c.checkWholeSize(u, doc.Parts); err != nil && !u.Completed {
		return err
	}
	return c.slowly(func() (reply, error) {
		o, err := c.s.index.CompleteUpload(c.ctx(), u, parts, cond, whole)
		if err != nil {
			return reply{}, c.explainComplete(err, u, cond)
		}
		doc := &s3wire.CompleteMultipartUploadResult{
			Location: c.location(), Bucket: c.bucket, Key: c.key, ETag: quoted(o.ETag),
			ChecksumElements: checksumOf(&o).TypedElements(),
		}
		return reply{doc, func() { c.sayCopied(&o) }}, nil
	})
}

// completeParts checks the client's list as far as that needs no row.
func completeParts(list []s3wire.CompletePart, u objects.Upload, implicit bool) ([]objects.CompletePart, error) {
	parts := make([]objects.CompletePart, len(list))
	for i, p := range list {
		if p.ETag == "" {
			return nil, s3wire.MalformedXML.New()
		}
		sum, err := p.Checksum()
		if err != nil {
			return nil, invalidArgument("Checksum", "", "Invalid Base64 or multiple checksums present in request")
		}
		if implicit {
			sum = s3wire.Checksum{} // nothing was agreed on
		}
		if err := partChecksumFits(u, p.PartNumber, sum); err != nil {
			return nil, err
		}
		parts[i] = objects.CompletePart{Number: p.PartNumber, ETag: s3wire.TrimETag(p.ETag), Checksum: sum.Sum}
	}
	return parts, nil
}

// partChecksumFits demands the checksum of each part of a composite upload, and that it is of the upload's kind.
func partChecksumFits(u objects.Upload, number int, sum s3wire.Checksum) error {
	switch {
	case sum.Algorithm == "" && u.Composite:
		return s3wire.InvalidRequest.Newf("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
			strings.ToLower(u.Algorithm), number)
	case sum.Algorithm != "" && u.Algorithm != "" && sum.Algorithm != s3wire.Algorithm(u.Algorithm):
		return s3wire.BadDigest.Newf("The %s you specified for part %d did not match what we received.", strings.ToLower(string(sum.Algorithm)), number)
	}
	return nil
}

// wholeChecksum reads the checksum of the whole object, if the client sends one. Without an agreement on checksums, S3
// does not look at it.
func wholeChecksum(h http.Header, u objects.Upload, implicit bool) ([]byte, error) {
	sum, err := s3wire.HeaderChecksum(h)
	if err != nil {
		return nil, err
	}
	if kind := s3wire.ChecksumType(strings.ToUpper(h.Get("X-Amz-Checksum-Type"))); kind != "" {
		if kind != s3wire.FullObject && kind != s3wire.Composite {
			return nil, s3wire.InvalidRequest.Newf("Value for x-amz-checksum-type header is invalid.")
		}
		if !implicit && kind != checksumType(u.Composite) {
			return nil, s3wire.InvalidRequest.Newf("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", checksumType(u.Composite))
		}
	}
	if implicit || sum.Algorithm != s3wire.Algorithm(u.Algorithm) {
		return nil, nil
	}
	return sum.Sum, nil
}

// checkWholeSize compares x-amz-mp-object-size with the parts on record.
func (c *call) checkWholeSize(u objects.Upload, list []s3wire.CompletePart) error {
	text := c.r.Header.Get("X-Amz-Mp-Object-Size")
	if text == "" {
		return nil
	}
	want, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return s3wire.InvalidRequest.Newf("Value for x-amz-mp-object-size header is invalid: '%s'", text)
	case want < 0:
		return s3wire.InvalidRequest.Newf("Value for x-amz-mp-object-size header is less than zero: '%d'", want)
	}
	parts, _, err := c.s.index.ListParts(c.ctx(), u, 0, maxParts)
	if err != nil {
		return err
	}
	sizes := make(map[int]int64, len(parts))
	for _, p := range parts {
		sizes[p.Number] = p.Size
	}
	var total int64
	for _, p := range list {
		total += sizes[p.PartNumber]
	}
	if total != want {
		return s3wire.InvalidRequest.Newf("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", want, total)
	}
	return nil
}

func (c *call) explainComplete(err error, u objects.Upload, cond objects.Condition) error {
	e := c.refusal(err)
	switch e.Code {
	case s3wire.InvalidPart, s3wire.InvalidPartOrder:
		return e.With("UploadId", u.ID)
	case s3wire.BadDigest:
		return s3wire.BadDigest.Newf("The %s you specified did not match the calculated checksum.", u.Algorithm).Because(err)
	}
	return c.explain(err, cond)
}

// location is the URL of the object that the request addresses, as the client knows the endpoint.
func (c *call) location() string {
	path := "/" + s3wire.EscapePath(c.key)
	if !c.virtual {
		path = "/" + c.bucket + path
	}
	return c.scheme() + "://" + c.r.Host + path
}

// scheme is what the client spoke: a proxy in front of a public name speaks what the name's setting says, HTTPS if it does not.
func (c *call) scheme() string {
	if c.r.TLS != nil {
		return "https"
	}
	host := withoutPort(c.r.Host)
	for _, public := range c.s.cfg.Hosts {
		scheme, name, ok := strings.Cut(strings.TrimSuffix(public, "/"), "://")
		if !ok {
			scheme, name = "https", scheme
		}
		if name = withoutPort(name); host == name || strings.HasSuffix(host, "."+name) {
			return scheme
		}
	}
	return "http"
}

func withoutPort(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(host)
}
