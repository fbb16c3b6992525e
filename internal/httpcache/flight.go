package httpcache

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// outcome is what became of a flight once the header of the answer had come.
type outcome uint8

const (
	unknown outcome = iota
	shared          // the body is in the spool, for all
	direct          // the answer is the leader's alone
	updated         // the stored answer is fresh again
	stale           // the application failed, the stored answer is given
	failed          // there is no answer
)

// flight is one request to the application for which visitors wait. It is flown by a goroutine of its own.
type flight struct {
	c      *Cache
	s      *settings
	key    string // among the flights; "" for one that nobody joins
	note   string // the same, whether somebody joins or not
	id     *identity
	asking *http.Request // as the leader sent it
	old    *object       // what is stored, and asked about; may be nil
	alone  bool          // nobody joins: it is flown by the visitor's own goroutine
	behind bool          // nobody waits for it; it has a place in Cache.refresh
	varied bool          // another answer of the address is stored
	asked  time.Time
	cancel context.CancelFunc

	decided  chan struct{} // closed when the outcome is known
	done     chan struct{} // closed when the application has answered, and what is to be stored is stored
	overflow chan struct{} // closed when the body is longer than what is kept: only the leader gets it
	drained  chan struct{} // closed when the leader has got all that was kept of it

	mu       sync.Mutex // protects the following
	outcome  outcome
	status   int // of the application's answer
	header   http.Header
	length   int64    // of the body; -1: nobody knows
	obj      *object  // of shared and updated
	spool    *spool   // of shared
	leader   *leader  // nil when there is none, or it has gone
	aboard   int      // visitors who wait for the flight or read from it
	landed   bool     // done is closed
	forbid   bool     // must not be stored
	doomed   bool     // somebody removed its address meanwhile
	removed  []string // tags that were removed meanwhile
	panicked any      // what the application's handler panicked with
}

// leader is the visitor who was first.
type leader struct {
	w http.ResponseWriter
	r *http.Request
}

// join returns the flight of a key to wait for, or one that the caller has to start. seen is what store.changes was when the
// caller looked: if something was stored since, it returns nil and the caller looks again.
func (c *Cache) join(key string, seen int64, launch func() *flight) (f *flight, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil {
		f.mu.Lock()
		f.aboard++
		f.mu.Unlock()
		return f, false
	}
	if c.store.changes.Load() != seen {
		return nil, false
	}
	f = launch()
	f.key, f.note = key, key
	c.flights[key] = f
	return f, true
}

// launchBehind returns a flight that nobody waits for, nil when there is one of the key.
func (c *Cache) launchBehind(key string, launch func() *flight) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[key] != nil {
		return nil
	}
	f := launch()
	f.key, f.note, f.behind = key, key, true
	c.flights[key] = f
	return f
}

// closeDoor lets nobody else join a flight.
func (c *Cache) closeDoor(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.key != "" && c.flights[f.key] == f {
		delete(c.flights, f.key)
	}
}

// landed forgets a flight whose answer is stored, if it is to be.
func (c *Cache) landed(f *flight) {
	c.closeDoor(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.flying[f]; ok && f.behind {
		<-c.refresh
	}
	delete(c.flying, f)
}

func (c *Cache) newFlight(s *settings, id *identity, r *http.Request, old *object, lead *leader) *flight {
	f := &flight{
		c: c, s: s, id: id, asking: r, old: old, leader: lead,
		decided: make(chan struct{}), done: make(chan struct{}), overflow: make(chan struct{}), drained: make(chan struct{}),
	}
	if lead != nil {
		f.aboard = 1
	}
	return f
}

// start lets the flight take off. It reports false when the cache has stopped.
func (f *flight) start() (joinTrace func(), ok bool) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.asking.Context()))
	ctx, joinTrace = f.c.opts.Fork(ctx)
	f.cancel, f.asked = cancel, f.c.now()
	request := f.request(ctx)
	f.c.mu.Lock()
	f.c.flying[f] = struct{}{}
	f.c.mu.Unlock()
	ok = f.c.base.Go(func(life context.Context) {
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		f.fly(request)
	})
	if !ok {
		cancel()
		f.c.landed(f)
		f.decide(failed)
		close(f.done)
	}
	return joinTrace, ok
}

// here flies in the visitor's own goroutine. It reports false when the cache has stopped.
func (f *flight) here() (joinTrace func(), ok bool) {
	_, release, ok := f.c.base.Hold()
	if !ok {
		return nil, false
	}
	defer release()
	ctx, joinTrace := f.c.opts.Fork(f.asking.Context())
	f.cancel, f.asked = func() {}, f.c.now() // the visitor's going ends it
	request := f.request(ctx)
	f.c.mu.Lock()
	f.c.flying[f] = struct{}{}
	f.c.mu.Unlock()
	f.fly(request)
	return joinTrace, true
}

// fly asks the application, and stores what may be stored.
func (f *flight) fly(r *http.Request) {
	w := &fetchWriter{f: f, header: http.Header{}}
	defer close(f.done)
	defer f.c.landed(f)
	func() {
		defer func() { f.panicked = recover() }() // read behind done only
		f.c.opts.Next.ServeHTTP(w, r)
		if !w.began {
			w.WriteHeader(http.StatusOK)
		}
	}()
	w.finish(f.panicked)
	f.mu.Lock()
	f.landed = true
	empty := f.aboard == 0
	f.mu.Unlock()
	if empty {
		f.release()
	}
}

// decide makes the outcome known.
func (f *flight) decide(o outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.outcome == unknown {
		f.outcome = o
		close(f.decided)
	}
}

// leave takes one visitor off board. Without anybody on board before the header has come, the application need not go on.
func (f *flight) leave() {
	f.mu.Lock()
	f.aboard--
	last := f.aboard == 0
	idle := last && f.outcome == unknown && !f.behind
	landed := f.landed
	f.mu.Unlock()
	if idle {
		f.c.closeDoor(f)
		f.cancel()
	}
	if last && landed {
		f.release()
	}
}

func (f *flight) release() {
	if f.spool != nil {
		f.spool.release()
	}
}

// abandon takes the leader off a flight that it does not own. It reports false when the answer is written to it already.
func (f *flight) abandon() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.outcome == direct {
		return false
	}
	f.leader = nil
	return true
}

// doom keeps a flight's answer from being stored. Callers must hold publish.
func (f *flight) doom(tags []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if tags == nil {
		f.doomed = true
		return
	}
	f.removed = append(f.removed, tags...)
}

// mayStore reports whether nothing happened that speaks against storing. Callers must hold publish.
func (f *flight) mayStore(o *object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.doomed && !f.forbid && !slices.ContainsFunc(f.removed, func(t string) bool { return slices.Contains(o.tags, t) })
}

// flightKey is the key of the flight in the context of its request.
type flightKey struct{}

// NoStore keeps the answer to a request from being stored, whatever it says; it is for handlers behind the cache, which call it before they
// answer.
func NoStore(ctx context.Context) {
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.forbid = true
	}
}
