package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
)

// key is a digest, a key or a proof.
type key = [sha256.Size]byte

// derive returns the client key and the server key of a password (RFC 5802, section 3).
func derive(password string, salt []byte, iterations int) (client, server key, err error) {
	salted, err := pbkdf2.Key(sha256.New, prepare(password), salt, iterations, sha256.Size)
	if err != nil {
		return client, server, fmt.Errorf("derive SCRAM keys: %w", err)
	}
	return digest(salted, "Client Key"), digest(salted, "Server Key"), nil
}

// digest is HMAC-SHA-256.
func digest(k []byte, text string) (out key) {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(text))
	mac.Sum(out[:0])
	return out
}

func xor(a, b key) key {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}
