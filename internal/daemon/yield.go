package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"holdfast/internal/handover"
	"holdfast/internal/postgres"
)

const (
	// firstRequest is how long those may take to ask who were let in when the listeners were handed over.
	firstRequest = 500 * time.Millisecond
	// startAgainFor is how long a process tries to start again whose successor has failed.
	startAgainFor = 30 * time.Second
	// lockPart is the name of the lock on the state directory among the parts.
	lockPart = "lock"
)

// mayYield says why nobody can take over from this process.
func (d *Daemon) mayYield() error {
	if d.cfg.Database.Mode == postgres.PrivateCluster {
		return noTakeover()
	}
	return nil
}

// yield is called when a successor has committed.
func (d *Daemon) yield(h *handover.Heir) { d.given <- h }

// lingers are the parts that the pooler's clients need, and the pooler.
func lingers(r running) bool {
	return slices.Contains([]string{"pooler", "database", "audit", "log-in", "log-in changes"}, r.name)
}

// linger is the end of a process that a successor takes over from: all ends as in Stop but for the pooler's clients, which stay until they
// leave, or the context or their time ends. If the successor ends before it is ready, the process starts again beside them.
func (d *Daemon) linger(ctx context.Context, heir *handover.Heir, ready func(*Daemon)) error {
	d.log.InfoContext(ctx, "a successor takes over: clients of the pooler stay until they leave")
	all := []error{d.letGo(ctx)}
	staying, leave := context.WithCancel(ctx)
	defer leave()
	d.leave = leave
	var outcome sync.WaitGroup
	outcome.Go(func() {
		err := heir.Wait(ctx)
		switch {
		case err == nil:
			d.log.InfoContext(ctx, "the successor is ready")
		case ctx.Err() == nil:
			all = append(all, d.takeBack(ctx, err, ready))
		}
	})
	lingered := d.serveClients(staying)
	outcome.Wait()
	d.listeners.Release()
	return errors.Join(errors.Join(all...), lingered)
}

// takeBack starts again in the place of a successor that has failed, and runs until the end that Run would come to. Those who linger leave
// then, too, unless somebody else has taken over.
func (d *Daemon) takeBack(ctx context.Context, why error, ready func(*Daemon)) error {
	d.log.ErrorContext(ctx, "not taken over, this process starts again", "error", why)
	again, err := d.startAgain(ctx)
	if err != nil {
		d.leave()
		return err
	}
	d.listeners.Release() // it has its own
	err = again.attend(ctx, ready)
	if !again.listeners.Given() {
		d.leave()
	}
	return err
}

// startAgain returns a daemon that runs on the listeners of this one, with the configuration that was read last. What the successor met,
// as a database without room, may pass.
func (d *Daemon) startAgain(ctx context.Context) (*Daemon, error) {
	o := d.opts
	o.TakeOver, o.Config = false, d.config()
	for deadline := time.Now().Add(startAgainFor); ; {
		again := New(o)
		again.again = d.again + 1
		var err error
		if again.listeners, err = d.listeners.TakeBack(); err != nil {
			return nil, err
		}
		if err = again.Start(ctx); err == nil {
			return again, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, err
		}
		d.log.ErrorContext(ctx, "this process tries to start once more", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// letGo ends all but what lingers, and lets go of the lock on the state directory. Clients of the pooler are let in until then: only
// what comes afterwards waits for the successor.
func (d *Daemon) letGo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Drain+settle)
	defer cancel()
	d.hush(ctx)
	doors, parts := d.doors, d.running
	d.doors = slices.DeleteFunc(slices.Clone(doors), lingers)
	all := []error{d.closeDoors(ctx, d.cfg.Admin.TakeoverDrain.D())}
	for _, r := range slices.Backward(parts) {
		if lingers(r) {
			continue
		}
		if r.name == lockPart && d.pooler != nil {
			d.pooler.Refuse()
		}
		part, cancel := halfOf(ctx)
		if err := r.stop(part); err != nil {
			all = append(all, fmt.Errorf("stop %s: %w", r.name, err))
		}
		cancel()
	}
	d.admin, d.node = nil, nil // nobody asks them any more
	others := func(r running) bool { return !lingers(r) }
	d.running = append(slices.DeleteFunc(parts, others), slices.DeleteFunc(doors, others)...)
	return errors.Join(all...)
}

// hush ends the accepting of requests before anything is stopped.
func (d *Daemon) hush(ctx context.Context) {
	d.edge.Hush()
	d.s3.Hush()
	d.admin.Hush()
	select {
	case <-ctx.Done():
	case <-time.After(firstRequest):
	}
}

// serveClients lets the pooler's clients go on until they have left, and stops what is left of the daemon. Their cancel requests find them.
func (d *Daemon) serveClients(ctx context.Context) error {
	server := d.drainingServer()
	if err := server.Start(ctx); err != nil {
		d.log.ErrorContext(ctx, "cancel requests will not find the clients that stay", "error", err)
	}
	if d.pooler != nil {
		staying, cancel := context.WithTimeout(ctx, d.cfg.Database.Pooling.TakeoverLinger.D())
		d.pooler.Linger(staying)
		cancel()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), Drain)
	defer cancel()
	err := d.Stop(last)
	return errors.Join(err, server.Stop(last))
}
