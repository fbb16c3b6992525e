package s3api

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"holdfast/internal/blob"
	"holdfast/internal/s3wire"
)

// smallBlob is the size in bytes up to which a blob is read whole and written at once: below it, two system calls more
// for sendfile cost more than the copy.
const smallBlob = 64 << 10

// buffers lends room for small blobs. It belongs to a Server so that nothing is shared between endpoints.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { b := make([]byte, smallBlob); return &b }}}
}

func (b *buffers) take() *[]byte { return b.pool.Get().(*[]byte) } //nolint:forcetypeassert // New makes no other

func (b *buffers) give(p *[]byte) { b.pool.Put(p) }

// sendBlob sends a part of a blob. Small ones are read before the header is sent, so that a store that fails can still
// be answered with an error; of large ones the connection is cut, which no client takes for the end.
func (c *call) sendBlob(status int, src blob.Blob, part s3wire.Range) error {
	if part.Offset > 0 {
		if _, err := src.Seek(part.Offset, io.SeekStart); err != nil {
			return fmt.Errorf("seek in blob: %w", err)
		}
	}
	if part.Length <= smallBlob {
		buf := c.s.buffers.take()
		defer c.s.buffers.give(buf)
		data := (*buf)[:part.Length]
		if _, err := io.ReadFull(src, data); err != nil {
			return fmt.Errorf("read blob: %w", noEOF(err))
		}
		c.WriteHeader(status)
		_, _ = c.Write(data)
		return nil
	}
	c.WriteHeader(status)
	return c.stream(src, part.Length)
}

// stream copies a large blob, by sendfile when it is a file.
func (c *call) stream(src blob.Blob, length int64) error {
	var from io.Reader = src
	if f, ok := src.(interface{ File() *os.File }); ok && f.File() != nil {
		from = f.File()
	}
	n, err := c.ReadFrom(&io.LimitedReader{R: from, N: length})
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	if n < length {
		return fmt.Errorf("read blob: %w", errShort)
	}
	return nil
}

// errShort marks a blob that holds fewer bytes than its row says.
var errShort = errors.New("blob is shorter than its row says")

// noEOF keeps the end of a blob from looking like the end of the client's body.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errShort
	}
	return err
}
