package assets

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Coding is a content coding (RFC 9110 section 8.4.1).
type Coding string

// The codings, in the order in which they are kept everywhere.
const (
	Identity Coding = "identity"
	Gzip     Coding = "gzip"
	Brotli   Coding = "br"
	Zstd     Coding = "zstd" // RFC 8878, and RFC 9659 for its window
)

const (
	// maxCompressed is the largest file, in bytes, that is compressed: more is held by no browser's patience.
	maxCompressed = 32 << 20
	// slowest is the largest file that brotli gets all its time for; it takes a second for each megabyte then.
	slowest = 4 << 20
	// zstdWindow is what every browser can decode (RFC 9659).
	zstdWindow = 8 << 20
)

// suffix is what a web server looks for beside a file: gzip_static and brotli_static of nginx, precompressed of Caddy.
func (c Coding) suffix() string {
	switch c {
	case Gzip:
		return ".gz"
	case Brotli:
		return ".br"
	case Zstd:
		return ".zst"
	}
	return ""
}

// codings are those besides identity.
func codings() []Coding { return []Coding{Gzip, Brotli, Zstd} }

// compress returns the content in a coding. The bytes depend on the content alone.
func compress(c Coding, content []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := compressor(c, &out, len(content))
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func compressor(c Coding, out io.Writer, size int) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return kgzip.NewWriterLevel(out, gzip.BestCompression)
	case Brotli:
		level := brotli.BestCompression
		if size > slowest {
			level = 9
		}
		return brotli.NewWriterLevel(out, level), nil
	case Zstd:
		return zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(zstdWindow), zstd.WithEncoderConcurrency(1))
	}
	return nil, fmt.Errorf("no such coding: %s", c)
}
