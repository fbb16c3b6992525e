package objects

import (
	"context"
	"sync/atomic"
	"time"
)

// batcher gathers the calls of many goroutines into few. Each of its workers takes whatever waits, up to max calls, and
// answers them together; nobody waits for a batch to fill up. Under load batches grow by themselves.
type batcher[T, R any] struct {
	queue chan *call[T, R]
	max   int
	wait  time.Duration // bound of a call from do to answer
	run   func(ctx context.Context, items []T) []answer[R]
	// sure: once a worker took a call, its caller waits for the outcome even when the caller's context ends, because
	// it has to act on it.
	sure bool
	gone chan struct{} // closed when the workers have ended
}

// answer is the outcome of one call.
type answer[R any] struct {
	value R
	err   error
}

// call is one caller's item. taken settles who comes first: the worker, or a caller that gives up.
type call[T, R any] struct {
	item  T
	taken atomic.Bool
	done  chan answer[R]
}

func newBatcher[T, R any](wait time.Duration, sure bool, run func(context.Context, []T) []answer[R]) *batcher[T, R] {
	return &batcher[T, R]{
		queue: make(chan *call[T, R], 16*maxBatch), max: maxBatch, wait: wait, run: run, sure: sure, gone: make(chan struct{}),
	}
}

// do hands in an item and waits for its answer. When ctx ends first, the item was either never taken (then nothing was
// done), or, with sure, the answer is waited for.
func (b *batcher[T, R]) do(ctx context.Context, item T) (R, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.wait, errQueue)
	defer cancel()
	var none R
	c := &call[T, R]{item: item, done: make(chan answer[R], 1)}
	select {
	case b.queue <- c:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-b.gone:
		return none, errNotRunning
	}
	select {
	case a := <-c.done:
		return a.value, a.err
	case <-ctx.Done():
		if c.taken.CompareAndSwap(false, true) || !b.sure {
			return none, context.Cause(ctx)
		}
	case <-b.gone:
		if c.taken.CompareAndSwap(false, true) {
			return none, errNotRunning
		}
	}
	a := <-c.done // a worker has it: the answer comes within its own limits
	return a.value, a.err
}

// work answers calls until ctx ends. The batch in hand is finished; its time is bounded by run.
func (b *batcher[T, R]) work(ctx context.Context) {
	calls := make([]*call[T, R], 0, b.max)
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-b.queue:
			calls = b.take(append(calls[:0], c))
		}
		if len(calls) > 0 {
			b.answer(context.WithoutCancel(ctx), calls)
		}
		clear(calls)
	}
}

// take adds what waits in the queue, and drops calls whose caller gave up.
func (b *batcher[T, R]) take(calls []*call[T, R]) []*call[T, R] {
	if !calls[0].taken.CompareAndSwap(false, true) {
		calls = calls[:0]
	}
	for len(calls) < b.max {
		select {
		case c := <-b.queue:
			if c.taken.CompareAndSwap(false, true) {
				calls = append(calls, c)
			}
		default:
			return calls
		}
	}
	return calls
}

func (b *batcher[T, R]) answer(ctx context.Context, calls []*call[T, R]) {
	items := make([]T, len(calls))
	for i, c := range calls {
		items[i] = c.item
	}
	for i, a := range b.run(ctx, items) {
		calls[i].done <- a
	}
}
