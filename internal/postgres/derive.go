package postgres

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Derive returns bytes that depend on the configuration's password and a purpose, and tell nothing of the password: all
// processes with the same configuration have the same. Without a password they are those of the purpose and the server's
// address alone.
func Derive(c Config, purpose string) [32]byte {
	mac := hmac.New(sha256.New, []byte(c.Password.Reveal()))
	_, _ = mac.Write([]byte("holdfast\x00" + purpose + "\x00" + c.Host + "\x00" + c.Name)) // it never fails
	return [32]byte(mac.Sum(nil))
}
