package lifecycle

import (
	"context"
	"time"
)

// Wake is a flag that one goroutine waits for: raising it twice before it is seen counts once. Receive from it to see it.
type Wake chan struct{}

// NewWake returns a flag that is down.
func NewWake() Wake { return make(Wake, 1) }

// Up raises the flag. It never blocks.
func (w Wake) Up() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// Every calls f at once, then after each pause or wake, until ctx ends. It is a [Loop] within a goroutine of a service.
func Every(ctx context.Context, pause time.Duration, w Wake, f func(ctx context.Context)) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for ctx.Err() == nil {
		f(ctx)
		timer.Reset(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w:
		}
	}
}
