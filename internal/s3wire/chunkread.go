package s3wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

const (
	// minChunk is the least size of a chunk that is not the last one, in bytes.
	minChunk = 8192
	// chunkBuffer holds a chunk's header or a trailer line; longer ones are refused. Data passes it by.
	chunkBuffer = 1024
	// maxDiscard is how much of a chunk that exceeds the announced length is read to see whether it is a chunk at all.
	maxDiscard = 64 << 10
)

// chunkReader decodes aws-chunked:
//
//	chunk   = size-in-hex [";chunk-signature=" 64 hex] CRLF data CRLF
//	last    = "0" [";chunk-signature=" 64 hex] CRLF
//	body    = *chunk last [trailer] CRLF
//	trailer = name ":" value (LF | CRLF) [CRLF] ["x-amz-trailer-signature:" 64 hex CRLF]
//
// Each signature covers the one before it, the first one that of the headers, so chunks can be neither dropped, swapped
// nor added. Data is handed out before the signature behind it is checked: it counts only when io.EOF comes.
type chunkReader struct {
	br       *bufio.Reader
	announce int64 // decoded length
	total    int64 // decoded so far, the current chunk included
	left     int64 // of the current chunk
	chunk    int   // number of the current chunk, from 1
	size     int64 // of the current chunk
	signer   *chunkSigner
	payload  Payload
	trailer  Algorithm // announced in x-amz-trailer, "" for none
	sum      Checksum  // found in the trailer
	done     bool
}

func newChunkReader(src io.Reader, a *Auth, size int64, trailer Algorithm) *chunkReader {
	c := &chunkReader{br: bufio.NewReaderSize(src, chunkBuffer), announce: size, payload: a.Payload, trailer: trailer}
	if a.Payload.signedChunks() {
		c.signer = newChunkSigner(a)
	}
	return c
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 && !c.done {
		return 0, nil
	}
	for c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.br.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.signer != nil {
		c.signer.data.Write(p[:n])
	}
	if err == nil && c.left == 0 {
		err = c.endChunk()
	}
	return n, broken(err)
}

// next reads the header of the next chunk. After the last one it reads the end of the body.
func (c *chunkReader) next() error {
	size, err := c.header()
	if err != nil {
		return err
	}
	if c.chunk > 0 && size > 0 && c.size < minChunk {
		return InvalidChunkSizeError.New().
			With("Chunk", strconv.Itoa(c.chunk+1)).With("BadChunkSize", strconv.FormatInt(c.size, 10))
	}
	if size > c.announce-c.total {
		return c.overrun(size)
	}
	c.chunk, c.size, c.left = c.chunk+1, size, size
	c.total += size
	if size > 0 {
		return nil
	}
	c.done = true
	if c.total != c.announce {
		return lengthMismatch()
	}
	return c.end()
}

// header reads "size;chunk-signature=…" and hands the signature to the signer.
func (c *chunkReader) header() (int64, error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	if line, err = trimCRLF(line); err != nil {
		return 0, err
	}
	if c.signer != nil {
		text, signature, ok := bytes.Cut(line, []byte(";chunk-signature="))
		if !ok || !c.signer.announce(signature) {
			return 0, truncated()
		}
		line = text
	}
	return parseHexSize(line)
}

// parseHexSize reads 1 to 15 hex digits: no length that HTTP can carry overflows.
func parseHexSize(text []byte) (n int64, err error) {
	if len(text) == 0 || len(text) > 15 {
		return 0, truncated()
	}
	for _, c := range text {
		if !isHex(c) {
			return 0, truncated()
		}
		n = n<<4 | int64(unhex(c))
	}
	return n, nil
}

// overrun answers a chunk that goes beyond the announced length: with a broken encoding if it is no chunk.
func (c *chunkReader) overrun(size int64) error {
	if size <= maxDiscard {
		if _, err := io.CopyN(io.Discard, c.br, size); err != nil {
			return broken(err)
		}
		if err := c.crlf(); err != nil {
			return err
		}
	}
	return lengthMismatch()
}

// endChunk reads the line end behind a chunk's data and checks its signature.
func (c *chunkReader) endChunk() error {
	if err := c.crlf(); err != nil {
		return err
	}
	if c.signer != nil {
		return c.signer.check()
	}
	return nil
}

// end reads all that follows the header of the last chunk.
func (c *chunkReader) end() error {
	if c.signer != nil {
		if err := c.signer.check(); err != nil {
			return err
		}
	}
	var err error
	if c.payload.Trailer() {
		err = c.readTrailer()
	} else {
		err = c.crlf()
	}
	if err != nil {
		return err
	}
	switch _, err := c.br.ReadByte(); {
	case err == nil:
		return truncated() // there is more
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// crlf reads the two bytes that must stand here.
func (c *chunkReader) crlf() error {
	for _, want := range [...]byte{'\r', '\n'} {
		got, err := c.br.ReadByte()
		if err != nil {
			return broken(err)
		}
		if got != want {
			return truncated()
		}
	}
	return nil
}

// line reads up to a line feed. What it returns is valid until the next read.
func (c *chunkReader) line() ([]byte, error) {
	line, err := c.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, truncated()
	}
	return line, broken(err)
}

func trimCRLF(line []byte) ([]byte, error) {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, truncated()
	}
	return text, nil
}

// broken turns the end of the input, where there must be more, into S3's answer.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return truncated()
	}
	return err
}
