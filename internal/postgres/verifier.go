package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// PostgreSQL's own figures (scram_iterations, SCRAM_DEFAULT_SALT_LEN).
const (
	scramIterations = 4096
	scramSalt       = 16 // bytes
)

// scramVerifier returns what a server stores of a password for SCRAM-SHA-256 (RFC 5803; PostgreSQL manual, pg_authid).
// Other characters than those of ASCII would have to be normalised first (RFC 4013); generated passwords have none.
func scramVerifier(password secret.String) (secret.String, error) {
	text := password.Reveal()
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return secret.String{}, fault.New(fault.Invalid, "password_characters", "the password has characters outside of ASCII").
				WithHint("write another one into its file, or remove the file so that one is generated")
		}
	}
	salt := make([]byte, scramSalt)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	salted, err := pbkdf2.Key(sha256.New, text, salt, scramIterations, sha256.Size)
	if err != nil {
		return secret.String{}, fmt.Errorf("derive key: %w", err)
	}
	stored := sha256.Sum256(scramKey(salted, "Client Key"))
	code := base64.StdEncoding.EncodeToString
	return secret.New(fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, code(salt), code(stored[:]), code(scramKey(salted, "Server Key")))), nil
}

// scramKey is HMAC(salted password, label) of RFC 5802, section 3.
func scramKey(salted []byte, label string) []byte {
	m := hmac.New(sha256.New, salted)
	m.Write([]byte(label))
	return m.Sum(nil)
}
