package s3wire

import (
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strconv"

	"holdfast/internal/fault"
)

// ChunkWriter encodes a body as aws-chunked: the client's side.
type ChunkWriter struct {
	w       io.Writer
	payload Payload
	signer  *chunkSigner // nil: not signed
	buf     []byte       // the chunk being filled, with room for the line end behind it
	size    int
	head    []byte
	trailer Algorithm
	sum     hash.Hash // of all data, for the trailer
}

// NewChunkWriter returns a writer of the request's body, to be used after SignHeader returned the seed. payload must be
// Chunked. size is the chunk size in bytes, at least 8 KiB. trailer is the checksum to send at the end, "" for none.
func (s *Signer) NewChunkWriter(w io.Writer, payload Payload, seed string, r *http.Request, size int, trailer Algorithm) (*ChunkWriter, error) {
	if !payload.Chunked() || trailer != "" && !payload.Trailer() || size < minChunk {
		return nil, fault.New(fault.Usage, "s3_chunk_encoding", "encode chunks: %s with chunks of %d bytes and trailer %q", payload, size, trailer)
	}
	c := &ChunkWriter{w: w, payload: payload, size: size, trailer: trailer, sum: trailer.New()}
	c.buf = make([]byte, 0, size+2)
	if payload.signedChunks() {
		a := Auth{stamp: r.Header.Get("X-Amz-Date")}
		if len(a.stamp) < 8 || !a.setSignature(seed) {
			return nil, fault.New(fault.Usage, "s3_chunk_encoding", "encode chunks: the request is not signed")
		}
		day := a.stamp[:8]
		a.scope = day + "/" + s.region() + "/" + service + "/" + terminator
		a.key = newSignKey(s.Secret, day, s.region())
		c.signer = newChunkSigner(&a)
	}
	return c, nil
}

// Write implements io.Writer.
func (c *ChunkWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		room := min(c.size-len(c.buf), len(p))
		c.buf = append(c.buf, p[:room]...)
		p = p[room:]
		n += room
		if len(c.buf) == c.size {
			if err := c.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Close writes the last chunk and the trailer. It does not close the writer below.
func (c *ChunkWriter) Close() error {
	if len(c.buf) > 0 {
		if err := c.flush(); err != nil {
			return err
		}
	}
	c.header()
	c.head = append(c.head, c.tail()...)
	_, err := c.w.Write(append(c.head, '\r', '\n'))
	return err
}

// flush writes the chunk in the buffer.
func (c *ChunkWriter) flush() error {
	c.header()
	if c.sum != nil {
		c.sum.Write(c.buf)
	}
	if _, err := c.w.Write(c.head); err != nil {
		return err
	}
	if _, err := c.w.Write(append(c.buf, '\r', '\n')); err != nil {
		return err
	}
	c.buf = c.buf[:0]
	return nil
}

// header makes the header of the chunk in the buffer; an empty buffer makes the last one.
func (c *ChunkWriter) header() {
	c.head = strconv.AppendInt(c.head[:0], int64(len(c.buf)), 16)
	if c.signer != nil {
		c.signer.data.Write(c.buf)
		c.signer.next()
		c.head = append(c.head, ";chunk-signature="...)
		c.head = append(c.head, c.signer.last[:]...)
	}
	c.head = append(c.head, '\r', '\n')
}

// tail makes the trailer.
func (c *ChunkWriter) tail() (t []byte) {
	if !c.payload.Trailer() {
		return nil
	}
	var signed []byte
	if c.trailer != "" {
		field := c.trailer.headerName() + ":" + base64.StdEncoding.EncodeToString(c.sum.Sum(nil))
		t = append(t, field+"\r\n"...)
		signed = []byte(field + "\n")
	}
	if c.signer != nil {
		c.signer.nextTrailer(signed)
		t = append(t, trailerSignature+":"...)
		t = append(t, c.signer.last[:]...)
		t = append(t, '\r', '\n')
	}
	return t
}

// EncodedSize returns the length of a body of n bytes as ChunkWriter encodes it: its Content-Length.
func EncodedSize(payload Payload, n int64, size int, trailer Algorithm) int64 {
	signature := int64(0)
	if payload.signedChunks() {
		signature = int64(len(";chunk-signature=") + hex.EncodedLen(32))
	}
	chunk := func(n int64) int64 { return int64(len(strconv.FormatInt(n, 16))) + signature + 2 + n + 2 }
	total := n / int64(size) * chunk(int64(size))
	if rest := n % int64(size); rest > 0 {
		total += chunk(rest)
	}
	total += chunk(0)
	if trailer != "" {
		total += int64(len(trailer.headerName()) + 1 + base64.StdEncoding.EncodedLen(trailer.Size()) + 2)
	}
	if payload == PayloadSignedChunksTrailer {
		total += int64(len(trailerSignature) + 1 + hex.EncodedLen(32) + 2)
	}
	return total
}
