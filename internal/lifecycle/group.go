package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// unwindLimit bounds the stopping of the parts that ran already when a later part could not start.
const unwindLimit = 15 * time.Second

// Part is a service with the name under which its errors are told.
type Part struct {
	Name    string
	Service Service
}

// Group is a service made of parts. They start in order and stop in reverse order.
type Group struct {
	base  Base
	parts []Part
}

// NewGroup returns a group of these parts.
func NewGroup(parts ...Part) *Group { return &Group{parts: parts} }

// Start starts the parts one after the other. When one fails, those that run are stopped in reverse order, within 15
// seconds, and the error names the part, and any part that did not stop well.
func (g *Group) Start(ctx context.Context) error { return g.base.Start(ctx, g.open) }

// Stop stops all parts in reverse order and joins their errors, each naming its part. Of the time until ctx's
// deadline, each part gets an equal share of what is left when its turn comes, so that one that hangs does not take
// the others' time to end politely.
func (g *Group) Stop(ctx context.Context) error {
	return g.base.Stop(ctx, func(ctx context.Context) error { return g.unwind(ctx, len(g.parts)) })
}

func (g *Group) open(ctx context.Context) error {
	for i, p := range g.parts {
		err := ctx.Err()
		if err == nil {
			err = p.Service.Start(ctx)
		}
		if err != nil {
			err = fmt.Errorf("start %s: %w", p.Name, err)
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), unwindLimit)
			defer cancel()
			return errors.Join(err, g.unwind(limited, i))
		}
	}
	return nil
}

// unwind stops the first n parts, the last of them first.
func (g *Group) unwind(ctx context.Context, n int) error {
	var all []error
	for ; n > 0; n-- {
		p := g.parts[n-1]
		part, cancel := share(ctx, n)
		if err := p.Service.Stop(part); err != nil {
			all = append(all, fmt.Errorf("stop %s: %w", p.Name, err))
		}
		cancel()
	}
	return errors.Join(all...)
}

// share returns a context that ends after an n-th of the time that is left until ctx's deadline.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(n))
}
