package s3api

import (
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"holdfast/internal/s3wire"
)

// paceWindow is the time over which the rate of an upload is judged.
const paceWindow = 30 * time.Second

// unknownSize is what an upload of unannounced length counts for in the bytes in flight.
const unknownSize = 8 << 20

// body is the body of a request while it is received: decoded and verified by s3wire, paced and counted here. A nil
// *body stands for a request whose body nobody wanted.
type body struct {
	*s3wire.Body
	paced   *pacedReader
	claimed int64
	flight  *flight
}

// openBody prepares to read the request's body. Nothing is read, and the client not told to go on, until Read.
func (c *call) openBody(o s3wire.BodyOptions) (*body, error) {
	paced := c.paceBody()
	inner, err := s3wire.NewBody(c.r, &c.auth, o)
	if err != nil {
		return nil, err
	}
	return c.claim(inner, paced)
}

// paceBody puts the request's body under the minimum rate. The request is copied for that: the server must find the body
// that it made in its own, to see that a client which waits for leave to send (Expect: 100-continue) was refused.
// Otherwise it would wait for that body before it sends the refusal.
func (c *call) paceBody() *pacedReader {
	paced := &pacedReader{ReadCloser: c.r.Body, pace: c.s.pace, limit: http.NewResponseController(c.ResponseWriter).SetReadDeadline}
	own := *c.r
	own.Body = paced
	c.r = &own
	return paced
}

// claim counts the body among those in flight.
func (c *call) claim(inner *s3wire.Body, paced *pacedReader) (*body, error) {
	size := inner.Size()
	if size < 0 {
		size = unknownSize
	}
	if !c.s.flight.claim(size) {
		return nil, s3wire.SlowDown.New()
	}
	c.body = &body{Body: inner, paced: paced, claimed: size, flight: c.s.flight}
	return c.body, nil
}

// release gives back the body's share of the bytes in flight; safe twice and on nil.
func (b *body) release() {
	if b != nil {
		b.flight.give(b.claimed)
		b.claimed = 0
	}
}

// received returns the bytes taken from the connection so far.
func (b *body) received() int64 {
	if b == nil {
		return 0
	}
	return b.paced.total
}

// checksum is the function that the index asks for the checksum when the body has ended.
func (b *body) checksum() (string, []byte) {
	sum := b.Checksum()
	return string(sum.Algorithm), sum.Sum
}

// pace is how slow a client may be.
type pace struct {
	window time.Duration
	rate   int64 // bytes per second over a window; 0: any
}

// pacedReader reads from the connection with a deadline that moves on as long as the client keeps the pace.
type pacedReader struct {
	io.ReadCloser
	pace  pace
	limit func(time.Time) error
	start time.Time // of the current window
	count int64     // bytes in it
	total int64
}

// Read fails with RequestTimeout when a window passed with too few bytes, or two without any.
func (p *pacedReader) Read(b []byte) (int, error) {
	if p.start.IsZero() {
		p.open(time.Now())
	}
	n, err := p.ReadCloser.Read(b)
	if err == io.EOF { //nolint:errorlint // net/http returns it plain
		p.settle()
	}
	p.count += int64(n)
	p.total += int64(n)
	if isTimeout(err) {
		return n, s3wire.RequestTimeout.New().Because(err)
	}
	if now := time.Now(); now.Sub(p.start) >= p.pace.window {
		if err == nil && p.count < p.pace.rate*int64(p.pace.window/time.Millisecond)/1000 {
			return n, s3wire.RequestTimeout.New()
		}
		p.open(now)
	}
	return n, err
}

// open begins a window. A test's writer without deadlines is paced all the same.
func (p *pacedReader) open(now time.Time) {
	p.start, p.count = now, 0
	_ = p.limit(now.Add(2 * p.pace.window))
}

// settle takes the deadline off when the body is in: whatever long work follows, the connection is not to blame. (A
// deadline that passed would make net/http think that the client went away.)
func (p *pacedReader) settle() { _ = p.limit(time.Time{}) }

func isTimeout(err error) bool {
	return err != nil && err != io.EOF && os.IsTimeout(err) //nolint:errorlint // the plain io.EOF is the common case
}

// flight counts the bytes of uploads being received.
type flight struct {
	max   int64 // 0: no limit
	bytes atomic.Int64
}

func newFlight(limit int64) *flight { return &flight{max: limit} }

// claim takes n bytes; false when there is no room. One upload alone is always let in, whatever its size.
func (f *flight) claim(n int64) bool {
	if now := f.bytes.Add(n); f.max > 0 && now > f.max && now > n {
		f.bytes.Add(-n)
		return false
	}
	return true
}

func (f *flight) give(n int64) { f.bytes.Add(-n) }

func (f *flight) now() int64 { return f.bytes.Load() }
