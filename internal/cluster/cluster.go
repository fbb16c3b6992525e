package cluster

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/secret"
)

// Cluster watches hosts. It is a [lifecycle.Service], ready when every host was asked once, whatever they answered; it can
// be started again after Stop. Its methods may be called by any goroutine.
type Cluster struct {
	config Config
	log    *slog.Logger
	open   func(Host) prober
	base   lifecycle.Base

	index map[string]int  // of hosts by name; never changes
	wake  []chan struct{} // one for each host: check at once
	load  []atomic.Int64  // one for each host: uses that were acquired and are not done
	turn  atomic.Uint64   // whose turn it is among equals
	eager atomic.Int64    // how many wait for a position

	view atomic.Pointer[view] // what is known, for readers; never nil

	mu      sync.Mutex // protects the following
	members []member
	memory  memory
	history history
	verdict verdict
	pending int           // hosts that were not asked yet since the start
	ready   chan struct{} // closed when pending is 0
	changed chan struct{} // closed and replaced when view is

	password atomic.Pointer[secret.String] // in place of the one of config, nil: that one

	subscribers map[int]func(Change)
	subscribed  int           // how many there ever were
	queue       []message     // what subscribers were not told yet
	queued      chan struct{} // holds a token while queue may not be empty
}

// New returns a Cluster for a valid configuration: see [Config.Validate].
func New(c Config, log *slog.Logger) *Cluster {
	var x *Cluster
	x = build(c, log, func(h Host) prober { return &session{host: h, monitor: x.monitor} })
	return x
}

// SetPassword has checks log in with another password from now on: the role's was changed.
func (c *Cluster) SetPassword(p secret.String) {
	c.password.Store(&p)
	c.hastenAll()
}

// monitor says how checks log in now.
func (c *Cluster) monitor() Monitor {
	m := c.config.Monitor
	if p := c.password.Load(); p != nil {
		m.Password = *p
	}
	return m
}

func build(c Config, log *slog.Logger, open func(Host) prober) *Cluster {
	c = c.complete()
	x := &Cluster{
		config: c, log: log, open: open,
		index: make(map[string]int, len(c.Hosts)),
		wake:  make([]chan struct{}, len(c.Hosts)),
		load:  make([]atomic.Int64, len(c.Hosts)),

		members: make([]member, len(c.Hosts)),
		changed: make(chan struct{}), queued: make(chan struct{}, 1),
		subscribers: map[int]func(Change){},
	}
	for i, h := range c.Hosts {
		x.index[h.Name], x.wake[i] = i, make(chan struct{}, 1)
		x.members[i].host = h
	}
	x.verdict = judge(x.members, x.memory)
	x.view.Store(x.look())
	return x
}

// Start begins to watch and returns when every host was asked once.
func (c *Cluster) Start(ctx context.Context) error {
	return c.base.Start(ctx, func(ctx context.Context) error {
		ready := c.reset()
		c.base.Go(c.tell)
		for i := range c.config.Hosts {
			c.base.Go(func(ctx context.Context) { c.watch(ctx, i) })
		}
		select {
		case <-ready:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// Stop ends the watching. What was known stays, but findings are taken back.
func (c *Cluster) Stop(ctx context.Context) error {
	err := c.base.Stop(ctx, nil)
	c.withdraw()
	return err
}

// reset forgets what the hosts said in an earlier life, not what was learned from it.
func (c *Cluster) reset() (ready chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.members {
		c.members[i] = member{host: c.members[i].host}
	}
	c.pending, c.ready = len(c.members), make(chan struct{})
	if c.pending == 0 {
		close(c.ready)
	}
	return c.ready
}

// Forget takes back what was learned for good: the identifier of the cluster and its highest timeline. It is for an
// administrator who has replaced the cluster, or given up the server with the highest timeline.
func (c *Cluster) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory, c.history = memory{}, history{}
	if c.pending == 0 {
		c.conclude(time.Now())
	}
}

// Suspect has the host checked at once: somebody could not connect to it, or lost a connection. It never blocks. Unknown
// names are ignored.
func (c *Cluster) Suspect(name string) {
	if i, ok := c.index[name]; ok {
		c.hasten(i)
	}
}

func (c *Cluster) hasten(i int) {
	select {
	case c.wake[i] <- struct{}{}:
	default: // it is about to be checked
	}
}

func (c *Cluster) hastenAll() {
	for i := range c.wake {
		c.hasten(i)
	}
}

// watch asks one host again and again.
func (c *Cluster) watch(ctx context.Context, i int) {
	p := c.open(c.config.Hosts[i])
	defer p.close()
	pause := time.NewTimer(0)
	defer pause.Stop()
	renewed := time.Now()
	for ctx.Err() == nil {
		began := time.Now()
		s, err := c.check(ctx, p)
		if ctx.Err() != nil {
			return
		}
		c.record(i, s, err)
		if !c.view.Load().state.hasPrimary() && time.Since(renewed) >= c.config.Interval {
			p.renew() // the name may lead to a primary by now
			renewed = time.Now()
		}
		every := c.period()
		pause.Reset(max(every-time.Since(began), every/10))
		select {
		case <-pause.C:
		case <-c.wake[i]:
		case <-ctx.Done():
		}
	}
}

func (c *Cluster) check(ctx context.Context, p prober) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	return p.check(ctx)
}

// period returns the time from one check to the next.
func (c *Cluster) period() time.Duration {
	if c.eager.Load() > 0 || !c.view.Load().state.hasPrimary() {
		return min(c.config.Interval, hurry)
	}
	return c.config.Interval
}

// record takes in the outcome of a check.
func (c *Cluster) record(i int, s sample, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	m := &c.members[i]
	asked := !m.asked.IsZero()
	m.note(now, s, err, c.config.Misses)
	if !asked {
		c.pending--
	}
	if c.pending > 0 {
		return // the first verdict is passed on all of them together
	}
	if err == nil && c.verdict.primary == i {
		c.history.add(s.received, s.lsn)
	}
	c.conclude(now)
	if !asked && c.pending == 0 {
		close(c.ready)
	}
}

// note takes in the outcome of a check.
func (m *member) note(now time.Time, s sample, err error, misses int) {
	m.asked, m.err = now, err
	if err == nil {
		if m.known && m.sample.started.Equal(s.started) && s.recovery {
			s.timeline = max(s.timeline, m.sample.timeline) // a receiver that is away for a moment shows none
		}
		m.sample, m.known, m.up, m.misses = s, true, true, 0
		return
	}
	m.misses++
	switch classify(err) {
	case gone:
		m.up = false
	case silent:
		m.up = m.up && m.misses < misses
	case full:
		m.misses = 0 // that was an answer
	}
}
