package pool

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"holdfast/internal/lifecycle"
)

// instant is a moment on the pool's own clock: the time since it was made. Reading it costs half of time.Now.
type instant = time.Duration

// Pool is connections to one server with one identity. It keeps the contract of package lifecycle, restarts included:
// it is ready when MinSize connections are open.
type Pool[C Conn] struct {
	name    string
	dial    func(ctx context.Context) (C, error)
	shares  []share
	epoch   time.Time
	base    lifecycle.Base
	wake    chan struct{}  // the keeper
	spare   sync.Pool      // of *waiter with a channel
	callers sync.Pool      // of *waiter without
	work    sync.WaitGroup // every goroutine of the pool; joined under mu
	waits   waitCounters
	onWait  func(time.Duration)
	log     *slog.Logger

	mu sync.Mutex // protects the following, and everything that hangs on them

	cfg               Config
	life              context.Context // ends when openings, checks and resets are to end
	kill              context.CancelFunc
	running           bool
	paused, disabled  bool
	changed           instant // when pause or outage last began or ended: waits are counted anew
	gen               uint64  // connections of an older one are replaced
	all               []*entry[C]
	count             [states]int
	opening, openingA int // of count[Opening]: begun for anyone, and for administrators
	blocked           int // of those: wait for a budget
	activeA           int // of count[Active]: held by administrators
	idle              stack[C]
	owners            map[string]*owner[C]
	latest            *owner[C]  // who asked last, nil or one of owners: most often the next as well
	blank             []Lease[C] // made, and not lent yet
	turns             turns[C]
	admins            queue[C]
	waiting           int      // without administrators
	told              func()   // wakes who is told at the next unlock,
	toldMore          []func() // and these more
	outage            outage
	seq, ids          uint64
	counters          Counters
	watchers          map[chan struct{}]struct{}
}

// New returns a pool that is not started, or what is wrong with cfg. open dials and logs in. Each connection takes a
// place in every one of budgets, which may be nil; all pools must name the budgets that they share in the same order,
// best from the narrowest to the widest.
func New[C Conn](cfg Config, open func(ctx context.Context) (C, error), budgets ...*Budget) (*Pool[C], error) {
	if err := cfg.Validate().Err(); err != nil {
		return nil, err
	}
	p := &Pool[C]{
		name: cfg.Name, cfg: cfg, dial: open,
		epoch:    time.Now().Add(-time.Nanosecond), // so that no moment is zero
		wake:     make(chan struct{}, 1),
		paused:   cfg.StartPaused,
		onWait:   cfg.OnWait,
		log:      cfg.Log,
		owners:   map[string]*owner[C]{},
		watchers: map[chan struct{}]struct{}{},
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.spare.New = func() any { return newWaiter[C]() }
	p.callers.New = p.newCaller
	for _, b := range budgets {
		if b != nil {
			p.shares = append(p.shares, share{budget: b, lender: p})
		}
	}
	return p, nil
}

// Name returns the pool's name.
func (p *Pool[C]) Name() string { return p.name }

// Start opens MinSize connections and returns when they are open, or with the reason why not: the server refuses for
// good, or ctx ended. With Lazy it returns at once.
func (p *Pool[C]) Start(ctx context.Context) error { return p.base.Start(ctx, p.begin) }

func (p *Pool[C]) begin(ctx context.Context) error {
	for i := range p.shares {
		p.shares[i].join()
	}
	p.mu.Lock()
	p.life, p.kill = context.WithCancel(context.Background())
	p.running = true
	p.changed = p.now()
	p.outage = outage{}
	life := p.life
	p.work.Go(func() { p.keep(life) })
	p.pump(p.changed)
	wait := !p.cfg.Lazy && !p.paused
	p.unlock()
	if !wait {
		return nil
	}
	err := p.watch(ctx, func() bool { return p.usable() >= p.cfg.MinSize || p.outage.permanent })
	p.mu.Lock()
	if p.outage.err != nil {
		err = p.outage.err
	}
	if p.usable() >= p.cfg.MinSize {
		err = nil
	}
	p.unlock()
	if err == nil {
		return nil
	}
	_ = p.drain(ctx) // its only error is that of ctx
	return p.explain("start", err)
}

// usable is how many connections are open. Callers hold mu.
func (p *Pool[C]) usable() int { return p.size() - p.count[Opening] }

// Stop refuses all requests, those that wait included, closes what is idle, and waits until everything that is lent
// came back. When ctx ends first, what is still lent is closed under its holder.
func (p *Pool[C]) Stop(ctx context.Context) error { return p.base.Stop(ctx, p.drain) }

func (p *Pool[C]) drain(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	p.running = false
	p.kill()
	p.refuseAll(CodeStopped, now)
	p.empty(Shutdown, now)
	p.unlock()
	gone := func() bool { return len(p.all) == 0 }
	err := p.watch(ctx, gone)
	if err != nil {
		p.cut()
		_ = p.watch(context.Background(), gone) // each Close returns soon
	}
	p.work.Wait()
	for i := range p.shares {
		p.shares[i].leave()
	}
	return err
}

// cut closes what is lent.
func (p *Pool[C]) cut() {
	p.mu.Lock()
	defer p.unlock()
	now := p.now()
	for _, e := range p.all {
		if e.state == Active {
			p.unlend(e)
			p.retire(e, Shutdown, now)
		}
	}
}

// watch waits until the condition, which is asked under mu each time a connection came or went, holds, or ctx ends.
func (p *Pool[C]) watch(ctx context.Context, holds func() bool) error {
	changed := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.unlock()
	p.watchers[changed] = struct{}{}
	defer delete(p.watchers, changed)
	for !holds() {
		p.unlock()
		var err error
		select {
		case <-changed:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		p.mu.Lock()
		if err != nil && !holds() {
			return err
		}
	}
	return nil
}

// notify lets those that watch look again. Callers hold mu.
func (p *Pool[C]) notify() {
	for w := range p.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// now reads the pool's clock.
func (p *Pool[C]) now() instant { return time.Since(p.epoch) }

// poke makes the keeper look at once.
func (p *Pool[C]) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
