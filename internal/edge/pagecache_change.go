package edge

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/httpcache"
	"holdfast/internal/throttle"
)

const (
	// changePause gathers what is changed within it into one order to the other nodes.
	changePause = 250 * time.Millisecond
	// changeRate and changeBurst bound what all visitors together have other nodes told, in bytes of addresses a second, and at once: what is
	// told is kept in the database for a day. Ten addresses a second, and five thousand at once.
	changeRate, changeBurst = 1000, 500_000
	// changeEach is how many addresses one visitor may change in a second.
	changeEach = 20
	// changeLongest is how long an address may be that is told, in bytes.
	changeLongest = 2000
	// changeWaiting is how many addresses wait while the database does not answer.
	changeWaiting = 10_000
	// changeLast bounds what is told at the end.
	changeLast = 2 * time.Second
)

// changes gathers the addresses that visitors changed by POST, PUT, PATCH and DELETE on this node, and tells the others. A visitor decides which
// addresses these are, so what is told is bounded, for each of them and for all; what is beyond stays on other nodes until its time is over.
type changes struct {
	tell   func(context.Context, httpcache.Purge) error
	report func(error)
	log    *slog.Logger
	now    func() time.Time
	untold prometheus.Counter
	some   chan struct{} // holds one when something waits

	mu       sync.Mutex // protects the following
	waiting  map[string]struct{}
	credit   float64        // bytes that may be told now
	at       time.Time      // when the credit was computed
	visitors map[string]int // addresses of each visitor since second
	second   time.Time
	warned   time.Time
}

func newChanges(j *purgeJournal, r prometheus.Registerer) *changes {
	c := &changes{
		tell: j.tell, report: j.report, log: j.log, now: time.Now, some: make(chan struct{}, 1), waiting: map[string]struct{}{}, credit: changeBurst,
		visitors: map[string]int{}, untold: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_page_cache_untold_changes_total",
			Help: "Addresses that a visitor's request changed and that other nodes were not told to remove, because there were too many.",
		}),
	}
	if r != nil {
		r.MustRegister(c.untold)
	}
	return c
}

// note takes in what a visitor changed.
func (c *changes) note(ctx context.Context, urls []string) {
	who := ""
	if v := visitOf(ctx); v != nil {
		who = throttle.AddressKey(v.Addr)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range urls {
		if _, known := c.waiting[u]; known {
			continue
		}
		if !c.may(who, len(u)) {
			c.refuse()
			continue
		}
		c.waiting[u] = struct{}{}
		select {
		case c.some <- struct{}{}:
		default:
		}
	}
}

// may reports whether one more address of a visitor may be told. Callers must hold mu.
func (c *changes) may(who string, size int) bool {
	now := c.now()
	if now.Sub(c.second) >= time.Second {
		c.second = now
		clear(c.visitors)
	}
	c.credit = min(changeBurst, c.credit+changeRate*now.Sub(c.at).Seconds())
	c.at = now
	if size > changeLongest || len(c.waiting) >= changeWaiting || c.visitors[who] >= changeEach || c.credit < float64(size) {
		return false
	}
	c.visitors[who]++
	c.credit -= float64(size)
	return true
}

// refuse counts an address that is not told, and says so once in a while. Callers must hold mu.
func (c *changes) refuse() {
	c.untold.Inc()
	if now := c.now(); now.Sub(c.warned) >= time.Minute {
		c.warned = now
		c.log.Warn("visitors change more addresses than other nodes are told of: these show them until their time is over")
	}
}

// run tells the others until ctx ends, and then once more what waits.
func (c *changes) run(ctx context.Context) {
	pause := time.NewTimer(changePause)
	defer pause.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.some:
			c.flush(ctx)
		}
		pause.Reset(changePause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeLast)
	defer cancel()
	c.flush(last)
}

// flush tells what waits. What cannot be told waits on, and is tried again.
func (c *changes) flush(ctx context.Context) {
	for batch := c.take(); len(batch) > 0; batch = c.take() {
		limited, cancel := context.WithTimeout(ctx, purgeLimit)
		err := c.tell(limited, httpcache.Purge{URLs: batch})
		cancel()
		if err == nil {
			continue
		}
		c.giveBack(batch)
		if ctx.Err() == nil {
			c.report(err)
			c.log.WarnContext(ctx, "other nodes are not told what to remove", "error", err)
		}
		return
	}
}

// take returns what one order tells.
func (c *changes) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var batch []string
	for u := range c.waiting {
		if len(batch) == httpcache.MaxURLs {
			break
		}
		batch = append(batch, u)
		delete(c.waiting, u)
	}
	return batch
}

func (c *changes) giveBack(batch []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range batch {
		c.waiting[u] = struct{}{}
	}
	select {
	case c.some <- struct{}{}:
	default:
	}
}
