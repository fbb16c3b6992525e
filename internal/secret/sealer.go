package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// Sealer encrypts secrets that lie in the database, with AES-256-GCM. Its key is HKDF-SHA256 (RFC 5869) of a master key, without
// salt, with an info that says what is sealed. What one secret is for is associated data, so that it is of no use in another
// row. Sealed: one byte 1 (the version), 12 bytes of nonce, ciphertext with tag.
type Sealer struct{ aead cipher.AEAD }

const sealVersion = 1

var (
	// ErrSealVersion says that something was sealed by a newer version, or not by a Sealer.
	ErrSealVersion = errors.New("sealed in a way that this version does not know")
	// ErrUnsealed says that something was sealed under another master key or for something else, or was damaged.
	ErrUnsealed = errors.New("sealed under another master key, or damaged")
)

// NewSealer returns a sealer for one sort of secrets. The master key must not be empty.
func NewSealer(master String, info string) (*Sealer, error) {
	if master.IsZero() {
		return nil, errors.New("no master key to seal with")
	}
	key, err := hkdf.Key(sha256.New, []byte(master.Reveal()), nil, info, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Sealer{aead}, err
}

// Seal encrypts a value for a purpose.
func (s *Sealer) Seal(purpose string, value String) []byte {
	sealed := make([]byte, 1+s.aead.NonceSize(), 64+len(value.Reveal()))
	sealed[0] = sealVersion
	_, _ = rand.Read(sealed[1:]) // it never fails
	return s.aead.Seal(sealed, sealed[1:], []byte(value.Reveal()), []byte(purpose))
}

// Open decrypts what was sealed for the same purpose.
func (s *Sealer) Open(purpose string, sealed []byte) (String, error) {
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != sealVersion {
		return String{}, ErrSealVersion
	}
	plain, err := s.aead.Open(nil, sealed[1:n], sealed[n:], []byte(purpose))
	if err != nil {
		return String{}, ErrUnsealed
	}
	return New(string(plain)), nil
}
