package pooler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/cluster"
	"holdfast/internal/console"
	"holdfast/internal/epoll"
	"holdfast/internal/lifecycle"
	"holdfast/internal/pgauth"
	"holdfast/internal/pool"
	"holdfast/internal/postgres"
	"holdfast/internal/relay"
	"holdfast/internal/scram"
)

// Authenticator decides who may log in.
type Authenticator interface {
	Decide(ctx context.Context, a pgauth.Attempt) (*pgauth.Decision, error)
}

// Options are what a Pooler is given besides its settings.
type Options struct {
	Database      postgres.Config // where the server is, complete, and what a pool is to be like
	Authenticator Authenticator
	Log           *slog.Logger
	Version       string
	Meters        *Meters          // nil: none
	Health        cluster.Findings // nil: nobody is told
	Auditor       Auditor          // nil: no record is kept
	Naps          *epoll.Naps      // of all loops of the process; nil: none

	// What the console asks of the process: to read the configuration again, and to end. nil: it cannot.
	Reload   func(ctx context.Context) error
	Shutdown func()

	// Elsewhere passes a cancel request, of nobody here, on to processes that this one has taken over from, and reports whether one of
	// them knew it. nil: there are none.
	Elsewhere func(ctx context.Context, pid uint32, key []byte) bool
}

// Pooler is the front door of PostgreSQL. It is a lifecycle.Service, ready when all endpoints listen and MinSize servers of the
// application's own pool are open.
type Pooler struct {
	base   lifecycle.Base
	config Config
	opts   Options
	log    *slog.Logger
	meters *Meters

	statements *relay.Registry
	params     *relay.ParamTable
	ids        atomic.Uint32
	clients    *clients
	consoles   *consoles
	tuned      atomic.Pointer[tuning]
	suspended  atomic.Bool // clients are not read
	averages   averages
	forwards   chan struct{}  // one for each cancel request on its way to a peer
	forwarding []atomic.Int64 // of those, by peer
	started    time.Time

	expired   context.Context //nolint:containedctx // has ended: who asks with it does not wait
	workers   []*worker
	next      atomic.Uint32
	endpoints []*endpoint
	routing   atomic.Pointer[[]*route]

	mu       sync.Mutex // protects the following
	groups   map[groupKey]*group
	paused   map[string]bool             // databases by name, "" for all others
	closed   map[string]bool             // databases that take no new clients
	senders  map[groupKey]*pool.Budget   // of replication connections
	users    map[string]*pool.Budget     // of roles that have a limit
	retired  map[*group]struct{}         // pools that others took the place of, until nobody has a server of theirs
	dropping sync.WaitGroup              // pools of those that are over
	departed map[string]console.Counters // of those that are over, by database
	life     context.Context             //nolint:containedctx // that of the service: pools are made while it runs; nil: it does not
}

// New returns a Pooler of which nothing runs.
func New(c Config, o Options) (*Pooler, error) {
	p := &Pooler{
		config: c, opts: o, log: o.Log, meters: o.Meters,
		statements: relay.NewRegistry(), params: relay.NewParamTable(), groups: map[groupKey]*group{},
		retired: map[*group]struct{}{},
		senders: map[groupKey]*pool.Budget{}, users: map[string]*pool.Budget{}, departed: map[string]console.Counters{},
	}
	ended, end := context.WithCancel(context.Background())
	end()
	p.expired = ended
	if p.meters == nil {
		p.meters = NewMeters(nil)
	}
	p.clients = newClients(c.MaxClients, reserveOf(c.Limits))
	p.clients.peer, p.forwards = p.ownPeer(), make(chan struct{}, maxForwards)
	p.forwarding = make([]atomic.Int64, len(c.Peers))
	p.consoles = newConsoles()
	p.tuned.Store(tuningOf(c, o.Database))
	p.meters.of(p)
	routes, err := p.routesOf(c, nil)
	if err != nil {
		return nil, err
	}
	p.routing.Store(&routes)
	doors := c.Doors()
	for i, name := range doorNames(doors) {
		front, err := newEndpoint(p, doors[i])
		if err != nil {
			return nil, err
		}
		front.name = name
		p.endpoints = append(p.endpoints, front)
	}
	return p, nil
}

// Start opens the pools and the endpoints.
func (p *Pooler) Start(ctx context.Context) error { return p.base.Start(ctx, p.open) }

// Stop refuses new clients, lets those in a transaction finish until ctx ends, and closes everything.
func (p *Pooler) Stop(ctx context.Context) error { return p.base.Stop(ctx, p.drain) }

func (p *Pooler) open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, p.closeAll(context.WithoutCancel(ctx)))
		}
	}()
	p.started = time.Now()
	life, release, _ := p.base.Hold()
	release()
	p.mu.Lock()
	p.life = life
	p.mu.Unlock()
	if err := p.startWorkers(ctx); err != nil {
		return err
	}
	for _, r := range p.routes() {
		if err := r.start(ctx); err != nil {
			return err
		}
	}
	if err := p.warm(ctx); err != nil {
		return err
	}
	p.consoles.open()
	for _, e := range p.endpoints {
		if err := e.open(ctx); err != nil {
			return err
		}
	}
	p.base.Go(p.averages.run(p.totals))
	p.base.Go(p.markMinutes)
	p.base.Go(p.watchCertificates)
	return nil
}

func (p *Pooler) startWorkers(ctx context.Context) error {
	for range max(1, p.config.Loops) {
		w, err := newWorker(p.opts.Naps)
		if err != nil {
			return fmt.Errorf("make event loop: %w", err)
		}
		p.workers = append(p.workers, w)
		if err := w.loop.Start(ctx); err != nil {
			return fmt.Errorf("start event loop: %w", err)
		}
	}
	return nil
}

// worker returns one for a new client or server, in turn.
func (p *Pooler) worker() *worker {
	return p.workers[int(p.next.Add(1))%len(p.workers)]
}

// group returns the pool for a key, started, with the credential of the latest log-in.
func (p *Pooler) group(ctx context.Context, key groupKey, e *endpoint, c scram.Credential, l Limit) (*group, error) {
	p.mu.Lock()
	if p.life == nil {
		p.mu.Unlock()
		return nil, errStopping
	}
	g := p.groups[key]
	if g == nil {
		made, err := p.newGroup(key, e, l, false)
		if err != nil {
			p.mu.Unlock()
			return nil, err
		}
		g = made
		p.groups[key] = g
	}
	p.mu.Unlock()
	g.setCredential(c)
	err := g.pool.Start(ctx)
	if g.next.Load() != nil { // its place was taken meanwhile
		p.retire(g)
		return p.group(ctx, key, e, c, l)
	}
	return g, err
}

// newGroup makes the pool for a key. Late: nobody waits for its connections. Callers hold mu.
func (p *Pooler) newGroup(key groupKey, e *endpoint, l Limit, late bool) (*group, error) {
	r := p.routeFor(key.database)
	if r == nil {
		return nil, fatal("3D000", fmt.Sprintf("database %q does not exist", key.database), "")
	}
	g := &group{key: key, front: e, route: r, limit: l, late: late}
	budgets := []*pool.Budget{p.userBudget(key.user), r.budget}
	if key.replication != "" {
		budgets = append(budgets, p.walsenders(g))
	}
	made, err := pool.New(p.poolConfig(g), g.open, budgets...)
	if err != nil {
		return nil, err
	}
	g.pool = made
	return g, nil
}

// sibling returns the pool that differs from g in its host, started.
func (p *Pooler) sibling(g *group, key groupKey) (*group, error) {
	g.mu.Lock()
	credential := g.credential
	g.mu.Unlock()
	p.mu.Lock()
	life := p.life
	p.mu.Unlock()
	return p.group(life, key, g.front, credential, g.limits())
}

// poolConfig says how a group's pool behaves. Callers hold mu.
func (p *Pooler) poolConfig(g *group) pool.Config {
	tuned := p.tuned.Load()
	e, o := tuned.at(g.front.name, g.front.config), tuned.pool
	c := pool.Defaults(g.key.String())
	c.MinSize, c.MaxSize = p.least(g.key, g.front, tuned), firstOf(tuned.routes[g.route.pattern].MaxSize, e.MaxSize, o.MaxSize)
	limit := g.limits()
	c.Timeout = firstOf(limit.Timeout, e.Timeout, o.Timeout).D()
	c.MaxWaiting = o.MaxWaiting
	c.MaxLifetime, c.LifetimeJitter = o.MaxLifetime.D(), o.MaxLifetime.D()/10
	c.MaxIdle = o.MaxIdle.D()
	c.MaxPerOwner, c.Reserved = limit.MaxPerPerson, limit.Reserved
	if c.HoldDown = firstOf(o.ReconnectTimeout, tuned.hold).D(); g.key.host != "" {
		c.HoldDown = 0 // another replica, or the primary, may answer
	}
	c.HoldPaused = tuned.hold.D()
	c.OnWait = p.meters.waitsOf(g.key)
	c.Log = p.log
	c.Lazy, c.StartPaused = g.late || c.MinSize == 0 || !p.isFirst(g.key, g.front) || p.isCapped(g, c.MinSize), p.startsPaused(g.key.database)
	c.MaxSize = max(c.MaxSize, c.MinSize, 1)
	if g.key.replication != "" {
		c.Lazy, c.MinSize, c.MaxSize, c.Reserved = true, 0, 1, 0
	}
	return c
}

func firstOf[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

// drain ends the service politely: listeners first, then clients that are between transactions, then the others.
func (p *Pooler) drain(ctx context.Context) error {
	for _, e := range p.endpoints {
		e.refuse()
	}
	p.clients.drain(ctx)
	p.consoles.end()
	return p.closeAll(ctx)
}

// closeAll closes what is open, in the order in which things use each other.
func (p *Pooler) closeAll(ctx context.Context) error {
	var all []error
	for _, e := range p.endpoints {
		all = append(all, e.close())
	}
	p.clients.closeAll()
	p.dropping.Wait()
	p.mu.Lock()
	groups := p.groups
	p.groups, p.life = map[groupKey]*group{}, nil
	p.mu.Unlock()
	for _, g := range groups {
		all = append(all, g.pool.Stop(ctx))
	}
	for _, r := range p.routes() {
		all = append(all, r.stop(ctx))
	}
	for _, w := range p.workers {
		all = append(all, w.loop.Stop(ctx))
	}
	p.workers = nil
	return errors.Join(all...)
}

// outOfStep reports an answer that nobody asked for: a bug, ours or the server's.
func (p *Pooler) outOfStep(s *session, from *server, err error) {
	p.meters.outOfStep()
	p.log.Error("server out of step: both connections are closed", "error", err,
		"database", s.group.key.database, "user", s.who.user, "backend", from.backend.PID())
}

// Addr returns the address of an endpoint, for tests and for those who ask for port 0.
func (p *Pooler) Addr(i int) string { return p.endpoints[i].addr() }
