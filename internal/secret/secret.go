// Package secret holds values that must not be seen: a string that prints, logs and encodes as "[redacted]",
// comparison in constant time, and generation from the system's randomness.
//
// The only way to the value is [String.Reveal], so that a reviewer can find every place where a secret is used with
// one search. Package config fills a field of type String from the setting itself, from its twin with the suffix
// "_file", or from the environment; the twin needs no field of its own.
package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"log/slog"
	"strings"
)

// Redacted is what a secret prints as. An empty secret prints as the empty string, so that "not set" can be seen.
const Redacted = "[redacted]"

// String is a secret text.
//
// The value stands behind a pointer, because fmt prints unexported fields of other structs without asking their
// methods: it then shows an address. Compare with Equal, not with ==.
type String struct{ value *string }

// New wraps a value.
func New(value string) String {
	if value == "" {
		return String{}
	}
	return String{&value}
}

// Generate returns a new secret of n random bytes (at least 16), encoded in lower-case base32 without padding, so that
// it survives shells, URLs and being read aloud.
func Generate(n int) String {
	b := make([]byte, max(n, 16))
	_, _ = rand.Read(b) // crypto/rand.Read never fails: it ends the process instead
	return New(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)))
}

// Reveal returns the value itself.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether no value is set.
func (s String) IsZero() bool { return s.value == nil }

// Equal compares with another value in constant time for equal lengths.
func (s String) Equal(other string) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other)) == 1
}

// String returns Redacted, or "" when no value is set.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// GoString keeps %#v from printing the field.
func (s String) GoString() string { return "secret.String(" + s.String() + ")" }

// LogValue keeps slog from printing the field.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes the redacted form: a secret never leaves through an encoder.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the value as it is.
func (s *String) UnmarshalText(b []byte) error {
	*s = New(string(b))
	return nil
}
