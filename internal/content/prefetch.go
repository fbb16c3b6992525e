package content

import (
	"context"
	"fmt"
	"sync"
	"time"

	"holdfast/internal/lifecycle"
)

const (
	// followers is how many sources are brought up to date at the same time on one machine.
	followers = 2
	// followAgain is the pause before a prefetch that failed is tried again.
	followAgain = 5 * time.Second
	// patience with a revision that cannot be completed here, with switch_when_warm: then "current" is answered with it all
	// the same, and what lacks is waited for, or the error told.
	patience = time.Minute
)

// touched are the chunks of a source that were asked for on this machine.
type touched struct {
	mu   sync.Mutex // protects keys
	keys map[string]struct{}
}

// maxTouched bounds the keys that are remembered of a source.
const maxTouched = 50_000

func (t *touched) add(keys []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil || len(t.keys) > maxTouched {
		t.keys = make(map[string]struct{}, len(keys))
	}
	for _, k := range keys {
		t.keys[k] = struct{}{}
	}
}

// in returns those of the keys that a revision has.
func (t *touched) in(x *loaded) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for k := range t.keys {
		if _, ok := x.Chunk(k); ok {
			out = append(out, k)
		}
	}
	return out
}

// prefetcher brings the sources that are used on this machine up to date when something of them is published: their
// indexes, and of their chunks those that were asked for before. It is a lifecycle.Service, ready at once.
type prefetcher struct {
	r    *reader
	base lifecycle.Base

	mu     sync.Mutex // protects the following
	queue  []*sourceState
	queued map[*sourceState]bool
	since  map[*sourceState]pending
	wake   chan struct{}
}

// pending is a publication that is not complete here.
type pending struct {
	seq  int64
	seen time.Time
}

func newPrefetcher(r *reader) *prefetcher {
	return &prefetcher{
		r: r, queued: map[*sourceState]bool{}, since: map[*sourceState]pending{}, wake: make(chan struct{}, followers),
	}
}

// Start begins to follow.
func (p *prefetcher) Start(ctx context.Context) error {
	return p.base.Start(ctx, func(context.Context) error {
		for range followers {
			p.base.Go(p.work)
		}
		return nil
	})
}

// Stop breaks off what is being fetched.
func (p *prefetcher) Stop(ctx context.Context) error { return p.base.Stop(ctx, nil) }

// follow notes that a source has something new. It waits for nothing.
func (p *prefetcher) follow(s *sourceState) {
	if s.ready.Load() == nil || !p.r.used(s) {
		return // it will be read when it is asked for
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := s.known.Load(); known != nil && p.since[s].seq != known.Seq {
		p.since[s] = pending{known.Seq, time.Now()}
	}
	p.enqueue(s)
}

// enqueue puts a source in the queue. Callers must hold mu.
func (p *prefetcher) enqueue(s *sourceState) {
	if p.queued[s] {
		return
	}
	p.queued[s] = true
	p.queue = append(p.queue, s)
	select {
	case p.wake <- struct{}{}:
	default: // all are awake already
	}
}

// next takes a source off the queue, or returns nil.
func (p *prefetcher) next() *sourceState {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return nil
	}
	s := p.queue[0]
	p.queue = p.queue[1:]
	delete(p.queued, s)
	return s
}

func (p *prefetcher) work(ctx context.Context) {
	again := time.NewTicker(followAgain)
	defer again.Stop()
	for {
		for s := p.next(); s != nil && ctx.Err() == nil; s = p.next() {
			err := p.catchUp(ctx, s)
			if ctx.Err() == nil {
				p.r.c.trouble.Report("prefetch "+s.name, err)
			}
		}
		select {
		case <-p.wake:
		case <-again.C:
			p.retry()
		case <-ctx.Done():
			return
		}
	}
}

// retry takes up what could not be completed.
func (p *prefetcher) retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.since {
		p.enqueue(s)
	}
}

// catchUp fetches what is new of a source and then answers "current" with it.
func (p *prefetcher) catchUp(ctx context.Context, s *sourceState) error {
	known := s.known.Load()
	if known == nil || p.r.sources()[s.name] != s {
		return nil // it left the configuration
	}
	x, err := p.r.load(ctx, *known)
	if err != nil {
		return err
	}
	if keys := append(s.touched.in(x), p.r.prefetches(s)...); len(keys) > 0 {
		if _, err := p.r.warm(ctx, s, x, keys); err != nil {
			return err
		}
	}
	p.r.advance(s, known)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since[s].seq <= known.Seq {
		delete(p.since, s)
	}
	return nil
}

// forgetGone lets go of sources that left the configuration.
func (p *prefetcher) forgetGone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.since {
		if p.r.sources()[s.name] != s {
			delete(p.since, s)
		}
	}
}

// gaveUp reports whether a publication could not be completed here for so long that it is used incomplete.
func (p *prefetcher) gaveUp(s *sourceState, known *Publication) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, waiting := p.since[s]
	if !waiting || w.seq != known.Seq {
		if s.ready.Load().Seq < known.Seq && !waiting { // nobody has begun: the source was not in use until now
			p.since[s] = pending{known.Seq, time.Now()}
			p.enqueue(s)
		}
		return false
	}
	return time.Since(w.seen) > patience
}

// used reports whether a source was asked for on this machine lately.
func (r *reader) used(s *sourceState) bool {
	if len(r.prefetches(s)) > 0 {
		return true
	}
	at := s.used.Load()
	return at > 0 && time.Since(r.epoch)-time.Duration(at) < inUse
}

// warm puts chunks of a revision in place and keeps no lease.
func (r *reader) warm(ctx context.Context, s *sourceState, x *loaded, want []string) (PrefetchAnswer, error) {
	began := time.Now()
	chunks, absent, err := x.Closure(*x.preset, want)
	if err != nil {
		return PrefetchAnswer{}, fmt.Errorf("source %s: %w", s.name, err)
	}
	c := newClosure(chunks, absent)
	result, hold, err := r.put(ctx, x, c.chunks)
	if err != nil {
		return PrefetchAnswer{}, fmt.Errorf("prefetch revision %s of %s: %w", short(x.Commit.String()), s.name, err)
	}
	hold.Release()
	s.use.fetched.Add(result.Bytes)
	r.count.prefetched.Add(int64(len(result.Cold)))
	return PrefetchAnswer{
		Source: s.name, Revision: x.Commit.String(), Chunks: len(c.chunks), Fetched: len(result.Cold), Bytes: result.Bytes,
		TookMS: since(began),
	}, nil
}

// Prefetch fetches chunks ahead of their use, as before an exam.
func (c *Content) Prefetch(ctx context.Context, q PrefetchRequest) (PrefetchAnswer, error) {
	r := c.reader()
	s, err := r.source(q.Source)
	if err != nil {
		return PrefetchAnswer{}, err
	}
	if len(q.Want) == 0 {
		q.Want = []string{"all"}
	}
	x, _, err := r.resolve(ctx, s, q.Revision)
	if err != nil {
		return PrefetchAnswer{}, err
	}
	a, err := r.warm(ctx, s, x, q.Want)
	if err != nil {
		return a, err
	}
	s.used.Store(int64(time.Since(r.epoch)))
	if found, _, err := x.Closure(*x.preset, q.Want); err == nil {
		s.touched.add(newClosure(found, nil).keys)
	}
	return a, nil
}
