package pgwire

import (
	"encoding/binary"
	"errors"
	"io"
)

// readAhead is how much a Reader asks for at once, in bytes. It is also the step in which the buffer grows while a long
// message arrives: a peer that announces much and sends little costs little.
const readAhead = 4096

// A Reader cuts a stream into messages. It blocks, and it buffers: what the peer sent ahead stays in it, see Buffered
// and Rest.
type Reader struct {
	r     io.Reader
	limit int
	buf   []byte // read and not yet consumed: buf[at:]
	at    int
}

// NewReader returns a Reader of messages of at most limit bytes, header included.
func NewReader(r io.Reader, limit int) *Reader { return &Reader{r: r, limit: limit} }

// SetLimit changes the limit, as when the log-in is done.
func (r *Reader) SetLimit(limit int) { r.limit = limit }

// Buffered returns how many bytes were read from the stream and not yet returned. After a request for encryption it
// must be 0: what came in plain text with the request must not be taken for encrypted.
func (r *Reader) Buffered() int { return len(r.buf) - r.at }

// Rest returns the bytes that Buffered counts, for whoever goes on reading the stream in another way.
func (r *Reader) Rest() []byte { return r.buf[r.at:] }

// Peek returns the next n bytes without consuming them.
func (r *Reader) Peek(n int) ([]byte, error) {
	if err := r.fill(n); err != nil {
		return nil, err
	}
	return r.buf[r.at : r.at+n : r.at+n], nil
}

// ReadStartup returns the next packet that has no type byte, without its length word; for [ParseStartup]. The body is
// valid until the next call. The error is io.EOF if the stream ends before the packet.
func (r *Reader) ReadStartup() ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < 8 || size > MaxStartup+4 {
		return nil, violation("invalid length of startup packet")
	}
	return r.next(4, int(size))
}

// ReadMessage returns the next message. The body is valid until the next call. The error is io.EOF if the stream ends
// between two messages, and io.ErrUnexpectedEOF if it ends inside of one.
func (r *Reader) ReadMessage() (typ byte, body []byte, err error) {
	head, err := r.Peek(HeaderSize)
	if err != nil {
		return 0, nil, err
	}
	typ, size, err := Header(head)
	if err != nil {
		return typ, nil, err
	}
	if size > r.limit {
		return typ, nil, violation("message of %d bytes is longer than the limit of %d", size, r.limit)
	}
	body, err = r.next(HeaderSize, size)
	return typ, body, err
}

// next consumes size bytes and returns them without the first head ones.
func (r *Reader) next(head, size int) ([]byte, error) {
	if err := r.fill(size); err != nil {
		return nil, err
	}
	body := r.buf[r.at+head : r.at+size : r.at+size]
	r.at += size
	return body, nil
}

// fill reads until n bytes are buffered. A stream that ends with some of them ended unexpectedly.
func (r *Reader) fill(n int) error {
	for r.Buffered() < n {
		r.room()
		got, err := r.r.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+got]
		if err == nil || r.Buffered() >= n {
			continue
		}
		if errors.Is(err, io.EOF) && r.Buffered() > 0 {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// room makes room behind the buffered bytes, by moving them to the front or into a larger buffer.
func (r *Reader) room() {
	if r.at > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
		r.at = 0
	}
	if len(r.buf) == cap(r.buf) {
		grown := make([]byte, len(r.buf), max(readAhead, 2*cap(r.buf)))
		copy(grown, r.buf)
		r.buf = grown
	}
}
