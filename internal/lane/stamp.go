package lane

import (
	"crypto/rand"
	"net/http"
	"time"

	"holdfast/internal/logging"
)

// clock keeps the text of the present second, for the field Date.
type clock struct {
	second int64
	text   []byte
}

func (k *clock) append(b []byte, now time.Time) []byte {
	if s := now.Unix(); s != k.second || k.text == nil {
		k.second = s
		k.text = now.UTC().AppendFormat(k.text[:0], http.TimeFormat)
	}
	return append(b, k.text...)
}

// ids makes request ids of random bytes that are fetched for many at a time.
type ids struct {
	pool [64 * idChars]byte
	left int
}

// idChars is the length of an id that we make: 26 characters of 32, so 130 bits. logging.NewRequestID has the same form.
const idChars = 26

// of returns the id that the request came with, if it is well-formed, else a new one.
func (s *ids) of(q *Request) string {
	if sent := q.Get(RequestID); sent != nil && logging.IsRequestID(string(sent)) {
		return string(sent)
	}
	if s.left == 0 {
		_, _ = rand.Read(s.pool[:]) // never fails
		s.left = len(s.pool)
	}
	id := s.pool[s.left-idChars : s.left]
	s.left -= idChars
	for i, c := range id {
		id[i] = "abcdefghijklmnopqrstuvwxyz234567"[c&31]
	}
	return string(id)
}
