package web

import (
	"context"
	"net"
	"sync"
	"time"

	"holdfast/internal/handover"
)

// quiet is a listener that can stop accepting before it is closed, and begins when it may.
type quiet struct {
	net.Listener
	opened    <-chan struct{}
	once, end sync.Once
	hushed    chan struct{}
	closed    chan struct{}
}

func newQuiet(ctx context.Context, l net.Listener) *quiet {
	return &quiet{Listener: l, opened: handover.From(ctx).Opened(), hushed: make(chan struct{}), closed: make(chan struct{})}
}

// Hush ends the accepting. Accept returns when the listener is closed.
func (q *quiet) Hush() {
	q.once.Do(func() {
		close(q.hushed)
		if l, ok := q.Listener.(interface{ SetDeadline(time.Time) error }); ok {
			_ = l.SetDeadline(time.Unix(1, 0))
		}
	})
}

// Accept implements net.Listener.
func (q *quiet) Accept() (net.Conn, error) {
	select {
	case <-q.opened:
	case <-q.closed:
		return nil, net.ErrClosed
	}
	c, err := q.Listener.Accept()
	select {
	case <-q.hushed:
	default:
		return c, err
	}
	if err == nil {
		return c, nil
	}
	<-q.closed
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (q *quiet) Close() error {
	q.end.Do(func() { close(q.closed) })
	return q.Listener.Close()
}
