package treepack

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A pack is one zstd frame, and behind it a frame that zstd skips: its magic, its length and the CRC-32C of all bytes
// before it, in little-endian. Any zstd program reads the plain stream; a torn or rotten pack is known without that.
const (
	trailerMagic = 0x184D2A5E
	trailerSize  = 12
	window       = 1 << 20 // of our encoder; readers allow maxWindow
	maxWindow    = 8 << 20
)

// writers holds *plainWriter: making an encoder costs more than packing a question.
var writers = sync.Pool{New: func() any {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(fmt.Sprintf("treepack: the options of the encoder: %v", err))
	}
	return &plainWriter{zstd: e, sum: sha256.New(), buf: make([]byte, copyBuffer)}
}}

// copyBuffer is how much of a blob is held on its way into a pack, in bytes.
const copyBuffer = 32 << 10

// plainWriter takes the plain stream and writes the pack.
type plainWriter struct {
	packed packedWriter
	zstd   *zstd.Encoder
	sum    hash.Hash
	plain  int64
	buf    []byte // for whoever copies into it
}

func newPlainWriter(w io.Writer) *plainWriter {
	p := writers.Get().(*plainWriter) //nolint:forcetypeassert // the pool has nothing else
	p.packed, p.plain = packedWriter{w: w}, 0
	p.sum.Reset()
	p.zstd.Reset(&p.packed)
	return p
}

// release gives the writer back, whatever state it is in.
func (p *plainWriter) release() {
	p.packed = packedWriter{}
	p.zstd.Reset(nil)
	writers.Put(p)
}

func (p *plainWriter) write(b []byte) error {
	p.sum.Write(b)
	p.plain += int64(len(b))
	if _, err := p.zstd.Write(b); err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	return nil
}

// object writes what stands before an object.
func (p *plainWriter) object(tag byte, size int64) error {
	head := objectHead(tag, size)
	return p.write(head[:])
}

// finish ends the pack and returns the sum and the size of the plain stream, and the size of the pack.
func (p *plainWriter) finish() (sum [32]byte, plain, packed int64, err error) {
	if err := p.zstd.Close(); err != nil {
		return sum, 0, 0, fmt.Errorf("write pack: %w", err)
	}
	trailer := trailerOf(p.packed.crc)
	if _, err := p.packed.Write(trailer[:]); err != nil {
		return sum, 0, 0, fmt.Errorf("write pack: %w", err)
	}
	p.sum.Sum(sum[:0])
	return sum, p.plain, p.packed.n, nil
}

func trailerOf(crc uint32) (t [trailerSize]byte) {
	binary.LittleEndian.PutUint32(t[0:], trailerMagic)
	binary.LittleEndian.PutUint32(t[4:], trailerSize-8)
	binary.LittleEndian.PutUint32(t[8:], crc)
	return t
}

// castagnoli is computed by an instruction of the processor.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// packedWriter counts and sums up what the encoder writes.
type packedWriter struct {
	w   io.Writer
	n   int64
	crc uint32
}

// Write passes bytes of the pack on.
func (p *packedWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	p.crc = crc32.Update(p.crc, castagnoli, b[:n])
	return n, err
}
