package lifecycle

import (
	"context"
	"errors"
	"time"
)

// Loop is a service made of one function, called again and again with a pause in between, the first time at once. A
// function that runs until its context ends is called once; should it return early, it is called again after the pause.
type Loop struct {
	base    Base
	pause   time.Duration
	run     func(ctx context.Context) error
	onError func(error)
	wake    chan struct{}
}

// NewLoop returns a Loop that calls run, pausing between the end of a call and the start of the next. Every error of
// run goes to onError, but a cancellation that is caused by Stop.
func NewLoop(pause time.Duration, run func(ctx context.Context) error, onError func(error)) *Loop {
	return &Loop{pause: pause, run: run, onError: onError, wake: make(chan struct{}, 1)}
}

// Start begins the loop; it is ready at once.
func (l *Loop) Start(ctx context.Context) error {
	return l.base.Start(ctx, func(context.Context) error {
		l.base.Go(l.loop)
		return nil
	})
}

// Stop ends the context of the call in progress and waits for it.
func (l *Loop) Stop(ctx context.Context) error { return l.base.Stop(ctx, nil) }

// Wake cuts the present or next pause short. It never blocks; several wakes before the next call count as one.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Loop) loop(ctx context.Context) {
	pause := time.NewTimer(l.pause)
	defer pause.Stop()
	for ctx.Err() == nil {
		if err := l.run(ctx); err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
			l.onError(err)
		}
		pause.Reset(l.pause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		case <-l.wake:
		}
	}
}
