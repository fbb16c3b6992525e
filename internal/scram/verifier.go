package scram

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

const (
	// DefaultIterations is what PostgreSQL uses unless told otherwise.
	DefaultIterations = 4096
	// MaxIterations bounds what a verifier or a server may ask for.
	MaxIterations = 1_000_000

	prefix   = "SCRAM-SHA-256$"
	saltSize = 16   // bytes, like PostgreSQL
	maxSalt  = 1024 // bytes
)

// Keys are a verifier. They print as redacted; String alone tells them.
type Keys struct {
	StoredKey, ServerKey [sha256.Size]byte
	Salt                 []byte
	Iterations           int
}

// ParseVerifier reads a verifier as it stands in pg_authid: "SCRAM-SHA-256$4096:salt$stored:server".
func ParseVerifier(text string) (Keys, error) {
	rest, found := strings.CutPrefix(text, prefix)
	if !found {
		return Keys{}, badVerifier("it does not begin with " + prefix)
	}
	head, tail, found := strings.Cut(rest, "$")
	count, salt, haveSalt := strings.Cut(head, ":")
	stored, server, haveServer := strings.Cut(tail, ":")
	if !found || !haveSalt || !haveServer {
		return Keys{}, badVerifier("a part is missing")
	}
	n, ok := parseIterations(count)
	if !ok {
		return Keys{}, badVerifier(fmt.Sprintf("the iteration count is not between 1 and %d", MaxIterations))
	}
	k := Keys{Iterations: n}
	if k.Salt, ok = decode(salt); !ok || len(k.Salt) == 0 || len(k.Salt) > maxSalt {
		return Keys{}, badVerifier("the salt is not in base64, empty or too long")
	}
	if !decodeKey(k.StoredKey[:], stored) || !decodeKey(k.ServerKey[:], server) {
		return Keys{}, badVerifier("a key is not 32 bytes in base64")
	}
	return k, nil
}

func badVerifier(why string) error {
	return fault.New(fault.Invalid, ErrVerifier.Code, "this is no verifier of SCRAM-SHA-256: %s", why)
}

// parseIterations reads a count in plain decimal digits.
func parseIterations(s string) (int, bool) {
	if s == "" || len(s) > 7 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= MaxIterations
}

// decode reads base64 in its one strict form: padded, without line ends or stray bits.
func decode(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // which package base64 steps over
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil
}

func decodeKey(dst []byte, s string) bool {
	b, ok := decode(s)
	return ok && copy(dst, b) == len(dst) && len(b) == len(dst)
}

// String returns the verifier as it stands in pg_authid.
func (k Keys) String() string {
	enc := base64.StdEncoding.EncodeToString
	return prefix + strconv.Itoa(k.Iterations) + ":" + enc(k.Salt) + "$" + enc(k.StoredKey[:]) + ":" + enc(k.ServerKey[:])
}

// Format keeps package fmt from printing the keys, whatever the verb.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Redacted) }

// LogValue keeps slog from printing the keys.
func (k Keys) LogValue() slog.Value { return slog.StringValue(secret.Redacted) }

// MarshalText keeps encoders from writing the keys.
func (k Keys) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// Matches reports whether a password is the one that the verifier was made of. It computes as long as the iteration
// count asks.
func (k Keys) Matches(password string) bool {
	client, server, err := derive(password, k.Salt, k.Iterations)
	if err != nil {
		return false
	}
	stored := sha256.Sum256(client[:])
	same := hmac.Equal(stored[:], k.StoredKey[:])
	return hmac.Equal(server[:], k.ServerKey[:]) && same
}

// Equal reports whether both are the same verifier, in a time that does not depend on the keys.
func (k Keys) Equal(other Keys) bool {
	same := hmac.Equal(k.StoredKey[:], other.StoredKey[:])
	return hmac.Equal(k.ServerKey[:], other.ServerKey[:]) && same &&
		bytes.Equal(k.Salt, other.Salt) && k.Iterations == other.Iterations
}

// NewVerifier makes a verifier of a password with a new salt. The password is prepared by SASLprep (RFC 4013); if it
// cannot be, because it is no UTF-8 or holds forbidden characters, its bytes are taken as they are, as PostgreSQL does.
func NewVerifier(password string, iterations int) (Keys, error) {
	if password == "" {
		return Keys{}, fault.New(fault.Usage, "scram_password", "an empty password is none: clients do not send it")
	}
	if iterations < 1 || iterations > MaxIterations {
		return Keys{}, fault.New(fault.Usage, "scram_iterations", "an iteration count of %d is not between 1 and %d", iterations, MaxIterations)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	client, server, err := derive(password, salt, iterations)
	if err != nil {
		return Keys{}, err
	}
	return Keys{StoredKey: sha256.Sum256(client[:]), ServerKey: server, Salt: salt, Iterations: iterations}, nil
}

// Mock returns a verifier for a user who does not exist, or has none. No password fits. Salt and count look like those
// of a real verifier and are the same each time for one name, so that nobody learns which names exist; the caller sets
// another count if the real ones have it. The seed must outlive the process, or a restart tells.
func Mock(seed [32]byte, user string) Keys {
	salt := digest(seed[:], "salt\x00"+user)
	return Keys{
		StoredKey:  digest(seed[:], "stored\x00"+user),
		ServerKey:  digest(seed[:], "server\x00"+user),
		Salt:       salt[:saltSize],
		Iterations: DefaultIterations,
	}
}
