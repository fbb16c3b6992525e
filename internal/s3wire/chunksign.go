package s3wire

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
)

// chunkSigner computes the chain of chunk signatures, for both sides. It allocates nothing per chunk.
type chunkSigner struct {
	key       *signKey
	stamp     string
	scope     string
	accessKey string
	data      hash.Hash // SHA-256 of the current chunk
	last      [64]byte  // signature before this one, in hex; the seed at first
	claimed   [64]byte  // signature that stands in the chunk's header
	trailer   []byte    // signature that stands in the trailer, nil until read
	text      []byte
	sum       [sha256.Size]byte
}

func newChunkSigner(a *Auth) *chunkSigner {
	s := &chunkSigner{key: a.key, stamp: a.stamp, scope: a.scope, accessKey: a.AccessKey, data: sha256.New()}
	hex.Encode(s.last[:], a.signature[:])
	return s
}

// announce takes the signature of the chunk that follows.
func (s *chunkSigner) announce(signature []byte) bool {
	if len(signature) != len(s.claimed) {
		return false
	}
	for _, c := range signature {
		if !isHex(c) {
			return false
		}
	}
	copy(s.claimed[:], signature)
	return true
}

// next computes the signature of the chunk whose data went through s.data, and makes it the last one.
func (s *chunkSigner) next() {
	s.begin(algorithmV4 + "-PAYLOAD")
	s.text = append(s.text, emptySHA256...) // stands for headers that chunks do not have
	s.text = append(s.text, '\n')
	s.text = hex.AppendEncode(s.text, s.data.Sum(s.sum[:0]))
	s.data.Reset()
	s.finish()
}

// nextTrailer computes the signature of the trailer's lines.
func (s *chunkSigner) nextTrailer(lines []byte) {
	s.begin(algorithmV4 + "-TRAILER")
	s.sum = sha256.Sum256(lines)
	s.text = hex.AppendEncode(s.text, s.sum[:])
	s.finish()
}

func (s *chunkSigner) begin(algorithm string) {
	s.text = append(s.text[:0], algorithm...)
	s.text = append(s.text, '\n')
	s.text = append(s.text, s.stamp...)
	s.text = append(s.text, '\n')
	s.text = append(s.text, s.scope...)
	s.text = append(s.text, '\n')
	s.text = append(s.text, s.last[:]...)
	s.text = append(s.text, '\n')
}

func (s *chunkSigner) finish() {
	s.key.sign(&s.sum, s.text)
	hex.Encode(s.last[:], s.sum[:])
}

// check compares the signature of the chunk just read with the one in its header.
func (s *chunkSigner) check() error {
	s.next()
	return s.compare(s.claimed[:])
}

func (s *chunkSigner) keepTrailer(signature []byte) error {
	if !s.announce(signature) {
		return truncated()
	}
	s.trailer = s.claimed[:]
	return nil
}

func (s *chunkSigner) checkTrailer(lines []byte) error {
	s.nextTrailer(lines)
	return s.compare(s.trailer)
}

func (s *chunkSigner) compare(claimed []byte) error {
	if subtle.ConstantTimeCompare(s.last[:], claimed) == 1 {
		return nil
	}
	return quote(s.accessKey, string(s.text), string(claimed))
}
