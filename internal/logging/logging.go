package logging

import (
	"context"
	"io"
	"log/slog"
	"os"

	"holdfast/internal/fault"
)

// New returns a logger that writes to w as c says. A c that was not validated gets level info and JSON where it makes
// no sense. w is written to once for each event, by one goroutine at a time.
func New(c Config, w io.Writer) *slog.Logger {
	level, _ := c.level()
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: readable}
	if c.Format == "text" || c.Format == "" && isTerminal(w) {
		return slog.New(&handler{base: slog.NewTextHandler(w, options)})
	}
	return slog.New(&handler{base: slog.NewJSONHandler(w, options)})
}

// Err returns an attribute for an error: its text, and where it is one that somebody can act on, its code and hint.
func Err(err error) slog.Attr {
	attrs := []slog.Attr{slog.Any("error", err), slog.String("code", fault.CodeOf(err))}
	if hint := fault.HintOf(err); hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	return slog.Attr{Value: slog.GroupValue(attrs...)} // a group without a key is written inline
}

// readable writes durations as text, which JSON would have as nanoseconds without a unit.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// isTerminal reports whether w is a character device, as a terminal is.
func isTerminal(w io.Writer) bool {
	if t, ok := w.(*tee); ok {
		w = t.main
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// handler adds the request's id to what it hands on.
type handler struct {
	base  slog.Handler                      // without the groups
	steps []func(slog.Handler) slog.Handler // the groups, and attributes within them, in order
	ready slog.Handler                      // base with steps; nil when there are none
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.base.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	id := RequestID(ctx)
	switch {
	case h.ready == nil && id == "":
		return h.base.Handle(ctx, r)
	case h.ready == nil:
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
		return h.base.Handle(ctx, r)
	case id == "":
		return h.ready.Handle(ctx, r)
	}
	// Within a group, the id would become a member of it: it goes in below the group instead.
	next := h.base.WithAttrs([]slog.Attr{slog.String("request_id", id)})
	for _, step := range h.steps {
		next = step(next)
	}
	return next.Handle(ctx, r)
}

// WithAttrs adds to the present group, or to the top level as long as there is none.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if h.ready == nil {
		return &handler{base: h.base.WithAttrs(attrs)}
	}
	return h.step(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
}

// WithGroup opens a group.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.step(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

func (h *handler) step(f func(slog.Handler) slog.Handler) slog.Handler {
	last := h.ready
	if last == nil {
		last = h.base
	}
	steps := append(h.steps[:len(h.steps):len(h.steps)], f)
	return &handler{base: h.base, steps: steps, ready: f(last)}
}
