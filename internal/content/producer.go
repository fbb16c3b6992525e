package content

import (
	"context"
	"errors"
	"sync"
	"time"

	"holdfast/internal/lifecycle"
)

// producer is the half that syncs. Every process has one; it works while its process holds the role.
type producer struct {
	c        *Content
	role     role
	requests lifecycle.Wake // a request waits
	chances  lifecycle.Wake // the role may be free
	waiters  waiters
	repos    repos

	life context.CancelFunc // ends run
	done sync.WaitGroup     // of run

	mu    sync.Mutex // protects the following
	queue *queue     // nil while the role is not ours
}

func newProducer(c *Content) *producer {
	return &producer{
		c: c, requests: lifecycle.NewWake(), chances: lifecycle.NewWake(),
		role: role{db: c.db, q: c.q, node: c.opts.Node, ttl: c.opts.RoleTTL},
	}
}

// start begins to look for the role.
func (p *producer) start(context.Context) error {
	if !p.c.cfg().Sync {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.life = cancel
	p.done.Go(func() { p.run(ctx) })
	return nil
}

// stop breaks off what is under way, and gives the role back.
func (p *producer) stop(ctx context.Context) error {
	if p.life == nil {
		return nil
	}
	p.life()
	p.done.Wait()
	p.life = nil
	if err := p.role.giveUp(ctx, p.c.channel()); err != nil {
		// The database knows when the role ends: the others wait that long, and nothing else is lost.
		p.c.log.WarnContext(ctx, "the role of syncing could not be given up", "error", err)
	}
	return nil
}

// run takes the role whenever it is free, and works as long as it is ours.
func (p *producer) run(ctx context.Context) {
	lifecycle.Every(ctx, p.role.ttl/3, p.chances, func(ctx context.Context) {
		mine, err := p.role.take(ctx)
		if ctx.Err() != nil {
			return
		}
		p.c.trouble.Report("take the role of syncing", err)
		if mine {
			p.rule(ctx)
		}
	})
}

// rule is one time in the role. Everything that is done in it ends before rule returns.
func (p *producer) rule(ctx context.Context) {
	token := p.role.held()
	p.c.log.InfoContext(ctx, "this process syncs now", "token", token)
	ctx, lose := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	work.Go(func() { lose(p.role.hold(ctx)) })
	work.Go(func() { p.reign(ctx, token) })
	work.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		p.c.log.WarnContext(ctx, "this process does not sync any more", "token", token, "error", cause)
		p.role.set(0, time.Time{})
	}
}
