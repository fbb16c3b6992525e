package handover

import (
	"context"
	"net"
)

type key struct{}

// With returns a context in which features open their listeners through a table. It bounds nothing else.
func With(ctx context.Context, l *Listeners) context.Context { return context.WithValue(ctx, key{}, l) }

// From returns the table of a context, nil for none; a nil table is good for a process that hands nothing over.
func From(ctx context.Context) *Listeners {
	l, _ := ctx.Value(key{}).(*Listeners)
	return l
}

// Listen opens a listener through the table of the context: the inherited one of that name, or a new one.
func Listen(ctx context.Context, name string, open func(context.Context) (net.Listener, error)) (net.Listener, error) {
	return From(ctx).Listen(ctx, name, open)
}
