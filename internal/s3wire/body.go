package s3wire

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
)

// BodyOptions say what the caller wants to know about a body besides what the client asked to be checked.
type BodyOptions struct {
	MaxSize int64 // a longer body is EntityTooLarge; 0: no limit, -1: it must be empty
	MinSize int64 // a shorter one is EntityTooSmall
	MD5     bool  // have MD5 computed
	SHA256  bool  // have SHA-256 computed
	// Algorithm is computed if the client sent no checksum; "" for none.
	Algorithm Algorithm
	// NeedLength refuses a body whose length is not announced with MissingContentLength.
	NeedLength bool
	// OtherChecksum is set where x-amz-checksum-* headers speak of something else than this body: of the object that
	// CompleteMultipartUpload makes, of the target of a copy.
	OtherChecksum bool
}

// Body is the decoded body of a request. Read returns io.EOF only when all that the client said about the body was
// found true, and an [*Error] in its place otherwise; so whoever reads it must read to io.EOF. It is for one goroutine.
type Body struct {
	src    io.Reader
	chunks *chunkReader // src, when the body is encoded
	size   int64        // announced; -1 unknown
	n      int64
	max    int64 // most bytes allowed; -1: any number
	min    int64
	digests
	err error // what Read returns from now on
}

// NewBody prepares to read the body of a verified (or anonymous) request. It reads nothing yet: bad headers are
// refused before the client is told to go on.
func NewBody(r *http.Request, a *Auth, o BodyOptions) (*Body, error) {
	b := &Body{src: r.Body, max: o.limit(), min: o.MinSize}
	if r.Body == nil {
		b.src = http.NoBody
	}
	claim, err := bodyClaim(r.Header, a, o)
	if err != nil {
		return nil, err
	}
	if b.digests, err = newDigests(r.Header, a, o, claim); err != nil {
		return nil, err
	}
	if b.size, err = announcedSize(r, a); err != nil {
		return nil, err
	}
	if err := b.checkSize(b.size); err != nil {
		return nil, err
	}
	if b.size < 0 && o.NeedLength {
		return nil, MissingContentLength.New()
	}
	if a.Payload.Chunked() {
		b.chunks = newChunkReader(b.src, a, b.size, claim.trailer)
		b.src = b.chunks
	}
	return b, nil
}

// limit returns the most bytes allowed, -1 for any number.
func (o BodyOptions) limit() int64 {
	switch {
	case o.MaxSize == 0:
		return -1
	case o.MaxSize < 0:
		return 0
	}
	return o.MaxSize
}

// bodyClaim reads what the headers say about the checksum of the body.
func bodyClaim(h http.Header, a *Auth, o BodyOptions) (checksumClaim, error) {
	if o.OtherChecksum {
		return checksumClaim{}, nil
	}
	c, err := readChecksumClaim(h)
	switch {
	case err != nil:
		return c, err
	case c.value.Parts > 0:
		return c, invalidHeader(c.value.Algorithm.headerName())
	case c.trailer != "" && !a.Payload.Trailer():
		return c, InvalidRequest.Newf("x-amz-trailer needs an x-amz-content-sha256 that announces a trailer")
	}
	return c, nil
}

// announcedSize returns the length of the decoded body as the client announced it, -1 if it did not.
func announcedSize(r *http.Request, a *Auth) (int64, error) {
	if !a.Payload.Chunked() {
		if r.Body == nil || r.Body == http.NoBody {
			return 0, nil
		}
		return r.ContentLength, nil
	}
	n, err := strconv.ParseUint(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 63)
	if err != nil {
		return 0, MissingContentLength.New()
	}
	return int64(n), nil
}

func (b *Body) checkSize(n int64) error {
	switch {
	case b.max >= 0 && n > b.max:
		return EntityTooLarge.New().
			With("ProposedSize", strconv.FormatInt(n, 10)).With("MaxSizeAllowed", strconv.FormatInt(b.max, 10))
	case n >= 0 && n < b.min:
		return EntityTooSmall.New().
			With("ProposedSize", strconv.FormatInt(n, 10)).With("MinSizeAllowed", strconv.FormatInt(b.min, 10))
	}
	return nil
}

// Size returns the announced length of the decoded body in bytes; -1 when the client did not say.
func (b *Body) Size() int64 { return b.size }

// N returns the bytes read so far.
func (b *Body) N() int64 { return b.n }

// Read implements io.Reader. It never returns more bytes than were announced or allowed.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(b.clip(p))
	n, over := b.allowed(n)
	b.n += int64(n)
	b.digests.write(p[:n])
	switch {
	case over != nil:
		b.err = over
	case err == io.EOF: //nolint:errorlint // readers return it bare
		b.err = b.finish()
	case err != nil:
		b.err = readError(err)
	}
	return n, b.err
}

// clip leaves room for one byte more than is allowed: whether there is one has to be found out.
func (b *Body) clip(p []byte) []byte {
	limit := b.size
	if limit < 0 {
		limit = b.max
	}
	if limit < 0 {
		return p
	}
	return p[:min(int64(len(p)), limit-b.n+1)]
}

// allowed cuts what was read at the limit.
func (b *Body) allowed(n int) (int, error) {
	total := b.n + int64(n)
	if b.size >= 0 && total > b.size {
		return int(b.size - b.n), lengthMismatch()
	}
	if b.max >= 0 && total > b.max {
		err := EntityTooLarge.New().With("MaxSizeAllowed", strconv.FormatInt(b.max, 10))
		return int(b.max - b.n), err
	}
	return n, nil
}

// finish is reached at the end of the body: io.EOF if all is well.
func (b *Body) finish() error {
	if b.size >= 0 && b.n != b.size {
		return lengthMismatch()
	}
	if err := b.checkSize(b.n); err != nil {
		return err
	}
	if b.chunks != nil && !b.chunks.sum.IsZero() {
		b.want.sum = b.chunks.sum
	}
	if err := b.digests.check(); err != nil {
		return err
	}
	return io.EOF
}

// lengthMismatch answers a body of another length than announced.
func lengthMismatch() *Error { return IncompleteBody.New() }

// truncated answers a body whose encoding is broken or breaks off.
func truncated() *Error {
	return IncompleteBody.Newf("The request body terminated unexpectedly")
}

// readError words a failure to read from the client.
func readError(err error) error {
	switch e := (*Error)(nil); {
	case errors.As(err, &e):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return lengthMismatch().Because(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return RequestTimeout.New().Because(err)
	}
	return fmt.Errorf("read body: %w", err)
}

// MD5 returns the digest of what was read, nil if it is not computed. It is final after io.EOF.
func (b *Body) MD5() []byte { return sumOf(b.md5) }

// SHA256 is like MD5.
func (b *Body) SHA256() []byte { return sumOf(b.sha256) }

// Proven reports whether the client signs each piece of the body, and Read verifies that.
func (b *Body) Proven() bool { return b.chunks != nil && b.chunks.signer != nil }

// Algorithm returns what Checksum will be of, known before the body is read; "" for none.
func (b *Body) Algorithm() Algorithm { return b.algorithm }

// Checksum returns the checksum that the client sent (verified) or that BodyOptions asked for; the zero Checksum if
// neither. It is final after io.EOF.
func (b *Body) Checksum() Checksum {
	if b.algorithm == "" {
		return Checksum{}
	}
	return Checksum{Algorithm: b.algorithm, Sum: sumOf(b.sum)}
}

func sumOf(h hash.Hash) []byte {
	if h == nil {
		return nil
	}
	return h.Sum(nil)
}
