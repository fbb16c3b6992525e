package s3api

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// maxMetadata is the room for user metadata in bytes, names and values together (S3 user guide, "Working with object
// metadata").
const maxMetadata = 2 << 10

// metaPrefix begins the headers of user metadata, in canonical form.
const metaPrefix = "X-Amz-Meta-"

// defaultType is what S3 says of an object whose writer gave no type.
const defaultType = "binary/octet-stream"

// storedHeaders takes out of a request what shall be said about the object later.
func storedHeaders(h http.Header) (objects.Headers, error) {
	out := objects.Headers{
		ContentType: h.Get("Content-Type"), ContentEncoding: contentEncoding(h),
		ContentDisposition: h.Get("Content-Disposition"), ContentLanguage: h.Get("Content-Language"),
		CacheControl: h.Get("Cache-Control"), Expires: h.Get("Expires"), Redirect: h.Get(redirectHeader),
	}
	if out.Redirect != "" && !validRedirect(out.Redirect) {
		return out, s3wire.Code("InvalidRedirectLocation").Newf("The website redirect location must have a prefix of 'http://' or 'https://' or '/'.").WithStatus(http.StatusBadRequest)
	}
	size := 0
	for name, values := range h {
		if !strings.HasPrefix(name, metaPrefix) {
			continue
		}
		key, value := strings.ToLower(name[len(metaPrefix):]), strings.Join(values, ",")
		if out.User == nil {
			out.User = map[string]string{}
		}
		out.User[key] = value
		size += len(key) + len(value)
	}
	if size > maxMetadata {
		return out, s3wire.MetadataTooLarge.New().With("Size", strconv.Itoa(size)).With("MaxSizeAllowed", strconv.Itoa(maxMetadata))
	}
	return out, checkHeaders(out)
}

// redirectHeader is kept and told like any other header. There is no website here that would obey it.
const redirectHeader = "X-Amz-Website-Redirect-Location"

func validRedirect(to string) bool {
	return len(to) <= maxMetadata &&
		(strings.HasPrefix(to, "/") || strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://"))
}

// contentEncoding leaves out "aws-chunked", which belongs to the transfer and not to the object.
func contentEncoding(h http.Header) string {
	all := h.Get("Content-Encoding")
	if !strings.Contains(all, "aws-chunked") {
		return all
	}
	var keep []string
	for part := range strings.SplitSeq(all, ",") {
		if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
			keep = append(keep, part)
		}
	}
	return strings.Join(keep, ", ")
}

// headerWriter puts headers into a response whose names are canonical already, with one allocation for all values.
type headerWriter struct {
	h      http.Header
	values []string
}

func newHeaderWriter(h http.Header) headerWriter { return headerWriter{h, make([]string, 0, 20)} }

// set leaves out empty values.
func (w *headerWriter) set(name, value string) {
	if value != "" {
		w.put(name, value)
	}
}

func (w *headerWriter) put(name, value string) {
	w.values = append(w.values, value)
	n := len(w.values)
	w.h[name] = w.values[n-1 : n : n]
}

// describe says about an object what GET and HEAD say.
func (c *call) describe(o *objects.Object) {
	w := newHeaderWriter(c.Header())
	w.set("Etag", quoted(o.ETag))
	w.set("Last-Modified", httpTime(o.Created))
	w.set("Accept-Ranges", "bytes")
	w.set("Content-Type", or(o.Headers.ContentType, defaultType))
	w.set("Content-Encoding", o.Headers.ContentEncoding)
	w.set("Content-Disposition", o.Headers.ContentDisposition)
	w.set("Content-Language", o.Headers.ContentLanguage)
	w.set("Cache-Control", o.Headers.CacheControl)
	w.set("Expires", o.Headers.Expires)
	for name, value := range o.Headers.User {
		w.put("x-amz-meta-"+name, value) // lower case as S3 sends it: boto3 shows the name as it comes
	}
	w.set("X-Amz-Expiration", expiration(o.ExpiresAt))
	if c.who.stranger() {
		return
	}
	if len(o.Tags) > 0 {
		w.set("X-Amz-Tagging-Count", strconv.Itoa(len(o.Tags)))
	}
	if o.Digests.Parts > 0 && c.query.Has("partNumber") {
		w.set("X-Amz-Mp-Parts-Count", strconv.Itoa(o.Digests.Parts))
	}
	w.set(redirectHeader, o.Headers.Redirect)
	w.set("X-Amz-Storage-Class", standardClass)
	w.set("X-Holdfast-Blob", blobID(o))
	c.sayVersion(o)
}

// sayChecksum tells the checksum of an object.
func (c *call) sayChecksum(o *objects.Object) {
	if sum := checksumOf(o); sum.Algorithm != "" {
		c.Header()[sum.Algorithm.Header()] = []string{sum.String()}
		c.Header()["X-Amz-Checksum-Type"] = []string{string(sum.Type())}
	}
}

// checksumOf returns an object's checksum as the wire has it.
func checksumOf(o *objects.Object) s3wire.Checksum {
	if o.Digests.Algorithm == "" || o.Digests.Checksum == nil {
		return s3wire.Checksum{}
	}
	sum := s3wire.Checksum{Algorithm: s3wire.Algorithm(o.Digests.Algorithm), Sum: o.Digests.Checksum}
	if o.Digests.Composite {
		sum.Parts = o.Digests.Parts
	}
	return sum
}

// quoted returns an ETag as headers and XML carry it.
func quoted(etag string) string { return `"` + etag + `"` }

// or returns the first of the two that is not empty.
func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// httpTime formats a time for a header (RFC 9110 section 5.6.7).
func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// blobID is the id that signed links are made for.
func blobID(o *objects.Object) string { return hex.EncodeToString(o.Blob[:]) }
