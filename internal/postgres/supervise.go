package postgres

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
)

// steadyTime is how long a server must have run for its next crash to count as the first.
const steadyTime = time.Minute

// launch starts the process, when nothing is left of an earlier one, and waits until it is ready.
func (s *PrivateServer) launch(ctx context.Context) error {
	if err := endLeftover(ctx, s.log, s.place, s.account); err != nil {
		return err
	}
	s.serverL.forget()
	p, err := s.spawn()
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx, s.place.data()); err != nil {
		if p.running() {
			return err
		}
		return fmt.Errorf("%w%s", err, s.serverL.lastComplaint())
	}
	return nil
}

// noRoom gives a start that failed for want of room its kind and a hint. PostgreSQL cannot start without writing; it says so in
// its log alone.
func (s *PrivateServer) noRoom(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) &&
		!strings.Contains(err.Error(), "No space left on device") {
		return err
	}
	return fault.New(fault.Full, "disk_full", "%w", err).
		WithHint("PostgreSQL needs some room to start: free a few megabytes below %s", s.place.Dir)
}

func (s *PrivateServer) spawn() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, lifecycle.ErrStopped
	}
	p, err := spawn(filepath.Join(s.release.bin, "postgres"), s.arguments(), s.account, s.serverL.read)
	if err != nil {
		return nil, err
	}
	s.process = p
	return p, nil
}

// supervise starts the server again when it ends by itself, until the service ends.
func (s *PrivateServer) supervise(ctx context.Context) {
	defer func() { _ = s.lock.Release() }() // gives up the place
	var pauses backoff
	for {
		s.mu.Lock()
		p := s.process
		s.mu.Unlock()
		began := time.Now()
		select {
		case <-p.exited:
		case <-ctx.Done():
			s.cut(p)
			return
		}
		if s.ended(ctx) {
			return
		}
		err := fmt.Errorf("the private PostgreSQL server ended by itself: %w%s", orUnknown(p.err), s.serverL.lastComplaint())
		if time.Since(began) > steadyTime {
			pauses.reset()
		}
		if !s.revive(ctx, &pauses, err) {
			return
		}
	}
}

// revive tries to start the server until it runs; it reports false when the service ends.
func (s *PrivateServer) revive(ctx context.Context, pauses *backoff, err error) bool {
	for !s.ended(ctx) {
		s.log.ErrorContext(ctx, "private PostgreSQL server does not run", "error", err)
		s.report(err)
		if !pauses.pause(ctx) {
			return false
		}
		if err = s.launch(ctx); err == nil {
			s.log.InfoContext(ctx, "private PostgreSQL server runs again")
			s.report(nil)
			return true
		}
		s.mu.Lock()
		p := s.process
		s.mu.Unlock()
		s.cut(p) // in case ctx ended while it was starting
	}
	return false
}

func (s *PrivateServer) ended(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping || ctx.Err() != nil
}

// cut ends a process for which there is no more time.
func (s *PrivateServer) cut(p *process) {
	if !p.running() {
		return
	}
	if err := p.quit(); err != nil {
		s.log.Error("ending the private PostgreSQL server", "error", err)
	}
}

func orUnknown(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
