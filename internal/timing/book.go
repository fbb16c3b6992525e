package timing

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// half is how long a window lasts.
	half = 30 * time.Minute
	// maxSlow is how many slow requests are kept.
	maxSlow = 100
	// logEvery and logBurst bound the lines about slow requests: an application that is down makes all of them slow.
	logEvery, logBurst = time.Second, 10
)

// Book keeps the times of the requests of all applications.
type Book struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex // protects the following
	slow    time.Duration
	apps    map[string]*tree
	others  map[string]*counts // by application: what could not be told apart
	routes  int                // counts in apps
	began   time.Time          // of this half hour
	before  time.Time          // of the one before it
	last    []Record           // the slow ones, a ring
	at      int                // where the next one goes in it
	slowest int                // how many there were
	told    time.Time          // since when lines are counted
	lines   int                // since then
	unsaid  int                // slow requests without a line
}

// NewBook returns an empty book. Requests that take slow or longer are slow; 0: none are.
func NewBook(slow time.Duration, log *slog.Logger) *Book { return newBook(slow, log, time.Now) }

func newBook(slow time.Duration, log *slog.Logger, now func() time.Time) *Book {
	return &Book{log: log, now: now, slow: slow, apps: map[string]*tree{}, others: map[string]*counts{}, began: now(), before: now()}
}

// SetSlow changes what is slow.
func (b *Book) SetSlow(slow time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slow = slow
}

// Add counts a request, and writes a line about it in the log if it was slow.
func (b *Book) Add(ctx context.Context, r Record) {
	b.mu.Lock()
	b.turn()
	b.countsOf(r).now.add(r)
	slow := b.slow > 0 && r.Took() >= b.slow
	say, unsaid := false, 0
	if slow {
		b.keep(r)
		say, unsaid = b.mayTell()
	}
	b.mu.Unlock()
	if say {
		b.log.WarnContext(ctx, "slow request", "method", r.Method, "path", r.Path, "app", r.App, "status", r.Status, "server", r.Server,
			"queue", r.Queue.D(), "app_time", r.Asked.D(), "db_time", r.DB.D(), "total", r.Total.D(), "unsaid", unsaid)
	}
}

// countsOf returns where a request is counted. Callers must hold mu.
func (b *Book) countsOf(r Record) *counts {
	t := b.apps[r.App]
	if t == nil {
		t = &tree{}
		b.apps[r.App] = t
	}
	n, _ := t.find(r.Path, r.Status < 400 && b.routes < maxRoutes)
	if t.folded {
		t.folded = false
		b.count()
	}
	if n == nil || n.stats[r.Method] == nil && b.routes >= maxRoutes {
		if b.others[r.App] == nil {
			b.others[r.App] = &counts{}
		}
		return b.others[r.App]
	}
	if n.stats[r.Method] == nil {
		b.routes++
	}
	return n.counts(r.Method)
}

// count counts the routes anew. Callers must hold mu.
func (b *Book) count() {
	b.routes = 0
	for _, t := range b.apps {
		t.root.each("", func(_ string, n *node) { b.routes += len(n.stats) })
	}
}

// keep puts a slow request into the ring. Callers must hold mu.
func (b *Book) keep(r Record) {
	b.slowest++
	if len(b.last) < maxSlow {
		b.last = append(b.last, r)
		return
	}
	b.last[b.at] = r
	b.at = (b.at + 1) % maxSlow
}

// mayTell reports whether a line may be written now, and how many were not since the last one. Callers must hold mu.
func (b *Book) mayTell() (bool, int) {
	if now := b.now(); now.Sub(b.told) >= logEvery {
		b.told, b.lines = now, 0
	}
	if b.lines >= logBurst {
		b.unsaid++
		return false, 0
	}
	b.lines++
	unsaid := b.unsaid
	b.unsaid = 0
	return true, unsaid
}

// turn begins another half hour when its time has come, and forgets what has not been asked for in two. Callers must hold mu.
func (b *Book) turn() {
	now := b.now()
	if now.Sub(b.began) < half {
		return
	}
	long := now.Sub(b.began) >= 2*half // nothing was asked for in a whole window
	b.before, b.began = b.began, now
	if long {
		b.before = now
	}
	shift := func(c *counts) bool {
		c.before, c.now = c.now, window{}
		if long {
			c.before = window{}
		}
		return c.before.n > 0
	}
	for app, t := range b.apps {
		t.root.each("", func(_ string, n *node) {
			for method, c := range n.stats {
				if !shift(c) {
					delete(n.stats, method)
				}
			}
		})
		if t.root.prune() {
			delete(b.apps, app)
		}
		t.nodes = t.root.size()
	}
	for app, c := range b.others {
		if !shift(c) {
			delete(b.others, app)
		}
	}
	b.count()
}

// Report is what a book says.
type Report struct {
	Since     time.Time    `json:"since"`  // of the routes
	Routes    []Route      `json:"routes"` // those first that cost the most time together
	SlowAfter Milliseconds `json:"slow_after_ms"`
	SlowCount int          `json:"slow_count"` // since the start
	Slow      []Record     `json:"slow"`       // the last ones, the latest first
}

// Report returns what the book says now.
func (b *Book) Report() Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	r := Report{Since: b.before, Routes: []Route{}, SlowAfter: Milliseconds(b.slow), SlowCount: b.slowest, Slow: []Record{}}
	add := func(app, method, path string, c *counts) {
		both := c.before
		both.merge(&c.now)
		if both.n == 0 {
			return
		}
		route := both.route()
		route.App, route.Method, route.Path = app, method, path
		r.Routes = append(r.Routes, route)
	}
	for app, t := range b.apps {
		t.root.each("", func(pattern string, n *node) {
			for method, c := range n.stats {
				add(app, method, pattern, c)
			}
		})
	}
	for app, c := range b.others {
		add(app, star, Other, c)
	}
	byAll(r.Routes)
	r.Slow = append(append(r.Slow, b.last[b.at:]...), b.last[:b.at]...)
	slices.Reverse(r.Slow)
	return r
}
