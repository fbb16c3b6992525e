package content

import (
	"context"
	"maps"
	"net/http"

	"holdfast/internal/control"
)

// Routes returns what browsers and git services reach, to be mounted on the edge: patterns of http.ServeMux.
func (c *Content) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /content-hook/{source}": http.HandlerFunc(c.serveWebhook),
		"GET " + urlPrefix:            http.HandlerFunc(c.serveFile), // /content/<source>/<commit>[~<expires>.<mac>]/<path>
	}
}

// SocketRoutes returns what applications on this machine reach through the content socket. What destroys anything is not
// among it.
func (c *Content) SocketRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/content/ensure":   control.Handle(c.Ensure),
		"POST /v1/content/release":  control.Handle(c.Release),
		"POST /v1/content/renew":    control.Handle(c.Renew),
		"POST /v1/content/prefetch": control.Handle(c.Prefetch),
		"POST /v1/content/revision": control.Handle(c.Revision),
		"POST /v1/content/url":      control.Handle(c.URL),
		"POST /v1/content/list":     control.Handle(c.List),
		"POST /v1/content/show":     control.Handle(c.Show),
		"POST /v1/content/stats":    control.Handle(c.Stats),
		"POST /v1/content/pin":      control.Handle(c.Pin),
		"POST /v1/content/unpin":    control.Handle(c.Unpin),
		"POST /v1/content/sync":     long(c.Sync), // with ?progress=1 a line for each step
	}
}

// calls are those of the SocketRoutes that the front of the socket answers itself.
func (c *Content) calls() map[string]frontCall {
	return map[string]frontCall{
		"POST /v1/content/ensure":   callOf(c.Ensure),
		"POST /v1/content/release":  callOf(c.Release),
		"POST /v1/content/renew":    callOf(c.Renew),
		"POST /v1/content/revision": callOf(c.Revision),
	}
}

// APIRoutes returns what administrators and their programs reach, to be mounted behind the admin token and on the control
// socket.
func (c *Content) APIRoutes() map[string]http.Handler {
	routes := c.SocketRoutes()
	maps.Copy(routes, map[string]http.Handler{
		"POST /v1/content/gc":    long(c.GC),
		"POST /v1/content/scrub": long(c.Scrub),
		"POST /v1/content/purge": long(c.Purge),
	})
	return routes
}

// Event is a line of a stream of long work: its progress, and at the end either its report or its error.
type Event[R any] struct {
	Progress string             `json:"progress,omitempty"`
	Report   *R                 `json:"report,omitempty"`
	Error    *control.ErrorBody `json:"error,omitempty"`
}

// long makes a handler of work that takes its time. It answers as any other call, or with ?progress=1 by a stream of
// events, a JSON object to a line.
func long[Q, R any](work func(context.Context, Q, func(string)) (R, error)) http.Handler {
	plain := control.Handle(func(ctx context.Context, q Q) (R, error) { return work(ctx, q, nil) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("progress") != "1" {
			plain.ServeHTTP(w, r)
			return
		}
		stream(w, r, work)
	})
}

func stream[Q, R any](w http.ResponseWriter, r *http.Request, work func(context.Context, Q, func(string)) (R, error)) {
	var q Q
	if err := control.Decode(http.MaxBytesReader(w, r.Body, control.MaxRequest), &q); err != nil {
		control.WriteError(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	lines := newLines[Event[R]](w)
	report, err := work(r.Context(), q, func(step string) { lines.send(Event[R]{Progress: step}) })
	if err != nil {
		body := control.Body(err, "")
		lines.send(Event[R]{Error: &body})
		return
	}
	lines.send(Event[R]{Report: &report})
}
