package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
	"holdfast/internal/handover"
	"holdfast/internal/postgres"
)

// askTime is how long a running process may take to offer its listeners, and to agree.
const askTime = 10 * time.Second

func (d *Daemon) handoverPath() string { return filepath.Join(d.cfg.Paths.State, "handover.sock") }

// takeOver takes the listeners of the process that runs. What can be wrong with the configuration is found before.
func (d *Daemon) takeOver(ctx context.Context) error {
	if err := d.mayTakeOver(ctx); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	offer, err := handover.Ask(asking, d.handoverPath())
	if err != nil {
		return fault.New(fault.Conflict, "takeover", "take over: %w", err).
			WithHint("if no Holdfast runs with this state directory, start it without --takeover")
	}
	if err := offer.Commit(asking); err != nil {
		return fault.New(fault.Conflict, "takeover", "%w", errors.Join(err, offer.Close())).
			WithHint("the running process goes on; its log says why")
	}
	d.listeners, d.offer = offer.Listeners(), offer
	d.log.InfoContext(ctx, "the running process hands its listeners over")
	return nil
}

// mayTakeOver tries what may fail at the start.
func (d *Daemon) mayTakeOver(ctx context.Context) error {
	c := d.cfg.Database.Config
	if c.Mode == postgres.PrivateCluster {
		return noTakeover()
	}
	db, err := postgres.Connect(ctx, c)
	if err != nil {
		return err
	}
	db.Close()
	return nil
}

func noTakeover() error {
	return fault.New(fault.Conflict, "takeover_private", "a process with a private PostgreSQL cannot be taken over from: the server ends with it").
		WithHint("restart it: holdfast stop, then holdfast serve")
}

// takeLock takes the lock on the state directory; a process that was taken over from gets the time to end what it does, and a successor
// that was killed the time to be gone.
func (d *Daemon) takeLock(ctx context.Context, path string) (*atomicfile.Lock, error) {
	deadline := time.Now()
	if d.opts.TakeOver || d.again > 0 {
		deadline = deadline.Add(Drain + settle)
	}
	for {
		lock, err := lockFile(path)
		if err == nil || fault.KindOf(err) != fault.Conflict || !time.Now().Before(deadline) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// awaitSuccessor ends the start: the process before this one is told that it is not needed any more, and another process can take over
// from this one.
func (d *Daemon) awaitSuccessor(ctx context.Context) error {
	for _, name := range d.listeners.Leftover() {
		d.log.WarnContext(ctx, "a listener of the process before is not configured any more", "listener", name)
	}
	d.sweepDraining(ctx)
	giver := handover.NewGiver(d.handoverPath(), d.listeners, d.mayYield, d.yield, d.log)
	if err := d.run(ctx, "successors", giver); err != nil {
		return err
	}
	if d.offer == nil {
		d.listeners.Own()
		return nil
	}
	// First systemd, which would take the end of the process before for that of the service.
	notify(d.log, fmt.Sprintf("MAINPID=%d", os.Getpid()))
	err := d.offer.Ready()
	d.offer = nil
	if err != nil { // it has ended meanwhile, and its clients with it
		d.log.WarnContext(ctx, "the process before does not hear that it was taken over from", "error", err)
	}
	return nil
}

// abandon ends a start that has failed: the process before takes its listeners back.
func (d *Daemon) abandon() error {
	if d.offer == nil {
		return nil
	}
	offer := d.offer
	d.offer = nil
	return offer.Close()
}
