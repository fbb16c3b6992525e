package files

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"holdfast/internal/fault"
	"holdfast/internal/link"
)

// refuse answers a request for a file that is not served, for a person who followed a link: a line of text, the code in
// a header. Nothing in it depends on more than the error.
func (f *Files) refuse(w http.ResponseWriter, r *http.Request, err error) {
	o, status, text := notFound, http.StatusNotFound, "not found\n"
	switch {
	case errors.Is(err, link.ErrNotLink):
	case errors.Is(err, link.ErrRefused):
		o, status, text = refused, http.StatusForbidden, sentence(link.ErrRefused)
	case errors.Is(err, link.ErrExpired):
		o, status, text = expired, http.StatusForbidden, sentence(link.ErrExpired)
	case errors.Is(err, context.Canceled):
		return // the visitor is gone
	default:
		o, status, text = unavailable, http.StatusServiceUnavailable, "the file cannot be read right now; try again soon\n"
		w.Header().Set("Retry-After", retryAfter)
		f.log.ErrorContext(r.Context(), "file cannot be served", "error", err)
	}
	f.links.count(o)
	h := w.Header()
	setSafe(h)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Holdfast-Error", codeOf(o))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text)) // as for every answer: the visitor may be gone
	}
}

func sentence(e *fault.Error) string { return e.Error() + ": " + e.Hint + "\n" }

func codeOf(o outcome) string {
	switch o {
	case refused:
		return link.ErrRefused.Code
	case expired:
		return link.ErrExpired.Code
	case unavailable:
		return "unavailable"
	}
	return link.ErrNotLink.Code
}
