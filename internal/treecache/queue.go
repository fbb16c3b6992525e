package treecache

import (
	"context"
	"sync"
)

// queue is a lock for each name within the process, so that its goroutines do not poll against each other.
type queue struct {
	mu    sync.Mutex // mu protects the following
	lines map[string]*line
}

type line struct {
	turn chan struct{} // holds one element while somebody has the lock
	n    int           // how many have it or wait for it; protected by queue.mu
}

// lock waits for its turn.
func (q *queue) lock(ctx context.Context, name string) (unlock func(), err error) {
	l := q.join(name)
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; q.leave(name, l) }, nil
	case <-ctx.Done():
		q.leave(name, l)
		return nil, context.Cause(ctx)
	}
}

// try takes the lock if it is free.
func (q *queue) try(name string) (unlock func(), ok bool) {
	l := q.join(name)
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; q.leave(name, l) }, true
	default:
		q.leave(name, l)
		return nil, false
	}
}

func (q *queue) join(name string) *line {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lines == nil {
		q.lines = map[string]*line{}
	}
	l := q.lines[name]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
		q.lines[name] = l
	}
	l.n++
	return l
}

func (q *queue) leave(name string, l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.n--; l.n == 0 {
		delete(q.lines, name)
	}
}

// flights joins goroutines that want the same thing made: the first makes it, the others share the outcome.
type flights struct {
	mu  sync.Mutex // mu protects the following
	all map[string]*flight
}

type flight struct {
	done chan struct{} // closed when err is set
	err  error
}

// enter returns the flight of the name, and whether the caller is the one to fly it.
func (f *flights) enter(name string) (*flight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.all[name]; fl != nil {
		return fl, false
	}
	if f.all == nil {
		f.all = map[string]*flight{}
	}
	fl := &flight{done: make(chan struct{})}
	f.all[name] = fl
	return fl, true
}

// land ends a flight. Its outcome is for those who wait now; nobody remembers it.
func (f *flights) land(name string, fl *flight, err error) {
	f.mu.Lock()
	delete(f.all, name)
	f.mu.Unlock()
	fl.err = err
	close(fl.done)
}
