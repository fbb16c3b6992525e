package content

import (
	"cmp"
	"context"
	"sync"
	"time"

	"holdfast/internal/lifecycle"
)

// pollShare says how often a source whose time has come goes before those that somebody asked for: one in so many. So neither a
// flood of webhooks nor a thousand polls keeps the other waiting.
const pollShare = 4

// maxBackoff is the largest factor on the pause between looks at a source that cannot be synced.
const maxBackoff = 8

// entry is a source in the queue.
type entry struct {
	name     string
	cfg      SourceConfig
	poll     time.Duration // 0: never by the clock
	due      time.Time     // of the next look by the clock; zero: never
	failures int           // in a row
	running  bool
	again    bool      // the settings changed while it was running
	gone     bool      // it left the configuration while it was running
	waiting  []request // answered by the next sync that begins
}

// queue says which source is next. A source is synced by one worker at a time: this is the lock of a source. Those that somebody
// asked for go in the order in which they were asked for, the others in the order in which their time came.
type queue struct {
	now  func() time.Time
	wake lifecycle.Wake

	mu      sync.Mutex // protects the following
	entries map[string]*entry
	turn    int
	orphan  []request // of sources that left the configuration
}

func newQueue(entries []*entry) *queue {
	q := &queue{now: time.Now, wake: lifecycle.NewWake(), entries: make(map[string]*entry, len(entries))}
	for _, e := range entries {
		q.entries[e.name] = e
	}
	return q
}

// add queues a request; it reports false when no source has the name.
func (q *queue) add(r request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entries[r.source]
	if e == nil || e.gone {
		return false
	}
	e.waiting = append(e.waiting, r)
	q.wake.Up()
	return true
}

// next waits for a source whose turn it is, and takes the requests that its sync answers. It returns nil when ctx ends.
func (q *queue) next(ctx context.Context) (*entry, []request) {
	for {
		e, requests, pause := q.pick()
		if e != nil {
			q.wake.Up() // there may be one for the next worker, too
			return e, requests
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, nil
		case <-timer.C:
		case <-q.wake:
			timer.Stop()
		}
	}
}

// longestPause bounds the sleep of an idle worker.
const longestPause = time.Minute

// pick chooses the next source, or says how long there is none.
func (q *queue) pick() (*entry, []request, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	var asked, due *entry
	pause := longestPause
	for _, e := range q.entries {
		if e.running || e.gone {
			continue
		}
		if len(e.waiting) > 0 && (asked == nil || earlier(e.waiting[0].arrived, asked.waiting[0].arrived, e, asked)) {
			asked = e
		}
		if e.due.IsZero() {
			continue
		}
		if wait := e.due.Sub(now); wait > 0 {
			pause = min(pause, wait)
		} else if due == nil || earlier(e.due, due.due, e, due) {
			due = e
		}
	}
	e := cmp.Or(asked, due)
	if e == nil {
		return nil, nil, pause
	}
	if q.turn++; due != nil && q.turn%pollShare == 0 {
		e = due
	}
	e.running = true
	requests := e.waiting
	e.waiting = nil
	return e, requests, 0
}

// earlier orders sources by a time, and then by name.
func earlier(a, b time.Time, x, y *entry) bool {
	return cmp.Or(a.Compare(b), cmp.Compare(x.name, y.name)) < 0
}

// done gives a source back. One that failed is looked at less often for a while; who asks for it does not wait longer.
func (q *queue) done(e *entry, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.running = false
	if e.gone {
		delete(q.entries, e.name)
		return
	}
	e.failures++
	if !failed {
		e.failures = 0
	}
	if e.poll > 0 {
		e.due = q.now().Add(e.poll * time.Duration(min(1<<min(e.failures, 10), maxBackoff)))
		if e.failures == 0 {
			e.due = q.now().Add(e.poll)
		}
	} else {
		e.due = time.Time{}
	}
	if e.again {
		e.again, e.due = false, q.now()
	}
	q.wake.Up()
}

// length returns how many sources wait for a worker, and how many are being synced.
func (q *queue) length() (waiting, running int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for _, e := range q.entries {
		switch {
		case e.running:
			running++
		case len(e.waiting) > 0 || !e.due.IsZero() && !e.due.After(now):
			waiting++
		}
	}
	return waiting, running
}
