package s3api

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

const attributesHeader = "X-Amz-Object-Attributes"

// getObjectAttributes tells what is known about an object without its bytes.
func getObjectAttributes(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	wanted, err := c.wantedAttributes()
	if err != nil {
		return err
	}
	limit, err := c.headerCount("X-Amz-Max-Parts", maxPage)
	if err != nil {
		return err
	}
	after, err := c.headerCount("X-Amz-Part-Number-Marker", 0)
	if err != nil {
		return err
	}
	o, err := c.head()
	if err != nil {
		return err
	}
	out := s3wire.GetObjectAttributesResponse{}
	for _, name := range wanted {
		switch name {
		case "ETag":
			out.ETag = o.ETag
		case "Checksum":
			if sum := checksumOf(&o); sum.Algorithm != "" {
				e := sum.TypedElements()
				out.Checksum = &e
			}
		case "ObjectParts":
			out.ObjectParts = objectParts(&o, after, limit)
		case "StorageClass":
			out.StorageClass = standardClass
		case "ObjectSize":
			out.ObjectSize = &o.Size
		}
	}
	c.Header()["Last-Modified"] = []string{httpTime(o.Created)}
	c.sayVersion(&o)
	return c.send(&out)
}

// wantedAttributes reads the list of names, which may come in several headers.
func (c *call) wantedAttributes() ([]string, error) {
	known := []string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
	var out []string
	for _, line := range c.r.Header[attributesHeader] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if !slices.Contains(known, name) {
				return nil, invalidArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
			}
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, s3wire.InvalidRequest.Newf("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	return out, nil
}

// headerCount reads a number out of a header.
func (c *call) headerCount(name string, def int) (int, error) {
	text := c.r.Header.Get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, invalidArgument(strings.ToLower(name), text, "Provided "+strings.ToLower(name)+" not an integer or within integer range")
	}
	return n, nil
}

// objectParts lists the parts of a multipart object by their sizes; their single checksums are not kept.
func objectParts(o *objects.Object, after, limit int) *s3wire.ObjectParts {
	sizes := o.Digests.PartSizes
	if len(sizes) == 0 {
		return nil
	}
	out := &s3wire.ObjectParts{PartsCount: len(sizes), PartNumberMarker: after, MaxParts: limit}
	for i := after; i < len(sizes) && len(out.Parts) < limit; i++ {
		out.Parts = append(out.Parts, s3wire.AttributesPart{PartNumber: i + 1, Size: sizes[i]})
		out.NextPartNumberMarker = i + 1
	}
	out.IsTruncated = out.NextPartNumberMarker < len(sizes) && len(out.Parts) > 0
	return out
}
