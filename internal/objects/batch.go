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

	// late is told when the first worker takes long over a batch, stuck while it does. Then the others help.
	late  chan struct{}
	stuck atomic.Bool
}

// patience is how long a batch may take before another one is begun beside it: longer than PostgreSQL and its disk need as a
// rule. One batch at a time is larger and costs less; a batch that waits for a lock must not hold up all others.
const patience = 10 * time.Millisecond

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
		late: make(chan struct{}, 1),
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
	for b.next(ctx, calls) {
	}
}

// lead is work for the first worker of a crew whose others only help.
func (b *batcher[T, R]) lead(ctx context.Context) {
	calls := make([]*call[T, R], 0, b.max)
	late := time.AfterFunc(time.Hour, func() {
		b.stuck.Store(true)
		select {
		case b.late <- struct{}{}:
		default:
		}
	})
	defer late.Stop()
	late.Stop()
	for b.nextTimed(ctx, calls, late) {
	}
}

// help answers calls while the first worker takes long.
func (b *batcher[T, R]) help(ctx context.Context) {
	calls := make([]*call[T, R], 0, b.max)
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.late:
		}
		for b.stuck.Load() && b.next(ctx, calls) {
		}
	}
}

// next answers one batch when there is one. It reports whether to go on. calls is room for the batch.
func (b *batcher[T, R]) next(ctx context.Context, calls []*call[T, R]) bool {
	return b.nextTimed(ctx, calls, nil)
}

func (b *batcher[T, R]) nextTimed(ctx context.Context, calls []*call[T, R], late *time.Timer) bool {
	select {
	case <-ctx.Done():
		return false
	case c := <-b.queue:
		calls = b.take(append(calls[:0], c))
	}
	defer clear(calls)
	if len(calls) == 0 {
		return true
	}
	if late != nil {
		late.Reset(patience)
	}
	b.answer(context.WithoutCancel(ctx), calls)
	if late != nil {
		late.Stop()
		b.stuck.Store(false)
	}
	return true
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
