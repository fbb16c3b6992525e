package lifecycle

import (
	"context"
	"errors"
	"sync"
)

// ErrStopped is what Start returns when Stop was called before the service was ready.
var ErrStopped = errors.New("stopped while starting")

// Base keeps the state that makes a service keep the contract of this package, restarts included. A service holds one
// and passes its own two halves:
//
//	func (s *Service) Start(ctx context.Context) error { return s.base.Start(ctx, s.open) }
//	func (s *Service) Stop(ctx context.Context) error  { return s.base.Stop(ctx, s.drain) }
//
// Goroutines are started with [Base.Go], which gives them a context that ends with the service. A goroutine of the
// service must not call its Stop: it would wait for itself. The zero value is ready to use.
type Base struct {
	mu  sync.Mutex
	run *run // nil while nothing runs; mu protects it and the fields of run that say so
}

// run is one life of a service, from Start to the end of Stop.
type run struct {
	life    context.Context // ends when goroutines are to end
	cut     context.CancelFunc
	abandon context.CancelCauseFunc // ends the context of the starting
	ready   chan struct{}           // closed when the starting is over, with startErr
	done    chan struct{}           // closed when nothing runs any more, with stopErr

	startErr error // set before ready is closed
	stopErr  error // set before done is closed

	stopping bool           // protected by Base.mu: somebody stops it already
	closed   bool           // protected by Base.mu: no goroutine may join any more
	work     sync.WaitGroup // joined under Base.mu only
}

// Start calls open, which returns when the service is ready or with the reason why not, having closed what it opened
// itself. If the service runs, Start returns nil; if it is being started, Start waits for that and shares its outcome;
// if it is being stopped, Start waits for that first. Goroutines that a failed open left are ended and waited for.
func (b *Base) Start(ctx context.Context, open func(ctx context.Context) error) error {
	for {
		r, mine := b.enter(ctx)
		if mine != nil {
			return b.open(mine, r, open)
		}
		wait := r.ready
		if b.isStopping(r) {
			wait = r.done
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if wait == r.ready {
			return r.startErr
		}
	}
}

// enter returns the present run, or makes one; then it returns the context of the starting, too.
func (b *Base) enter(ctx context.Context) (*run, context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.run != nil {
		return b.run, nil
	}
	starting, abandon := context.WithCancelCause(ctx)
	life, cut := context.WithCancel(context.Background())
	b.run = &run{
		life: life, cut: cut, abandon: abandon,
		ready: make(chan struct{}), done: make(chan struct{}),
	}
	return b.run, starting
}

func (b *Base) open(ctx context.Context, r *run, open func(ctx context.Context) error) error {
	err := open(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrStopped) {
		err = errors.Join(ErrStopped, err)
	}
	r.abandon(nil)
	r.startErr = err
	if err != nil {
		b.end(r)
	}
	close(r.ready)
	return err
}

// Stop calls drain, which ends politely what the service does until its context ends and may be nil; then it ends the
// context of the goroutines and waits for them. When ctx ends before drain returns, the goroutines' context ends, too.
// A Stop that finds another one at work waits for it and returns its error.
func (b *Base) Stop(ctx context.Context, drain func(ctx context.Context) error) error {
	r, first := b.claim()
	if r == nil {
		return nil
	}
	<-r.ready
	defer context.AfterFunc(ctx, r.cut)()
	if first && r.startErr == nil {
		if drain != nil {
			r.stopErr = drain(ctx)
		}
		b.end(r)
	}
	<-r.done
	return r.stopErr
}

// claim returns the present run, and whether the caller is the one to stop it. A starting is abandoned.
func (b *Base) claim() (r *run, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.run == nil {
		return nil, false
	}
	first = !b.run.stopping
	b.run.stopping = true
	b.run.abandon(ErrStopped)
	return b.run, first
}

// end ends the goroutines of a run, waits for them, and makes room for the next run.
func (b *Base) end(r *run) {
	b.mu.Lock()
	r.closed = true
	b.mu.Unlock()
	r.cut()
	r.work.Wait()
	b.mu.Lock()
	b.run = nil
	b.mu.Unlock()
	close(r.done)
}

func (b *Base) isStopping(r *run) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.stopping
}

// Go runs f in a goroutine that Stop waits for; its context ends when the service stops. It reports false, and does
// not run f, when the service does not run any more; within open it always runs f.
func (b *Base) Go(f func(ctx context.Context)) bool {
	life, release, ok := b.Hold()
	if !ok {
		return false
	}
	go func() { // Stop waits for it in end: Hold joined the run's WaitGroup
		defer release()
		f(life)
	}()
	return true
}

// Hold lets a goroutine that the service did not start, such as that of an HTTP request, count as one of the service's
// until release is called. The context ends when the service stops. It reports false when the service does not run.
func (b *Base) Hold() (life context.Context, release func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.run
	if r == nil || r.closed {
		return nil, nil, false
	}
	r.work.Add(1)
	return r.life, r.work.Done, true
}
