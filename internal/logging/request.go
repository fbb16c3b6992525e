package logging

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
)

// RequestIDHeader is the header in which a request's id comes in from a proxy and goes out with the answer.
const RequestIDHeader = "X-Request-Id"

// Bounds of an id that is taken from outside: what the usual proxies send, and nothing that could break a log line.
const (
	minRequestID = 8
	maxRequestID = 64
)

// requestIDKey is the key of a request's id in its context.
type requestIDKey struct{}

// NewRequestID returns a new random id: at least 128 bits as 26 characters of lower-case base32.
func NewRequestID() string { return strings.ToLower(rand.Text()) }

// WithRequestID returns a context whose log lines carry the id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id that the context carries, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// RequestIDOf returns the id that the header carries if it is well-formed, else a new one.
func RequestIDOf(h http.Header) string {
	if id := h.Get(RequestIDHeader); IsRequestID(id) {
		return id
	}
	return NewRequestID()
}

// IsRequestID reports whether an id from outside is well-formed: 8 to 64 ASCII letters, digits, hyphens, underscores and
// dots.
func IsRequestID(id string) bool {
	return len(id) >= minRequestID && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r)
	})
}
