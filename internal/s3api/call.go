package s3api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
	"holdfast/internal/web"
)

// call is one request on its way through the endpoint. It belongs to the goroutine that serves the request.
type call struct {
	*web.Recorder
	s       *Server
	r       *http.Request
	context context.Context // the request's, with its id for the log
	id      string          // x-amz-request-id
	op      *operation
	query   url.Values
	auth    s3wire.Auth
	who     caller
	began   time.Time

	address
	body *body         // of the request, once a handler asked for it
	late *s3wire.Error // an error that was told inside a 200
}

// serve takes the request through its stations: address, proof, operation, permission, work.
func (c *call) serve() error {
	var ok bool
	if c.address, ok = resolve(c.s.verifier.BucketOf(c.r.Host), c.r.URL); !ok {
		return s3wire.InvalidURI.New().With("URI", c.r.URL.EscapedPath())
	}
	if err := c.readQuery(); err != nil {
		return err
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	if c.who.scheme == s3wire.QueryV4 {
		hoist(c.r, c.query)
	}
	op, err := c.s.router.find(c.r, c.level(), c.query, c.who.stranger())
	if err != nil {
		return err
	}
	c.op = op
	if err := c.authorize(); err != nil {
		return err
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	c.allowOrigin()
	return op.Serve(c)
}

// readQuery takes the query apart. A query that cannot be decoded is refused: half of it would be a guess.
func (c *call) readQuery() (err error) {
	if c.r.URL.RawQuery == "" {
		return nil
	}
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return s3wire.InvalidURI.New().With("URI", c.r.URL.EscapedPath())
	}
	return nil
}

// authenticate finds out who is calling. The answer to an unknown key and to a wrong signature is S3's.
func (c *call) authenticate() (err error) {
	if c.r.Method == http.MethodOptions { // browsers never sign a preflight
		return nil
	}
	if c.auth, err = c.s.verifier.Parse(c.r); err != nil || c.auth.Scheme == s3wire.Anonymous {
		return err
	}
	key, err := c.accessKey(c.auth.AccessKey)
	if err != nil {
		return err
	}
	if err := c.s.verifier.Verify(c.r, &c.auth, key.Secret); err != nil {
		return err
	}
	c.who = caller{id: key.ID, scheme: c.auth.Scheme, policy: key.Policy}
	return nil
}

func (c *call) accessKey(id string) (objects.AccessKey, error) {
	key, err := c.s.index.AccessKey(c.ctx(), id)
	if err != nil {
		return key, c.refusal(err).With("AWSAccessKeyId", id)
	}
	return key, nil
}

// authorize compares the operation with what the caller may do. For an object operation without the right, it does not
// matter whether bucket or object exist: the answer is the same.
func (c *call) authorize() error {
	if c.who.may(c.op.Right, c.bucket, c.scope()) || c.publicRead() {
		return c.expectOwner()
	}
	if c.op.Right == rightMember && c.bucket != "" && c.who.policy.Allows(objects.ActionAdmin, c.bucket, "") {
		return c.expectOwner()
	}
	return s3wire.AccessDenied.New()
}

// scope is the key that a permission is judged by: a listing's prefix stands for all keys that it can show.
func (c *call) scope() string {
	if c.op.Right == objects.ActionList {
		return c.query.Get("prefix")
	}
	return c.key
}

// publicRead reports whether strangers may do this: reading an object of a public bucket, and nothing else.
func (c *call) publicRead() bool {
	if c.op.Name != "GetObject" && c.op.Name != "HeadObject" || c.query.Has("versionId") {
		return false
	}
	b, err := c.s.index.Bucket(c.ctx(), c.bucket)
	return err == nil && b.Public
}

// checkNames refuses keys that S3 refuses. Bucket names are checked where one is made: no other can exist.
func (c *call) checkNames() error {
	if c.key == "" || c.op.Right == rightNone {
		return nil
	}
	return s3wire.CheckKey(c.key)
}

// expectOwner obeys x-amz-expected-bucket-owner, which guards against writing into somebody else's bucket.
func (c *call) expectOwner() error {
	want := c.r.Header.Get("X-Amz-Expected-Bucket-Owner")
	if want == "" || c.bucket == "" {
		return nil
	}
	return c.checkOwner(c.bucket, want)
}

func (c *call) checkOwner(bucket, want string) error {
	b, err := c.s.index.Bucket(c.ctx(), bucket)
	if err == nil && b.Owner != want && c.who.id != want {
		return s3wire.AccessDenied.New()
	}
	return nil
}

// bucketRow returns the bucket that the request addresses.
func (c *call) bucketRow() (objects.Bucket, error) { return c.s.index.Bucket(c.ctx(), c.bucket) }

func (c *call) ctx() context.Context { return c.context }

// operation returns the operation's name for log and metrics.
func (c *call) operation() string {
	if c.op == nil {
		return "none"
	}
	return c.op.Name
}

// logLevel is the level of the request's log line. Reading that went well is for debugging; what changes something or
// is refused leaves a trace.
func (c *call) logLevel() slog.Level {
	reading := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	switch {
	case c.Status() >= http.StatusInternalServerError && c.Status() != http.StatusNotImplemented:
		return slog.LevelWarn
	case reading && (c.Status() < http.StatusBadRequest || c.Status() == http.StatusNotFound):
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// finish writes the log line and the metrics. Secrets and signatures are not among the request's properties that it
// names: no header, no query.
func (c *call) finish(problem *s3wire.Error) {
	took := time.Since(c.began)
	received := c.body.received()
	c.s.meter.Request(c.operation(), c.Status(), received, c.Bytes(), took)
	level := c.logLevel()
	if !c.s.log.Enabled(c.ctx(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("op", c.operation()), slog.String("key_id", c.who.id),
		slog.String("bucket", c.bucket), slog.String("key", c.key), slog.Int("status", c.Status()),
		slog.Int64("received", received), slog.Int64("sent", c.Bytes()), slog.Duration("took", took),
	}
	if problem != nil {
		attrs = append(attrs, slog.String("code", string(problem.Code)), slog.String("error", problem.Error()))
	}
	c.s.log.LogAttrs(c.ctx(), level, "s3", attrs...)
}
