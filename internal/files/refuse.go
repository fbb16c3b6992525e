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
	o, status, text := refusal(err)
	if o == unavailable {
		if errors.Is(err, context.Canceled) {
			return // the visitor is gone
		}
		w.Header().Set("Retry-After", retryAfter)
		f.log.ErrorContext(r.Context(), "file cannot be served", "error", err)
	}
	f.links.count(o)
	h := w.Header()
	setRefusal(webFields(h), o)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text)) // as for every answer: the visitor may be gone
	}
}

// refusal returns how the error is answered. What is not one of a link's three means that the file cannot be read.
func refusal(err error) (o outcome, status int, text string) {
	switch {
	case errors.Is(err, link.ErrNotLink):
		return notFound, http.StatusNotFound, "not found\n"
	case errors.Is(err, link.ErrRefused):
		return refused, http.StatusForbidden, sentence(link.ErrRefused)
	case errors.Is(err, link.ErrExpired):
		return expired, http.StatusForbidden, sentence(link.ErrExpired)
	}
	return unavailable, http.StatusServiceUnavailable, "the file cannot be read right now; try again soon\n"
}

// setRefusal writes everything but Content-Length and Retry-After.
func setRefusal(h fields, o outcome) {
	setSafe(h, safePolicy, sameSite)
	h.set("Content-Type", "text/plain; charset=utf-8")
	h.set("Cache-Control", "no-store")
	h.set("X-Holdfast-Error", codeOf(o))
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
