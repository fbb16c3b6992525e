package s3api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"holdfast/internal/blob"
	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// lookups is how often a GET looks again when the object was replaced between its row and its bytes.
const lookups = 3

// getObject serves GET and HEAD of an object.
func getObject(c *call) error {
	overrides, err := c.overrides()
	if err != nil {
		return err
	}
	if text := c.query.Get("partNumber"); text != "" {
		if _, err := c.partNumber(); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		err := c.getOnce(overrides)
		if try == lookups || !errors.Is(err, blob.ErrNotFound) {
			return err
		}
	}
}

func (c *call) getOnce(overrides http.Header) error {
	o, err := c.head()
	if err != nil {
		return err
	}
	if err := c.checkRead(&o); err != nil {
		return err
	}
	part, status, err := c.part(&o)
	if err != nil {
		return err
	}
	var src blob.Blob
	if c.r.Method == http.MethodGet && part.Length > 0 {
		if src, err = c.s.index.Open(c.ctx(), o); err != nil {
			return err
		}
		defer src.Close()
	}
	c.describe(&o)
	c.guard(&o, overrides)
	if c.r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" && status == http.StatusOK {
		c.sayChecksum(&o)
	}
	h := c.Header()
	h["Content-Length"] = []string{strconv.FormatInt(part.Length, 10)}
	if status == http.StatusPartialContent {
		h["Content-Range"] = []string{part.ContentRange(o.Size)}
	}
	if src == nil {
		c.WriteHeader(status)
		return nil
	}
	return c.sendBlob(status, src, part)
}

// head returns the row of the object or version that the request names. A delete marker is what S3 makes of it:
// NoSuchKey when it is the latest, MethodNotAllowed when it was asked for by its id.
func (c *call) head() (objects.Object, error) {
	r, versioned, err := c.ref()
	if err != nil {
		return objects.Object{}, err
	}
	o, err := c.s.index.Head(c.ctx(), r)
	if !o.Marker {
		return o, err
	}
	c.Header()["X-Amz-Delete-Marker"] = []string{"true"}
	c.sayVersion(&o)
	if versioned {
		c.Header()["Last-Modified"] = []string{httpTime(o.Created)}
		return o, methodNotAllowed(c.r.Method, "DeleteMarker")
	}
	return o, c.detail(s3wire.NoSuchKey.New())
}

// checkRead evaluates the request's conditions. A 304 says what the 200 would have said about caching.
func (c *call) checkRead(o *objects.Object) error {
	cond := s3wire.ParseConditions(c.r.Header)
	if cond.IsZero() {
		return nil
	}
	err := cond.CheckRead(o.ETag, o.Created)
	if isCode(err, s3wire.NotModified) {
		w := newHeaderWriter(c.Header())
		w.set("Etag", quoted(o.ETag))
		w.set("Last-Modified", httpTime(o.Created))
		w.set("Cache-Control", o.Headers.CacheControl)
		w.set("Expires", o.Headers.Expires)
	}
	return err
}

// part returns the bytes that are asked for, by range or part number, and the status that goes with them.
func (c *call) part(o *objects.Object) (s3wire.Range, int, error) {
	whole := s3wire.Range{Length: o.Size}
	header := c.r.Header.Get("Range")
	if c.query.Get("partNumber") != "" {
		if header != "" {
			return whole, 0, s3wire.InvalidRequest.Newf("Cannot specify both Range header and partNumber query parameter")
		}
		n, err := c.partNumber()
		if err != nil {
			return whole, 0, err
		}
		return partByNumber(o, n)
	}
	if header == "" || !s3wire.ParseConditions(c.r.Header).RangeApplies(o.ETag, o.Created) {
		return whole, http.StatusOK, nil
	}
	r, ok, err := s3wire.ParseRange(header, o.Size)
	if err != nil {
		c.Header()["Content-Range"] = []string{"bytes */" + strconv.FormatInt(o.Size, 10)}
		return whole, 0, err
	}
	if !ok {
		return whole, http.StatusOK, nil
	}
	return r, http.StatusPartialContent, nil
}

// partByNumber finds a part of an object that was uploaded in parts; any other object is its own part 1.
func partByNumber(o *objects.Object, n int) (s3wire.Range, int, error) {
	sizes := o.Digests.PartSizes
	if len(sizes) == 0 {
		sizes = []int64{o.Size}
	}
	if n > len(sizes) {
		return s3wire.Range{}, 0, s3wire.InvalidPartNumber.New().
			With("ActualPartCount", strconv.Itoa(len(sizes))).With("PartNumberRequested", strconv.Itoa(n))
	}
	r := s3wire.Range{Length: sizes[n-1]}
	for _, size := range sizes[:n-1] {
		r.Offset += size
	}
	if o.Size == 0 {
		return r, http.StatusOK, nil
	}
	return r, http.StatusPartialContent, nil
}

// overrides reads the response-* parameters, which only a signed request may use.
func (c *call) overrides() (http.Header, error) {
	var out http.Header
	for name, values := range c.query {
		header, ok := strings.CutPrefix(name, "response-")
		if !ok {
			continue
		}
		if c.who.stranger() {
			return nil, s3wire.InvalidRequest.Newf("Request specific response headers cannot be used for anonymous GET requests.")
		}
		if err := printable(name, values[0]); err != nil {
			return nil, err
		}
		if out == nil {
			out = http.Header{}
		}
		out.Set(header, values[0])
	}
	return out, nil
}

// guard keeps stored content from acting as a page of this host. No type is ever guessed by the browser. What could
// run as a page runs in a sandbox when a browser may be at the other end (a public object, a presigned URL), and a
// link cannot turn stored bytes into a page: a type that is asked for and could run is sent as a download.
func (c *call) guard(o *objects.Object, overrides http.Header) {
	h := c.Header()
	h["X-Content-Type-Options"] = c.s.fixed.noSniff
	for name, v := range overrides {
		h[name] = v
	}
	asked := overrides.Get("Content-Type")
	if c.who.scheme != s3wire.HeaderV4 && isUnsafe(h.Get("Content-Type")) {
		h["Content-Security-Policy"] = []string{"default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"}
		if asked != "" && asked != o.Headers.ContentType {
			h["Content-Disposition"] = []string{asDownload(h.Get("Content-Disposition"))}
		}
	}
}

// asDownload makes an attachment of a Content-Disposition and keeps its parameters, the file name among them.
func asDownload(disposition string) string {
	_, params, ok := strings.Cut(disposition, ";")
	if !ok {
		return "attachment"
	}
	return "attachment;" + params
}
