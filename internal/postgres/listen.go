package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/lifecycle"
)

const (
	quietTime     = 30 * time.Second // after which a silent connection is asked whether it is there
	answerTime    = 5 * time.Second  // for the answer
	resyncTimeout = 30 * time.Second // for all subscriptions together
)

// Subscription is a channel that a [Listener] listens to. Its functions are called from one goroutine, one at a time.
type Subscription struct {
	Channel string
	// Notify is called for each notification, in order. While it runs no other is read.
	Notify func(payload string)
	// Resync is called after each (re)connect, when LISTEN is in force and before the first Notify: what was notified
	// while nobody listened must be looked up. An error counts as a lost connection. May be nil.
	Resync func(ctx context.Context) error
}

// Listener holds one connection that listens. It is a lifecycle.Service, ready when the first Resync is done.
type Listener struct {
	db            *DB
	log           *slog.Logger
	report        func(error)
	subscriptions []Subscription
	quiet, answer time.Duration
	base          lifecycle.Base
}

var _ lifecycle.Service = (*Listener)(nil)

// NewListener returns a listener for the channels. report, which may be nil, hears of each lost connection and failed
// attempt with the reason, and of each success with nil.
func NewListener(db *DB, log *slog.Logger, report func(error), subscriptions ...Subscription) *Listener {
	if report == nil {
		report = func(error) {}
	}
	return &Listener{db: db, log: log, report: report, subscriptions: subscriptions, quiet: quietTime, answer: answerTime}
}

// Start connects, listens and has the subscriptions resynced once.
func (l *Listener) Start(ctx context.Context) error {
	return l.base.Start(ctx, func(ctx context.Context) error {
		conn, err := l.open(ctx)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		l.base.Go(func(ctx context.Context) { l.run(ctx, conn) })
		return nil
	})
}

// Stop ends the connection.
func (l *Listener) Stop(ctx context.Context) error { return l.base.Stop(ctx, nil) }

// run follows connection after connection until the service ends.
func (l *Listener) run(ctx context.Context, conn *pgx.Conn) {
	var pauses backoff
	for {
		err := l.follow(ctx, conn)
		hangUp(conn)
		for {
			if ctx.Err() != nil {
				return
			}
			l.report(fmt.Errorf("listen: %w", err))
			l.log.WarnContext(ctx, "listening to PostgreSQL interrupted", "error", err)
			if !pauses.pause(ctx) {
				return
			}
			if conn, err = l.open(ctx); err == nil {
				break
			}
		}
		pauses.reset()
		l.report(nil)
		l.log.InfoContext(ctx, "listening to PostgreSQL again")
	}
}

// open connects, listens to every channel, and then has every subscription look up what it missed.
func (l *Listener) open(ctx context.Context) (*pgx.Conn, error) {
	conn, err := dial(ctx, l.db.current(), map[string]string{"application_name": ApplicationName + " listen"})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, resyncTimeout)
	defer cancel()
	if err := l.prepare(ctx, conn); err != nil {
		hangUp(conn)
		return nil, err
	}
	return conn, nil
}

func (l *Listener) prepare(ctx context.Context, conn *pgx.Conn) error {
	for _, s := range l.subscriptions {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.Channel}.Sanitize()); err != nil {
			return Explain(err)
		}
	}
	for _, s := range l.subscriptions {
		if s.Resync == nil {
			continue
		}
		if err := s.Resync(ctx); err != nil {
			return fmt.Errorf("resync channel %s: %w", s.Channel, err)
		}
	}
	return nil
}

// follow hands out notifications until the connection breaks or ctx ends.
func (l *Listener) follow(ctx context.Context, conn *pgx.Conn) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, l.quiet)
		n, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			l.hand(n.Channel, n.Payload)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			if err := l.stillThere(ctx, conn); err != nil {
				return fmt.Errorf("no sign of life: %w", err)
			}
		default:
			return Explain(err)
		}
	}
}

func (l *Listener) stillThere(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.answer)
	defer cancel()
	return conn.Ping(ctx)
}

func (l *Listener) hand(channel, payload string) {
	for _, s := range l.subscriptions {
		if s.Channel == channel && s.Notify != nil {
			s.Notify(payload)
		}
	}
}
