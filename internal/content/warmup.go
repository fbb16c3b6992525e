package content

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast/internal/fault"
)

// warmupEvery is the pause between two attempts to fetch what a machine is to have before anybody asks for it.
const warmupEvery = time.Second

// warmup fetches what sources say is to be on every machine ([SourceConfig].Prefetch), once each; publications after that are
// followed by the prefetcher. What is outstanding since the start holds back readiness: see [Content.Warming].
type warmup struct {
	r *reader

	mu    sync.Mutex            // protects the following
	done  map[*sourceState]bool // all of it is here
	first map[string]bool       // sources of the start that are not complete
}

func newWarmup(r *reader) *warmup {
	w := &warmup{r: r, done: map[*sourceState]bool{}, first: map[string]bool{}}
	for name, s := range r.c.cfg().Sources {
		if len(s.Prefetch) > 0 {
			w.first[name] = true
		}
	}
	return w
}

// look tries each source that is not complete.
func (w *warmup) look(ctx context.Context) error {
	for name, s := range w.r.sources() {
		want := w.r.c.cfg().Sources[name].Prefetch
		if len(want) == 0 || w.isDone(s) {
			continue
		}
		err := w.fetch(ctx, s, want)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.note(name, s, err)
	}
	w.forgetGone()
	return nil
}

func (w *warmup) fetch(ctx context.Context, s *sourceState, want []string) error {
	x, _, err := w.r.resolve(ctx, s, Current)
	if err != nil {
		return err
	}
	_, err = w.r.warm(ctx, s, x, want)
	return err
}

func (w *warmup) isDone(s *sourceState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done[s]
}

// note keeps how an attempt ended. A source that was never published has nothing to wait for; it is tried again all the same.
func (w *warmup) note(name string, s *sourceState, err error) {
	nothing := fault.CodeOf(err) == "content_not_published"
	if err == nil || nothing {
		w.r.c.trouble.Report("fetch "+name+" ahead", nil)
	} else {
		w.r.c.trouble.Report("fetch "+name+" ahead", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[s] = err == nil
	if err == nil || nothing {
		delete(w.first, name)
	}
}

// forgetGone lets go of sources that left the configuration, or want nothing any more.
func (w *warmup) forgetGone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.r.sources()
	for s := range w.done {
		if known[s.name] != s {
			delete(w.done, s)
		}
	}
	for name := range w.first {
		if known[name] == nil || len(w.r.c.cfg().Sources[name].Prefetch) == 0 {
			delete(w.first, name)
		}
	}
}

// outstanding are the sources of the start that are not complete.
func (w *warmup) outstanding() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.first))
}

// prefetches are the wants that a source has on every machine.
func (r *reader) prefetches(s *sourceState) []string { return r.c.cfg().Sources[s.name].Prefetch }
