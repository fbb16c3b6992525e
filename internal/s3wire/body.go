package s3wire

import (
	"io"
	"net/http"
)

// Payload is what a request says about its body in x-amz-content-sha256.
type Payload uint8

// The payloads.
const (
	PayloadUnsigned              Payload = iota // UNSIGNED-PAYLOAD, or nothing said
	PayloadHash                                 // hex digest of the whole body
	PayloadSignedChunks                         // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	PayloadSignedChunksTrailer                  // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	PayloadUnsignedChunksTrailer                // STREAMING-UNSIGNED-PAYLOAD-TRAILER
)

// String returns the header's value; "hash" for PayloadHash.
func (p Payload) String() string { panic("body follows") }

// Chunked reports whether the body is encoded as aws-chunked.
func (p Payload) Chunked() bool { panic("body follows") }

// BodyOptions say what the caller wants to know about a body besides what the client asked to be checked.
type BodyOptions struct {
	MaxSize int64 // a longer body is EntityTooLarge; 0: no limit
	MD5     bool  // have MD5 computed
	SHA256  bool  // have SHA-256 computed
	// Algorithm is computed if the client sent no checksum; "" for none.
	Algorithm Algorithm
	// Need refuses a body whose length is not announced with MissingContentLength.
	NeedLength bool
}

// Body is the decoded body of a request. Read returns io.EOF only when all that the client said about the body was
// found true, and an [*Error] in its place otherwise. It is for one goroutine.
type Body struct{}

// NewBody prepares to read the body of a verified (or anonymous) request. It reads nothing yet: bad headers are
// refused before the client is told to go on.
func NewBody(r *http.Request, a *Auth, o BodyOptions) (*Body, error) { panic("body follows") }

// Size returns the announced length of the decoded body in bytes; -1 when the client did not say.
func (b *Body) Size() int64 { panic("body follows") }

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) { panic("body follows") }

// N returns the bytes read so far.
func (b *Body) N() int64 { panic("body follows") }

// MD5 returns the digest of what was read, nil if it is not computed. It is final after io.EOF.
func (b *Body) MD5() []byte { panic("body follows") }

// SHA256 is like MD5.
func (b *Body) SHA256() []byte { panic("body follows") }

// Checksum returns the checksum that the client sent (verified) or that BodyOptions asked for; the zero Checksum if
// neither. It is final after io.EOF.
func (b *Body) Checksum() Checksum { panic("body follows") }

// Algorithm returns what Checksum will be of, known before the body is read; "" for none.
func (b *Body) Algorithm() Algorithm { panic("body follows") }

// ChunkWriter encodes a body as aws-chunked: the client's side.
type ChunkWriter struct{}

// NewChunkWriter returns a writer of the request's body, to be used after SignHeader returned the seed. payload must be
// Chunked. size is the chunk size in bytes, at least 8 KiB. trailer is the checksum to send at the end, "" for none.
func (s *Signer) NewChunkWriter(w io.Writer, payload Payload, seed string, r *http.Request, size int, trailer Algorithm) (*ChunkWriter, error) {
	panic("body follows")
}

// Write implements io.Writer.
func (c *ChunkWriter) Write(p []byte) (int, error) { panic("body follows") }

// Close writes the last chunk and the trailer. It does not close the writer below.
func (c *ChunkWriter) Close() error { panic("body follows") }
