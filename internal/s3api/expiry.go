package s3api

import (
	"net/http"
	"time"

	"holdfast/internal/unit"
)

// expiresInHeader gives an object a life of its own: "3600" seconds, "12h", "30d".
const expiresInHeader = "X-Holdfast-Expires-In"

// expiresAt reads the header; the zero time when it was not sent.
func (s *Server) expiresAt(h http.Header) (time.Time, error) {
	text := h.Get(expiresInHeader)
	if text == "" {
		return time.Time{}, nil
	}
	life, err := unit.ParseDuration(text)
	if err != nil || life <= 0 {
		return time.Time{}, invalidArgument("x-holdfast-expires-in", text, "The life of an object is a number of seconds or a time with units, as 90s, 12h or 30d.")
	}
	return s.now().Add(life.D()), nil
}

// expiration is the header x-amz-expiration of an object that ends: S3's answer for objects under a lifecycle rule.
func expiration(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return `expiry-date="` + httpTime(at) + `", rule-id="holdfast"`
}
