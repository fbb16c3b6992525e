package objects

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// sealer encrypts the secrets of access keys with AES-256-GCM. Its key is HKDF-SHA256 (RFC 5869) of files.master_key,
// without salt, with the info below. The id of the access key is associated data, so a sealed secret is of no use in
// another row. Sealed text: one byte 1 (the version), 12 bytes of nonce, ciphertext with tag.
type sealer struct{ aead cipher.AEAD } // aead is nil without a master key

const (
	sealInfo    = "holdfast access key 1"
	sealVersion = 1
)

var errNoMasterKey = fault.New(fault.Config, "master_key_missing", "files.master_key is not set").
	WithHint("holdfast init generates it; it must be the same on all machines")

func newSealer(master secret.String) *sealer {
	if master.IsZero() {
		return &sealer{}
	}
	key, err := hkdf.Key(sha256.New, []byte(master.Reveal()), nil, sealInfo, 32)
	if err != nil {
		panic(err) // only a length above 255 hashes fails
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only a wrong key length fails
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only a wrong block size fails
	}
	return &sealer{aead}
}

func (s *sealer) seal(id string, value Secret) ([]byte, error) {
	if s.aead == nil {
		return nil, errNoMasterKey
	}
	sealed := make([]byte, 1+s.aead.NonceSize(), 64+len(value.Reveal()))
	sealed[0] = sealVersion
	_, _ = rand.Read(sealed[1:])
	return s.aead.Seal(sealed, sealed[1:], []byte(value.Reveal()), []byte(id)), nil
}

func (s *sealer) open(id string, sealed []byte) (Secret, error) {
	if s.aead == nil {
		return Secret{}, errNoMasterKey
	}
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != sealVersion {
		return Secret{}, fault.New(fault.Invalid, "access_key_sealed", "secret of access key %s is sealed in a way this version does not know", id)
	}
	plain, err := s.aead.Open(nil, sealed[1:n], sealed[n:], []byte(id))
	if err != nil {
		return Secret{}, fault.New(fault.Config, "master_key_wrong", "secret of access key %s was sealed under another files.master_key", id).
			WithHint("set files.master_key to what it was when the key was made, or make new access keys")
	}
	return secret.New(string(plain)), nil
}
