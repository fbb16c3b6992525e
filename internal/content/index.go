package content

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

const (
	// pollEvery is how often the consuming half asks PostgreSQL for what a lost notification would have told.
	pollEvery = time.Second
	// freshFor is how long after an answer of PostgreSQL the current revisions are taken for those of this moment.
	freshFor = 5 * time.Second
	// loadPause is how long a revision whose index could not be had is not asked for again: those who want it meanwhile get
	// the last ready one, or the same error, at once.
	loadPause = 2 * time.Second
	// inUse is how long after its last use a source counts as used on this machine.
	inUse = 24 * time.Hour
)

// sourceState is what this process knows of one source. The zero value knows nothing.
type sourceState struct {
	name  string
	known atomic.Pointer[Publication] // the newest that PostgreSQL has told
	ready atomic.Pointer[Publication] // what "current" is answered with: its index is on this disk
	last  atomic.Pointer[Publication] // what "current" was answered with before, while its successor is not complete here

	used    atomic.Int64 // when it was last asked for, in nanoseconds since the start of the reader; 0: never
	touched touched      // which chunks were asked for
	absent  absences     // commits that browsers asked for and that are not there
	use     usage

	mu     sync.Mutex // protects the following, and changes of ready
	failed *Publication
	reason error     // why failed could not be had
	again  time.Time // when it may be tried again
}

// source returns the state of a source, which the configuration names.
func (r *reader) source(name string) (*sourceState, error) {
	if s, ok := r.sources()[name]; ok {
		return s, nil
	}
	return nil, noSource(name)
}

func noSource(name string) error {
	return fault.New(fault.NotFound, "content_no_source", "no source is called %q", name).
		WithHint("sources are named in [content.sources.NAME]; holdfast content list shows them")
}

// published takes in what is current. It may be called from several goroutines; numbers only grow.
func (r *reader) published(p Publication) {
	s, ok := r.sources()[p.Source]
	if !ok {
		return // of another configuration
	}
	for {
		old := s.known.Load()
		if old != nil && old.Seq >= p.Seq {
			return
		}
		if s.known.CompareAndSwap(old, &p) {
			break
		}
	}
	r.prefetcher.follow(s)
}

// poll asks whether anything was published that no notification told of.
func (r *reader) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, freshFor)
	defer cancel()
	var seen mark
	err := r.c.db.QueryRow(ctx, r.c.q(`SELECT count(*), coalesce(sum(seq), 0)::bigint, (SELECT coalesce(max(seq), 0)
		FROM {s}.content_tombstones) FROM {s}.content_sources`)).Scan(&seen.sources, &seen.seqs, &seen.tombstones)
	unheard := r.unheard.Swap(false)
	if err == nil && (seen != r.seen || unheard) {
		if err = r.c.tellPublished(ctx, 0); err == nil {
			err = r.c.tellPurged(ctx)
		}
	}
	if err != nil {
		if unheard {
			r.unheard.Store(true)
		}
		return fmt.Errorf("look for publications: %w", err)
	}
	r.seen = seen
	r.fresh.Store(int64(time.Since(r.epoch)))
	return nil
}

// mark tells two states of what is published apart: the numbers only grow, and their sums with them.
type mark struct{ sources, seqs, tombstones int64 }

// stale reports whether PostgreSQL has been silent for so long that something may have been published unheard.
func (r *reader) stale() bool {
	return time.Since(r.epoch)-time.Duration(r.fresh.Load()) > freshFor && len(r.sources()) > 0
}

// resolve finds the revision that a request names. stale says that a newer one may exist.
func (r *reader) resolve(ctx context.Context, s *sourceState, name string) (x *loaded, stale bool, err error) {
	if name == "" || name == Current {
		return r.current(ctx, s)
	}
	p, err := r.find(ctx, s, strings.ToLower(name))
	if err != nil {
		return nil, false, err
	}
	x, err = r.load(ctx, p)
	return x, false, err
}

// find returns a revision by its commit. What is at hand is found without a question to PostgreSQL.
func (r *reader) find(ctx context.Context, s *sourceState, digits string) (Publication, error) {
	for _, p := range []*Publication{s.ready.Load(), s.known.Load()} {
		if p != nil && p.Commit.String() == digits {
			return *p, nil
		}
	}
	if id, err := treepack.ParseID(digits); err == nil {
		if p, ok := r.disk.find(s.name, id); ok {
			return p, nil
		}
	}
	r.count.queries.Add(1)
	return r.c.Lookup(ctx, s.name, digits)
}

// current returns the index of what is current. From memory it takes no wait of any kind.
func (r *reader) current(ctx context.Context, s *sourceState) (*loaded, bool, error) {
	known, ready := s.known.Load(), s.ready.Load()
	if ready == nil {
		ready = r.wakeUp(s)
	}
	switch {
	case known == nil && ready == nil:
		return nil, false, r.unknown(s)
	case known == nil || ready != nil && ready.Seq >= known.Seq:
		x, err := r.load(ctx, *ready)
		return x, r.stale(), err
	case ready != nil && r.c.cfg().SwitchWhenWarm && !r.prefetcher.gaveUp(s, known):
		x, err := r.load(ctx, *ready)
		return x, r.stale(), err
	}
	x, err := r.switchTo(ctx, s, known)
	if err == nil || ready == nil || !mayPass(err) {
		return x, r.stale(), err
	}
	x, err = r.load(ctx, *ready)
	return x, true, err
}

// unknown says why there is no current revision.
func (r *reader) unknown(s *sourceState) error {
	if r.stale() {
		return fault.New(fault.Unavailable, "content_database_unavailable",
			"source %s: PostgreSQL does not answer, and no revision of it was ever ready on this machine", s.name)
	}
	return fault.New(fault.NotFound, "content_not_published", "source %s has not been published yet", s.name).
		WithHint("sync it with: holdfast content sync %s", s.name)
}

// wakeUp makes the revision ready that was so when the process before us ended.
func (r *reader) wakeUp(s *sourceState) *Publication {
	p, ok := r.disk.last(s.name)
	if !ok {
		return nil
	}
	if s.ready.CompareAndSwap(nil, &p) {
		r.c.trouble.Report("keep the current view", r.cache.Current(viewOf(p)))
	}
	return s.ready.Load()
}

// switchTo makes a revision the one that "current" is answered with, once its index is here.
func (r *reader) switchTo(ctx context.Context, s *sourceState, to *Publication) (*loaded, error) {
	if err := s.recently(to); err != nil {
		return nil, err
	}
	x, err := r.load(ctx, *to)
	if err != nil {
		if ctx.Err() == nil {
			s.note(to, err)
		}
		return nil, err
	}
	r.advance(s, to)
	return x, nil
}

// recently returns why a revision could not be had a moment ago.
func (s *sourceState) recently(p *Publication) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == p && time.Now().Before(s.again) {
		return s.reason
	}
	return nil
}

// note remembers for a moment why a revision could not be had, so that not every caller waits for the store.
func (s *sourceState) note(p *Publication, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.reason, s.again = p, err, time.Now().Add(loadPause)
}

// advance answers "current" with a revision from now on, unless it is with a newer one already.
func (r *reader) advance(s *sourceState, to *Publication) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.ready.Load()
	if old != nil && old.Seq >= to.Seq {
		return
	}
	s.last.Store(old)
	s.ready.Store(to)
	r.c.trouble.Report("keep the current view", r.cache.Current(viewOf(*to)))
	r.c.trouble.Report("note the current revision", r.disk.remember(*to))
}

// mayPass reports whether an error may go away by itself: something that we depend on does not answer, or is full.
func mayPass(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Full, fault.Internal:
		return true
	}
	return fault.CodeOf(err) == "blob_not_found"
}
