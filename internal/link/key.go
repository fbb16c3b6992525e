package link

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"sync"

	"holdfast/internal/secret"
)

// version is the first field under every signature and the salt of the key derivation.
const version = "holdfast-link-1"

// Purpose separates the links that read from those that write.
type Purpose string

const (
	PurposeGet Purpose = "get"
	PurposePut Purpose = "put"
)

const (
	sigBytes = 16
	sigChars = 22 // base64url without padding
)

// Key signs and verifies the links of one bucket. It is immutable and safe for concurrent use.
type Key struct {
	id, bucket string
	epoch      int64
	secret     secret.String
	get, put   *signer
}

// NewKey derives the MAC keys of a bucket's link key. Deriving costs some microseconds, so keys are kept.
func NewKey(id, bucket string, epoch int64, s secret.String) (*Key, error) {
	switch {
	case !kidShape(id):
		return nil, badGrant("key id %q is not 1 to 16 of a-z0-9", id)
	case bucket == "" || strings.ContainsAny(bucket, ":/"):
		return nil, badGrant("bucket %q", bucket)
	case epoch < 0:
		return nil, badGrant("epoch %d is negative", epoch)
	case len(s.Reveal()) < sigBytes:
		return nil, badGrant("secret of key %s is shorter than %d bytes", id, sigBytes)
	}
	k := &Key{id: id, bucket: bucket, epoch: epoch, secret: s}
	k.get, k.put = k.derive(PurposeGet), k.derive(PurposePut)
	return k, nil
}

// ParseKey reads the text form that an application is given: "<kid>:<bucket>:<epoch>:<secret>".
func ParseKey(text secret.String) (*Key, error) {
	p := strings.SplitN(text.Reveal(), ":", 4)
	if len(p) != 4 {
		return nil, badGrant("key is not <kid>:<bucket>:<epoch>:<secret>")
	}
	epoch, err := strconv.ParseInt(p[2], 10, 64)
	if err != nil {
		return nil, badGrant("epoch %q is no number", p[2])
	}
	return NewKey(p[0], p[1], epoch, secret.New(p[3]))
}

// Text returns the form that ParseKey reads.
func (k *Key) Text() secret.String {
	return secret.New(k.id + ":" + k.bucket + ":" + strconv.FormatInt(k.epoch, 10) + ":" + k.secret.Reveal())
}

// ID returns the key's id, Bucket the bucket whose links it signs.
func (k *Key) ID() string     { return k.id }
func (k *Key) Bucket() string { return k.bucket }

// Same reports whether the key was made of this epoch and secret.
func (k *Key) Same(epoch int64, s secret.String) bool {
	return k.epoch == epoch && k.secret.Equal(s.Reveal())
}

// info is the context of the derivation (RFC 5869 section 3.2).
func (k *Key) info(p Purpose) []byte {
	b := field(nil, string(p))
	b = field(b, k.bucket)
	return field(b, strconv.FormatInt(k.epoch, 10))
}

func (k *Key) derive(p Purpose) *signer {
	out, err := hkdf.Key(sha256.New, []byte(k.secret.Reveal()), []byte(version), string(k.info(p)), sha256.Size)
	if err != nil {
		panic(err) // only a length above 255 hashes fails
	}
	return &signer{key: out, pool: sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, out)} }}}
}

// signer computes MACs under one derived key. Its pool saves keying the hash and growing a buffer for each link.
type signer struct {
	key  []byte
	pool sync.Pool
}

// mac is what one computation needs.
type mac struct {
	hash    hash.Hash
	message []byte
	sum     []byte
}

// sign returns the text of the signature over what message appends to its argument.
func (s *signer) sign(message func([]byte) []byte) (text [sigChars]byte) {
	m, _ := s.pool.Get().(*mac)
	m.message = message(m.message[:0])
	m.hash.Reset()
	m.hash.Write(m.message)
	m.sum = m.hash.Sum(m.sum[:0])
	base64.RawURLEncoding.Encode(text[:], m.sum[:sigBytes])
	s.pool.Put(m)
	return text
}

// verify compares text with text, so that a signature has one spelling only.
func (s *signer) verify(message func([]byte) []byte, sig string) bool {
	want := s.sign(message)
	return subtle.ConstantTimeCompare(want[:], []byte(sig)) == 1
}
