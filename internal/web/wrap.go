package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"holdfast/internal/logging"
)

// Observer is told of every response, for metrics. The route is the pattern that matched.
type Observer interface {
	Observe(route string, status int, bytes int64, took time.Duration)
}

// LineObserver is an Observer that wants all that is told of a response, with the context of its request.
type LineObserver interface {
	ObserveLine(ctx context.Context, l Line)
}

// Wrap puts around a handler what every request gets; see the package comment. observe may be nil. Requests are logged
// at level debug, those that ended with a 5xx status at level error: a busy site does not log its every picture. A
// request that its client cancelled is none of these errors.
func Wrap(next http.Handler, log *slog.Logger, observe Observer) http.Handler {
	return &wrapper{next, Journal{log, observe}}
}

// Journal is where responses are told of, whoever sent them.
type Journal struct {
	Log     *slog.Logger
	Observe Observer // may be nil
}

// Line is what is told of a response.
type Line struct {
	Method, Route string
	Status        int
	Bytes         int64 // of the body
	Took          time.Duration
	Peer          string
}

// Level is the one at which a response with this status is logged.
func (j Journal) Level(status int) slog.Level {
	if status >= http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelDebug
}

// Write tells of a response. The context has its request's id.
func (j Journal) Write(ctx context.Context, l Line) {
	if all, ok := j.Observe.(LineObserver); ok {
		all.ObserveLine(ctx, l)
	} else if j.Observe != nil {
		j.Observe.Observe(l.Route, l.Status, l.Bytes, l.Took)
	}
	level := j.Level(l.Status)
	if !j.Log.Enabled(ctx, level) {
		return
	}
	// The path may hold a signed link, which is a secret while it lives: the route is logged in its place.
	j.Log.LogAttrs(ctx, level, "request",
		slog.String("method", l.Method), slog.String("route", l.Route), slog.Int("status", l.Status),
		slog.Int64("sent_bytes", l.Bytes), slog.Duration("took", l.Took), slog.String("peer", l.Peer))
}

type wrapper struct {
	next    http.Handler
	journal Journal
}

func (h *wrapper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	id := logging.RequestIDOf(r.Header)
	r = r.WithContext(logging.WithRequestID(r.Context(), id))
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = keepReading(w, r.Body)
	}
	rec := NewRecorder(w)
	rec.request = r
	rec.Header().Set(logging.RequestIDHeader, id)
	defer h.finish(rec, r, began)
	defer func() {
		if p := recover(); p != nil {
			h.panicked(rec, r, p)
		}
	}()
	h.next.ServeHTTP(rec, r)
}

// panicked answers for a handler that broke off. A response under way is cut, so that nobody takes half of it for the
// whole.
func (h *wrapper) panicked(rec *Recorder, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	h.journal.Log.ErrorContext(r.Context(), "handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if rec.Started() {
		panic(http.ErrAbortHandler)
	}
	http.Error(rec, "internal error, request "+rec.Header().Get(logging.RequestIDHeader), http.StatusInternalServerError)
}

func (h *wrapper) finish(rec *Recorder, r *http.Request, began time.Time) {
	h.journal.Write(r.Context(), Line{
		Method: r.Method, Route: route(r), Status: outcome(rec), Bytes: rec.Bytes(),
		Took: time.Since(began), Peer: r.RemoteAddr,
	})
}

// statusGone stands in the log, and is sent to nobody, for a request whose client went away before it was answered; nginx
// writes the same.
const statusGone = 499

// outcome returns the status for the log. A failure that was answered after the client had gone is the client's end and
// not ours: whatever was under way was cancelled for it.
func outcome(rec *Recorder) int {
	if rec.gone && rec.Status() >= http.StatusInternalServerError || !rec.Started() && rec.cancelled() {
		return statusGone
	}
	return rec.Status()
}

// route returns the pattern that matched, which holds no value of the request.
func route(r *http.Request) string {
	if r.Pattern != "" {
		return r.Pattern
	}
	return "none"
}
