package content

import (
	"context"
	"time"
)

// wake is a flag that one goroutine waits for: raising it twice before it is seen counts once.
type wake chan struct{}

func newWake() wake { return make(wake, 1) }

func (w wake) up() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// every calls f at once, then after each pause or wake, until ctx ends.
func every(ctx context.Context, pause time.Duration, w wake, f func(ctx context.Context)) {
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
