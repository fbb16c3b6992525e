package certs

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// sealer encrypts private keys with AES-256-GCM. Its key is HKDF-SHA256 (RFC 5869) of files.master_key, without salt, with the
// info below. What the key is for is associated data, so a sealed key is of no use in another row. Sealed: one byte 1 (the version),
// 12 bytes of nonce, ciphertext with tag.
type sealer struct{ aead cipher.AEAD }

const (
	sealInfo    = "holdfast certificates 1"
	sealVersion = 1
)

func newSealer(master secret.String) (*sealer, error) {
	if master.IsZero() {
		return nil, fault.New(fault.Config, "master_key_missing", "files.master_key is not set, and certificates need it").
			WithHint("holdfast init generates it; it must be the same on all machines")
	}
	key, err := hkdf.Key(sha256.New, []byte(master.Reveal()), nil, sealInfo, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead}, err
}

// seal encrypts a key for a purpose.
func (s *sealer) seal(purpose string, key crypto.Signer) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 1+s.aead.NonceSize(), 64+len(plain))
	sealed[0] = sealVersion
	_, _ = rand.Read(sealed[1:]) // it never fails
	return s.aead.Seal(sealed, sealed[1:], plain, []byte(purpose)), nil
}

// open decrypts a key that was sealed for the same purpose.
func (s *sealer) open(purpose string, sealed []byte) (crypto.Signer, error) {
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != sealVersion {
		return nil, fault.New(fault.Invalid, "certificate_sealed", "the key is sealed in a way that this version does not know")
	}
	plain, err := s.aead.Open(nil, sealed[1:n], sealed[n:], []byte(purpose))
	if err != nil {
		return nil, fault.New(fault.Config, "master_key_wrong", "the key was sealed under another files.master_key").
			WithHint("set files.master_key to what it was when the certificate was ordered")
	}
	key, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}
