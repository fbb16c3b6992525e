package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
)

// requestPoll is how often the holder looks for requests besides being notified.
const requestPoll = 2 * time.Second

// reign does what the holder of the role does, until ctx ends.
func (p *producer) reign(ctx context.Context, token int64) {
	q := p.newQueue(ctx)
	p.mu.Lock()
	p.queue = q
	p.mu.Unlock()
	q.set(p.c.cfg()) // which may have changed meanwhile
	defer func() {
		p.mu.Lock()
		p.queue = nil
		p.mu.Unlock()
	}()
	chores := &chores{wake: lifecycle.NewWake()}
	var work sync.WaitGroup
	for range p.c.cfg().SyncParallel {
		work.Go(func() { p.work(ctx, token, q) })
	}
	work.Go(func() { p.repos.keep(ctx) })
	work.Go(func() { p.takeIn(ctx, token, q, chores) })
	work.Go(func() { p.tend(ctx, token, chores) })
	work.Wait()
}

// newQueue returns the sources of the configuration, with the time at which each is due: a poll after it was last looked at.
func (p *producer) newQueue(ctx context.Context) *queue {
	looked := map[string]time.Duration{}
	err := p.lookedAgo(ctx, looked)
	if ctx.Err() == nil {
		p.c.trouble.Report("read sources", err) // without the times all are due at once, which is no harm
	}
	var entries []*entry
	now := time.Now()
	settings := p.c.cfg()
	for name := range settings.Sources {
		e := settings.entry(name, now)
		if ago, ok := looked[name]; ok {
			e.due = now.Add(e.poll - min(ago, e.poll))
			if e.poll == 0 {
				e.due = time.Time{}
			}
		}
		entries = append(entries, e)
	}
	return newQueue(entries)
}

// lookedAgo reads how long ago each source was looked at, by the clock of the database.
func (p *producer) lookedAgo(ctx context.Context, ago map[string]time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	rows, err := p.c.db.Query(ctx, p.c.q(`SELECT name, greatest(extract(epoch FROM clock_timestamp() - looked), 0)::float8
		FROM {s}.content_sources WHERE looked IS NOT NULL`))
	if err != nil {
		return err
	}
	var name string
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&name, &seconds}, func() error {
		ago[name] = time.Duration(seconds * float64(time.Second))
		return nil
	})
	return err
}

// takeIn hands requests to those who answer them.
func (p *producer) takeIn(ctx context.Context, token int64, q *queue, other *chores) {
	lifecycle.Every(ctx, requestPoll, p.requests, func(ctx context.Context) {
		all, err := p.c.claimRequests(ctx, token)
		if ctx.Err() != nil {
			return
		}
		p.c.trouble.Report("take requests", err)
		for _, r := range q.orphans() {
			p.finish(ctx, token, r, nil, p.noSourceHere(r.source))
		}
		for _, r := range all {
			if r.kind != kindSync {
				other.add(r)
			} else if !q.add(r) {
				p.finish(ctx, token, r, nil, p.noSourceHere(r.source))
			}
		}
		if len(all) == claimLimit {
			p.requests.Up()
		}
	})
}

// work syncs one source after the other.
func (p *producer) work(ctx context.Context, token int64, q *queue) {
	for {
		e, requests := q.next(ctx)
		if e == nil {
			return
		}
		report, err := p.syncOne(ctx, token, e.name, requests)
		q.done(e, err != nil)
		if ctx.Err() != nil {
			return // requests stay as they are: the next holder takes them
		}
		for _, r := range requests {
			p.finish(ctx, token, r, report, err)
		}
	}
}

// syncOne syncs a source for all who asked for it.
func (p *producer) syncOne(ctx context.Context, token int64, name string, requests []request) (*Report, error) {
	how := usual
	ids := make([]int64, 0, len(requests))
	for _, r := range requests {
		var args SyncRequest
		if err := json.Unmarshal(r.args, &args); err != nil {
			p.c.log.WarnContext(ctx, "a request cannot be read and is taken for a plain one", "request", r.id, "error", err)
		}
		how = max(how, args.effort())
		ids = append(ids, r.id)
	}
	report, err := p.c.sync(ctx, token, name, how, p.c.progressOf(ctx, ids))
	if ctx.Err() != nil {
		return report, err
	}
	if _, ok := p.c.cfg().Sources[name]; ok {
		p.c.trouble.Report("sync "+name, err)
	}
	switch {
	case err != nil:
		if noting := p.c.recordFailure(ctx, name, err); noting != nil {
			p.c.log.WarnContext(ctx, "note that a sync failed", "source", name, "error", noting)
		}
	case report.Published:
		p.c.log.InfoContext(ctx, "published", "source", name, "seq", report.Seq, "commit", report.Commit,
			"chunks", report.Chunks, "uploaded", report.Uploaded.Parts, "rejected", len(report.Rejected), "took_ms", int64(report.Took.Total))
	}
	return report, err
}

// noSourceHere is the answer to a request about a source that only the process which asks has in its configuration.
func (p *producer) noSourceHere(source string) error {
	return fault.New(fault.NotFound, "content_no_source", "no source is called %q where syncing is done (%s)", source, p.c.opts.Node).
		WithHint("write it into the configuration of that machine, too, and have it read again: systemctl reload holdfast, or SIGHUP")
}

// reloaded takes over other settings.
func (p *producer) reloaded(before, now *settings) {
	for _, name := range before.gone(now) {
		p.c.trouble.Report("sync "+name, nil)
		p.c.trouble.Report("prefetch "+name, nil)
		if r := p.repos.remove(name); r != nil {
			r.Rest()
		}
	}
	p.mu.Lock()
	q := p.queue
	p.mu.Unlock()
	if q != nil {
		q.set(now)
	}
	p.requests.Up()
}

// finish answers a request.
func (p *producer) finish(ctx context.Context, token int64, r request, report any, failed error) {
	p.c.trouble.Report("answer requests", p.c.finishRequest(ctx, token, r.id, report, failed))
}

// Intervals of the work that goes on besides.
const (
	tendEvery = time.Minute
	// scrubSlice is how many parts are verified at once in the background.
	scrubSlice = 50
)

// chores are requests that are no syncs, in the order in which they came. There is no bound on them: a purge waits for a sync, so
// whoever takes requests in must never wait for a chore.
type chores struct {
	wake lifecycle.Wake
	mu   sync.Mutex // protects list
	list []request
}

func (c *chores) add(r request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, r)
	c.wake.Up()
}

func (c *chores) next() (r request, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == 0 {
		return r, false
	}
	r, c.list = c.list[0], c.list[1:]
	return r, true
}

// tend does everything else, one thing at a time: requests for it as they come, and what has its time.
func (p *producer) tend(ctx context.Context, token int64, todo *chores) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-todo.wake:
			for r, ok := todo.next(); ok; r, ok = todo.next() {
				report, err := p.chore(ctx, token, r)
				if ctx.Err() != nil {
					return
				}
				p.finish(ctx, token, r, report, err)
			}
		case <-tick.C:
			err := p.routine(ctx)
			if ctx.Err() == nil {
				p.c.trouble.Report("tend the store of content", err)
			}
		}
	}
}

// chore answers a request that is not about one sync.
func (p *producer) chore(ctx context.Context, token int64, r request) (any, error) {
	step := p.c.progressOf(ctx, []int64{r.id})
	switch r.kind {
	case kindGC:
		return perform(r, func(args GCRequest) (any, error) { return p.c.collect(ctx, args.DryRun, step) })
	case kindScrub:
		return perform(r, func(args ScrubRequest) (any, error) { return p.c.scrub(ctx, args, step) })
	case kindPurge:
		return perform(r, func(args PurgeRequest) (any, error) { return p.c.purge(ctx, token, args, step) })
	case kindRepair:
		return perform(r, func(args RepairRequest) (any, error) { return p.c.repairNamed(ctx, args.Parts, step) })
	case kindSync:
	}
	return nil, errUnknownRequest
}

func perform[A any](r request, do func(A) (any, error)) (any, error) {
	var args A
	if err := json.Unmarshal(r.args, &args); err != nil {
		return nil, fmt.Errorf("read request %d: %w", r.id, err)
	}
	return do(args)
}

// routine is what is done every minute: a collection when its time has come, a few parts verified, old answers removed.
func (p *producer) routine(ctx context.Context) error {
	none := func(string) {}
	errs := []error{p.c.forgetRequests(ctx)}
	errs = append(errs, p.c.requestCollection(ctx))
	_, err := p.c.scrubDue(ctx, none)
	return errors.Join(append(errs, err, p.c.finishPurges(ctx))...)
}
