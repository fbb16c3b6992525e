package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"holdfast/internal/fault"
)

// MaxRequest bounds the JSON of a request in bytes.
const MaxRequest = 1 << 20

// Handle makes a handler of a function from request to answer. An empty body is an empty request.
func Handle[Req, Resp any](f func(context.Context, Req) (Resp, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req Req
		if err := Decode(http.MaxBytesReader(w, r.Body, MaxRequest), &req); err != nil {
			WriteError(w, err)
			return
		}
		resp, err := f(r.Context(), req)
		if err != nil {
			WriteError(w, err)
			return
		}
		WriteJSON(w, http.StatusOK, resp)
	})
}

// Empty is the request or answer that says nothing.
type Empty struct{}

// Decode reads the one JSON object of a request, for handlers that do not answer with one. An empty body is an empty request.
func Decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && d.More() {
		err = errors.New("more than one JSON value")
	}
	if err != nil {
		return fault.New(fault.Usage, "bad_request", "request: %w", err).
			WithHint("send one JSON object with the documented fields")
	}
	return nil
}

// WriteJSON answers with a value. A value that cannot be encoded is a bug and panics before anything is sent.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client is gone: nobody is left to tell
}
