package certs

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// sealInfo is what the key that seals private keys is derived for. Each is sealed for what it is the key of.
const sealInfo = "holdfast certificates 1"

// sealer encrypts private keys.
type sealer struct{ *secret.Sealer }

func newSealer(master secret.String) (sealer, error) {
	if master.IsZero() {
		return sealer{}, fault.New(fault.Config, "master_key_missing", "files.master_key is not set, and certificates need it").
			WithHint("holdfast init generates it; it must be the same on all machines")
	}
	s, err := secret.NewSealer(master, sealInfo)
	return sealer{s}, err
}

// seal encrypts a key for a purpose.
func (s sealer) seal(purpose string, key crypto.Signer) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return s.Seal(purpose, secret.New(string(plain))), nil
}

// open decrypts a key that was sealed for the same purpose.
func (s sealer) open(purpose string, sealed []byte) (crypto.Signer, error) {
	plain, err := s.Open(purpose, sealed)
	switch {
	case errors.Is(err, secret.ErrSealVersion):
		return nil, fault.New(fault.Invalid, "certificate_sealed", "the key is %w", err)
	case err != nil:
		return nil, fault.New(fault.Config, "master_key_wrong", "the key was sealed under another files.master_key").
			WithHint("set files.master_key to what it was when the certificate was ordered")
	}
	key, err := x509.ParsePKCS8PrivateKey([]byte(plain.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}
