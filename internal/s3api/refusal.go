package s3api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// errGone marks a request whose client went away: there is nobody to answer.
var errGone = errors.New("client went away")

// statusGone is what the log says of such a request, as nginx does.
const statusGone = 499

// answer says with which S3 code an error of the index or the store is answered.
type answer struct {
	cause  error
	code   s3wire.Code
	status int    // 0: the code's own
	limit  string // the bucket's setting that was hit, told as the element Limit
}

// answers is the table of errors. What is not in it is InternalError, and logged.
func answers() []answer {
	return []answer{
		{cause: objects.ErrNoSuchBucket, code: s3wire.NoSuchBucket},
		{cause: objects.ErrNoSuchKey, code: s3wire.NoSuchKey},
		{cause: objects.ErrNoSuchVersion, code: s3wire.NoSuchVersion},
		{cause: objects.ErrNoSuchUpload, code: s3wire.NoSuchUpload},
		{cause: objects.ErrNoSuchAccessKey, code: s3wire.InvalidAccessKeyID},
		{cause: objects.ErrBucketExists, code: s3wire.BucketAlreadyExists},
		{cause: objects.ErrBucketNotEmpty, code: s3wire.BucketNotEmpty},
		{cause: objects.ErrBucketDeclared, code: s3wire.AccessDenied},
		{cause: objects.ErrBucketName, code: s3wire.InvalidBucketName},
		{cause: objects.ErrPrecondition, code: s3wire.PreconditionFailed},
		{cause: objects.ErrTooLarge, code: s3wire.EntityTooLarge, status: http.StatusRequestEntityTooLarge, limit: "max_size"},
		{cause: objects.ErrTooManyObjects, code: s3wire.QuotaExceeded, limit: "max_objects"},
		{cause: objects.ErrTypeNotAllowed, code: s3wire.AccessDenied, limit: "types"},
		{cause: objects.ErrKeyInvalid, code: s3wire.InvalidURI},
		{cause: objects.ErrInvalidPart, code: s3wire.InvalidPart},
		{cause: objects.ErrInvalidPartOrder, code: s3wire.InvalidPartOrder},
		{cause: objects.ErrPartTooSmall, code: s3wire.EntityTooSmall},
		{cause: objects.ErrBadDigest, code: s3wire.BadDigest},
		{cause: blob.ErrFull, code: s3wire.InsufficientStorage},
		{cause: blob.ErrUnavailable, code: s3wire.ServiceUnavailable},
		{cause: blob.ErrBusy, code: s3wire.SlowDown},
		{cause: objects.ErrUnavailable, code: s3wire.ServiceUnavailable},
		{cause: os.ErrDeadlineExceeded, code: s3wire.RequestTimeout},
		{cause: context.DeadlineExceeded, code: s3wire.ServiceUnavailable},
		{cause: io.ErrUnexpectedEOF, code: s3wire.IncompleteBody},
	}
}

// refusal turns any error into the answer that S3 gives.
func (c *call) refusal(err error) *s3wire.Error {
	var e *s3wire.Error
	switch {
	case errors.As(err, &e):
	case c.ctx().Err() != nil:
		return s3wire.InternalError.New().WithStatus(statusGone).Because(fmt.Errorf("%w: %w", errGone, err))
	default:
		e = c.classify(err)
	}
	return c.hide(e)
}

func (c *call) classify(err error) *s3wire.Error {
	for _, a := range answers() {
		if !errors.Is(err, a.cause) {
			continue
		}
		e := a.code.New().Because(err)
		if hint := fault.HintOf(err); hint != "" && a.code == s3wire.AccessDenied {
			e = a.code.Newf("%s: %s", fault.CodeOf(err), hint).Because(err)
		}
		if a.code == s3wire.AccessDenied && a.limit != "" { // else it would look like a lack of rights
			e = a.code.Newf("The content is not of a type that the bucket allows.").Because(err)
		}
		if a.status != 0 {
			e = e.WithStatus(a.status)
		}
		if a.limit != "" {
			e = e.With("Limit", a.limit)
		}
		return c.detail(e)
	}
	return s3wire.AsError(err)
}

// detail adds the elements that S3 sends with a code.
func (c *call) detail(e *s3wire.Error) *s3wire.Error {
	switch e.Code {
	case s3wire.NoSuchBucket, s3wire.BucketAlreadyExists, s3wire.BucketNotEmpty, s3wire.InvalidBucketName:
		return e.With("BucketName", c.bucket)
	case s3wire.NoSuchKey:
		return e.With("Key", c.key)
	case s3wire.NoSuchVersion:
		return e.With("Key", c.key).With("VersionId", c.query.Get("versionId"))
	case s3wire.NoSuchUpload:
		return e.With("UploadId", c.query.Get("uploadId"))
	}
	return e
}

// hide answers like S3 when the caller may not see what is there: without the right to list, a missing key looks like
// a forbidden one.
func (c *call) hide(e *s3wire.Error) *s3wire.Error {
	if e.Code != s3wire.NoSuchKey && e.Code != s3wire.NoSuchVersion || c.who.may(objects.ActionList, c.bucket, c.key) {
		return e
	}
	return s3wire.AccessDenied.New().Because(e)
}

// refuse sends the error. After the response has begun nothing can be said any more but by closing the connection.
func (c *call) refuse(e *s3wire.Error) {
	if errors.Is(e, errGone) || c.Started() {
		if c.Started() && !errors.Is(e, errGone) {
			panic(http.ErrAbortHandler)
		}
		c.WriteHeader(statusGone)
		return
	}
	if e.Status == http.StatusServiceUnavailable {
		c.Header().Set("Retry-After", "1")
	}
	if e.Status == http.StatusNotModified || c.r.Method == http.MethodHead {
		c.WriteHeader(e.Status)
		return
	}
	doc := e.XML(c.r.URL.EscapedPath(), c.id, c.s.hostID)
	c.sendDocument(e.Status, doc)
}

// panicked logs a panic and answers with 500 when that is still possible.
func (c *call) panicked(p any) *s3wire.Error {
	if p == http.ErrAbortHandler { //nolint:errorlint // the value itself, by contract of net/http
		panic(p)
	}
	e := s3wire.InternalError.New().Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	if c.Started() {
		return e
	}
	c.refuse(e)
	return e
}

// sendDocument sends an XML document with its length.
func (c *call) sendDocument(status int, doc []byte) {
	h := c.Header()
	h["Content-Type"] = []string{"application/xml"}
	h["Content-Length"] = []string{strconv.Itoa(len(doc))}
	c.WriteHeader(status)
	_, _ = c.Write(doc) // a client that went away is no failure of ours
}
