package treepack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// readers holds *plainReader: their buffers and decoder cost more than unpacking a question.
var readers = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(fmt.Sprintf("treepack: the options of the decoder: %v", err))
	}
	return &plainReader{
		zstd: d, buf: make([]byte, plainBuffer), sum: sha256.New(),
		packed: packedReader{buf: make([]byte, packedBuffer)},
	}
}}

// Sizes of the buffers, in bytes: how much of the plain stream and of the pack is held.
const (
	plainBuffer  = 64 << 10
	packedBuffer = 32 << 10
)

// plainReader gives the plain stream of a pack, never more than was declared, and sums it up.
type plainReader struct {
	packed packedReader
	zstd   *zstd.Decoder // works in its caller's goroutine
	buf    []byte        // buf[r:w] has been read and not yet been taken
	r, w   int
	left   int64 // bytes of the plain stream that have not been read
	sum    hash.Hash
}

func newPlainReader(r io.Reader, plain int64) (*plainReader, error) {
	p := readers.Get().(*plainReader) //nolint:forcetypeassert // the pool has nothing else
	p.packed.reset(r, plain)
	p.r, p.w, p.left = 0, 0, plain
	p.sum.Reset()
	if err := p.zstd.Reset(&p.packed); err != nil {
		return nil, p.blame(err)
	}
	return p, nil
}

// release gives the reader back, whatever state it is in.
func (p *plainReader) release() {
	p.packed.reset(nil, 0)
	if err := p.zstd.Reset(nil); err == nil {
		readers.Put(p)
	}
}

// blame tells errors of the reader below from those of what it gave.
func (p *plainReader) blame(err error) error {
	if p.packed.err != nil {
		return p.packed.err
	}
	return corrupt("pack: %w", err)
}

// fill reads more, at least one byte.
func (p *plainReader) fill() error {
	if p.r == p.w {
		p.r, p.w = 0, 0
	} else if p.r > 0 {
		p.w = copy(p.buf, p.buf[p.r:p.w])
		p.r = 0
	}
	if p.left == 0 {
		return corrupt("pack: it goes on behind its declared size")
	}
	n, err := p.zstd.Read(p.buf[p.w : p.w+int(min(p.left, int64(len(p.buf)-p.w)))])
	p.sum.Write(p.buf[p.w : p.w+n])
	p.w += n
	p.left -= int64(n)
	switch {
	case n > 0:
		return nil
	case errors.Is(err, io.EOF):
		return corrupt("pack: it ends before its declared size")
	case err == nil:
		return p.blame(io.ErrNoProgress)
	}
	return p.blame(err)
}

// peek returns up to n bytes, at least one, without taking them. They are good until the next call.
func (p *plainReader) peek(n int64) ([]byte, error) {
	if p.r == p.w {
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
	return p.buf[p.r : p.r+int(min(n, int64(p.w-p.r)))], nil
}

// next takes exactly n bytes, at most plainBuffer. They are good until the next call.
func (p *plainReader) next(n int) ([]byte, error) {
	for p.w-p.r < n {
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
	p.r += n
	return p.buf[p.r-n : p.r], nil
}

// remaining returns how many bytes of the plain stream have not been taken.
func (p *plainReader) remaining() int64 { return p.left + int64(p.w-p.r) }

// finish verifies that the stream ends here, as declared, and that nothing is behind it.
func (p *plainReader) finish(want [32]byte) error {
	if p.remaining() != 0 {
		return corrupt("pack: it ends %d bytes before its declared size", p.remaining())
	}
	switch n, err := p.zstd.Read(p.buf[:1]); {
	case n > 0:
		return corrupt("pack: it goes on behind its declared size")
	case !errors.Is(err, io.EOF):
		return p.blame(err)
	}
	if got := p.sum.Sum(nil); [32]byte(got) != want {
		return corrupt("pack: the plain stream has the SHA-256 %x; want %x", got, want)
	}
	return p.packed.finish()
}

// packedReader reads the pack up to its trailer, which it keeps back and compares with what it read.
type packedReader struct {
	r    io.Reader
	buf  []byte // buf[at:end] is to be given out, except for its last trailerSize bytes
	at   int
	end  int
	left int64 // bytes that a pack of this plain size can have yet
	crc  uint32
	err  error // of r, other than io.EOF; or a pack that is too long
	eof  bool
}

// reset begins a pack. It may be a sixteenth longer than its plain stream: far more than raw blocks of zstd need, and
// an end for streams of empty frames, which would never give a byte.
func (p *packedReader) reset(r io.Reader, plain int64) {
	*p = packedReader{r: r, buf: p.buf, left: plain + plain/16 + 4096}
}

// Read gives bytes before the trailer.
func (p *packedReader) Read(b []byte) (int, error) {
	for p.end-p.at <= trailerSize {
		if p.err != nil {
			return 0, p.err
		}
		if p.eof {
			return 0, io.EOF
		}
		p.fill()
	}
	n := copy(b, p.buf[p.at:p.end-trailerSize])
	p.crc = crc32.Update(p.crc, castagnoli, b[:n])
	p.at += n
	return n, nil
}

func (p *packedReader) fill() {
	p.end = copy(p.buf, p.buf[p.at:p.end])
	p.at = 0
	n, err := io.ReadAtLeast(p.r, p.buf[p.end:], 1)
	p.end += n
	p.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF):
		p.eof = true
	case err != nil:
		p.err = fmt.Errorf("read pack: %w", err)
	case p.left < 0:
		p.err = corrupt("pack: it is longer than its plain stream can make it")
	}
}

// finish compares the trailer, after Read has returned io.EOF.
func (p *packedReader) finish() error {
	if want := trailerOf(p.crc); !bytes.Equal(p.buf[p.at:p.end], want[:]) {
		return corrupt("pack: the checksum at its end is wrong")
	}
	return nil
}

// bigEndianSize reads the length that stands before an object. Lengths above 2^63 become negative: no object has them.
func bigEndianSize(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) } //nolint:gosec // see above
