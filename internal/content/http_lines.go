package content

import (
	"encoding/json"
	"net/http"
	"sync"
)

// lines writes JSON objects to a response, one to a line, each at once. Who has gone away hears nothing, which ends the
// request's context.
type lines[T any] struct {
	mu      sync.Mutex // held while a line is written
	encoder *json.Encoder
	flusher *http.ResponseController
}

func newLines[T any](w http.ResponseWriter) *lines[T] {
	return &lines[T]{encoder: json.NewEncoder(w), flusher: http.NewResponseController(w)}
}

func (l *lines[T]) send(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.encoder.Encode(v) == nil {
		_ = l.flusher.Flush()
	}
}
