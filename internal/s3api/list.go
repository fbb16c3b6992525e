package s3api

import (
	"encoding/base64"
	"math"
	"strconv"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// maxPage is how many entries a listing sends at most.
const maxPage = 1000

// listing are the parameters that all listings share.
type listing struct {
	prefix, delimiter string
	limit             int
	encode            bool
}

// readListing reads them. limitName is the parameter that bounds the page.
func (c *call) readListing(limitName string) (l listing, err error) {
	l = listing{prefix: c.query.Get("prefix"), delimiter: c.query.Get("delimiter")}
	if l.limit, err = c.limitParam(limitName, maxPage); err != nil {
		return l, err
	}
	switch enc := c.query.Get("encoding-type"); enc {
	case "":
	case "url":
		l.encode = true
	default:
		return l, invalidArgument("encoding-type", enc, "Invalid Encoding Method specified in Request")
	}
	return l, nil
}

// limitParam reads a bound of a page. What is above S3's own bound is lowered to it; it must be a number of 31 bits.
func (c *call) limitParam(name string, most int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return most, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxInt32 {
		return 0, invalidArgument(name, text, "Provided "+name+" not an integer or within integer range")
	}
	if n < 0 {
		return 0, invalidArgument(name, text, "Argument "+name+" must be an integer between 0 and 2147483647")
	}
	return min(int(n), most), nil
}

// page asks the index for one page. S3 allows a page of nothing.
func (c *call) page(l listing, after string) (objects.Page, error) {
	if l.limit == 0 {
		_, err := c.bucketRow()
		return objects.Page{}, err
	}
	return c.s.index.List(c.ctx(), objects.ListQuery{
		Bucket: c.bucket, Prefix: l.prefix, Delimiter: l.delimiter, After: after, Limit: l.limit,
	})
}

func listObjects(c *call) error {
	l, err := c.readListing("max-keys")
	if err != nil {
		return err
	}
	marker := c.query.Get("marker")
	page, err := c.page(l, marker)
	if err != nil {
		return err
	}
	owner, err := c.bucketOwner()
	if err != nil {
		return err
	}
	out := s3wire.ListBucketResult{
		Name: c.bucket, Prefix: l.prefix, Marker: marker, MaxKeys: l.limit, Delimiter: l.delimiter,
		IsTruncated: page.Next != "", NextMarker: page.Next,
		Contents: entries(page.Objects, owner), CommonPrefixes: prefixes(page.Prefixes),
	}
	if l.encode {
		out.URLEncode()
	}
	return c.send(&out)
}

func listObjectsV2(c *call) error {
	if kind := c.query.Get("list-type"); kind != "2" {
		return invalidArgument("list-type", kind, "Invalid List Type specified in Request")
	}
	l, err := c.readListing("max-keys")
	if err != nil {
		return err
	}
	start, token := c.query.Get("start-after"), c.query.Get("continuation-token")
	after := start
	if c.query.Has("continuation-token") {
		if after, err = openToken(token); err != nil {
			return err
		}
	}
	page, err := c.page(l, after)
	if err != nil {
		return err
	}
	out := s3wire.ListBucketResultV2{
		Name: c.bucket, Prefix: l.prefix, StartAfter: start, ContinuationToken: token, MaxKeys: l.limit, Delimiter: l.delimiter,
		IsTruncated: page.Next != "", KeyCount: len(page.Objects) + len(page.Prefixes), CommonPrefixes: prefixes(page.Prefixes),
	}
	if page.Next != "" {
		out.NextContinuationToken = sealToken(page.Next)
	}
	var owner *s3wire.Owner
	if c.query.Get("fetch-owner") == "true" {
		if owner, err = c.bucketOwner(); err != nil {
			return err
		}
	}
	out.Contents = entries(page.Objects, owner)
	if l.encode {
		out.URLEncode()
	}
	return c.send(&out)
}

// sealToken makes a continuation token. It is encoded so that nobody builds on its form, and so that any key fits in.
func sealToken(after string) string { return base64.RawURLEncoding.EncodeToString([]byte(after)) }

func openToken(token string) (string, error) {
	after, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || token == "" {
		return "", invalidArgument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return string(after), nil
}

func (c *call) bucketOwner() (*s3wire.Owner, error) {
	b, err := c.bucketRow()
	owner := ownerOf(b)
	return &owner, err
}

func entries(list []objects.Object, owner *s3wire.Owner) []s3wire.ObjectEntry {
	out := make([]s3wire.ObjectEntry, len(list))
	for i := range list {
		o := &list[i]
		out[i] = s3wire.ObjectEntry{
			Key: o.Key, LastModified: s3wire.Time{Time: o.Created}, ETag: quoted(o.ETag), Size: o.Size,
			StorageClass: standardClass, Owner: owner,
		}
		if sum := checksumOf(o); sum.Algorithm != "" {
			out[i].ChecksumAlgorithm, out[i].ChecksumType = sum.Algorithm, sum.Type()
		}
	}
	return out
}

func prefixes(list []string) []s3wire.CommonPrefix {
	out := make([]s3wire.CommonPrefix, len(list))
	for i, p := range list {
		out[i].Prefix = p
	}
	return out
}

// standardClass is the storage class of every object.
const standardClass = "STANDARD"
