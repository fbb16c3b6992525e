package certs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

const (
	// leaseTime is how long a lease lasts, by the clock of the database.
	leaseTime = 30 * time.Second
	// leaseRenew is how often a holder prolongs it.
	leaseRenew = 8 * time.Second
	// leaseAnswer bounds one question to the database about it.
	leaseAnswer = 5 * time.Second
	// leasePoll is the time between two tries of who waits.
	leasePoll = 200 * time.Millisecond
)

// leases gives leases to this process.
type leases struct {
	db     Database
	holder string
}

// lease is held by this process, until it is given back or lost.
type lease struct {
	name  string
	fence int64
	give  func() // ends the prolonging and gives it back
}

// errTaken says that another process holds the lease.
var errTaken = fault.New(fault.Conflict, "lease_taken", "another process holds the lease")

// take takes a lease that is free or has run out. The context that it returns ends when the lease is lost.
func (l *leases) take(ctx context.Context, name string) (context.Context, *lease, error) {
	held := &lease{name: name}
	err := l.db.QueryRow(ctx, `
INSERT INTO `+l.db.Schema()+`.certs_leases AS l (name, holder, fence, until)
VALUES ($1, $2, nextval('`+l.db.Schema()+`.certs_fence'), clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = excluded.fence, until = excluded.until
WHERE l.until < clock_timestamp()
RETURNING fence`, name, l.holder, leaseTime.Seconds()).Scan(&held.fence)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, errTaken
	}
	if err != nil {
		return nil, nil, fmt.Errorf("take lease %s: %w", name, err)
	}
	ctx, lose := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() { // give waits for it
		defer close(done)
		l.prolong(ctx, held, lose)
	}()
	held.give = func() {
		lose(nil)
		<-done
		l.giveBack(ctx, held)
	}
	return ctx, held, nil
}

// await takes a lease as soon as it is free.
func (l *leases) await(ctx context.Context, name string) (context.Context, *lease, error) {
	for {
		under, held, err := l.take(ctx, name)
		if !errors.Is(err, errTaken) {
			return under, held, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("wait for lease %s: %w", name, context.Cause(ctx))
		case <-time.After(leasePoll):
		}
	}
}

// prolong keeps a lease until ctx ends, and ends it when the lease is lost or may be: when the database was not reached for too long.
func (l *leases) prolong(ctx context.Context, held *lease, lose context.CancelCauseFunc) {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	sure := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		mine, err := l.renew(ctx, held)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && !mine, err != nil && time.Since(sure) > leaseTime-leaseRenew-leaseAnswer:
			lose(errLeaseLost)
			return
		case err == nil:
			sure = asked
		}
	}
}

// renew prolongs a lease, and reports whether it is still ours.
func (l *leases) renew(ctx context.Context, held *lease) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseAnswer)
	defer cancel()
	tag, err := l.db.Exec(ctx, `
UPDATE `+l.db.Schema()+`.certs_leases SET until = clock_timestamp() + make_interval(secs => $3) WHERE name = $1 AND fence = $2`,
		held.name, held.fence, leaseTime.Seconds())
	return tag.RowsAffected() == 1, err
}

// giveBack lets the next one in at once. If it fails, the lease runs out.
func (l *leases) giveBack(ctx context.Context, held *lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseAnswer)
	defer cancel()
	_, _ = l.db.Exec(ctx, `DELETE FROM `+l.db.Schema()+`.certs_leases WHERE name = $1 AND fence = $2`, held.name, held.fence)
}
