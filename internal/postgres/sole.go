package postgres

import (
	"context"
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
)

// The times of a [Sole]. Trust must be well below grace: the difference covers clocks that run at different speeds.
const (
	solePing     = 250 * time.Millisecond // between two looks for others; a newcomer waits that long at most
	solePatience = time.Second            // for the answer to a look
	soleTrust    = 3 * time.Second        // how long after asking an answer is believed
	soleGrace    = 6 * time.Second        // what a newcomer waits when the last sole process vanished
)

//go:embed sole_migrations/*.sql
var soleMigrations embed.FS

// Sole knows whether this process is the only one of its kind on the database. While it is, nobody else can have
// written, so what was read once may be kept in memory.
//
// Every process holds a shared advisory lock on a connection of its own from Start to Stop. A process that can have the
// lock exclusively is alone, and looks four times a second whether a newcomer waits; then it first stops believing
// that it is alone and only then lets the newcomer in. An answer is believed for three seconds from the moment it was
// asked for, so a process that has lost its connection stops believing before anybody else may write: a newcomer that
// finds the last sole process gone without a goodbye (its name is still in the table) waits six seconds, unless the
// process ran on this machine and can be seen to be dead.
//
// It is a lifecycle.Service, ready when this process may write.
type Sole struct {
	db    *DB
	log   *slog.Logger
	key   int64 // of the advisory lock
	table string
	name  string        // of this process in the table
	grace time.Duration // soleGrace, but in tests
	base  lifecycle.Base

	epoch time.Time    // what the next counts from, on the monotonic clock
	until atomic.Int64 // nanoseconds after epoch until which this process believes to be alone; 0: it is not
	turn  atomic.Uint64
}

var _ lifecycle.Service = (*Sole)(nil)

// NewSole returns a Sole for the processes that use the schema of db.
func NewSole(db *DB, log *slog.Logger) *Sole {
	h := fnv.New64a()
	h.Write([]byte("holdfast sole " + db.Schema())) // fnv never fails
	return &Sole{
		db: db, log: log, key: int64(h.Sum64() & math.MaxInt64), table: db.Schema() + ".sole",
		name: newProcessName(), grace: soleGrace, epoch: time.Now(),
	}
}

// Turn returns a number while this process is alone, else 0. The number is another one each time that it became alone:
// what was read in one turn says nothing about the next.
func (s *Sole) Turn() uint64 {
	if int64(time.Since(s.epoch)) < s.until.Load() {
		return s.turn.Load()
	}
	return 0
}

// Start takes the shared lock, which a sole process gives way for within a second or so.
func (s *Sole) Start(ctx context.Context) error {
	return s.base.Start(ctx, func(ctx context.Context) error {
		migrations, err := fs.Sub(soleMigrations, "sole_migrations")
		if err == nil {
			err = s.db.Migrate(ctx, "sole", migrations)
		}
		if err != nil {
			return fmt.Errorf("look for other processes: %w", err)
		}
		conn, err := s.join(ctx)
		if err != nil {
			return fmt.Errorf("look for other processes: %w", err)
		}
		s.base.Go(func(ctx context.Context) { s.run(ctx, conn) })
		return nil
	})
}

// Stop says goodbye and lets go of the lock.
func (s *Sole) Stop(ctx context.Context) error { return s.base.Stop(ctx, nil) }

// run stays in the company of the others, connection after connection.
func (s *Sole) run(ctx context.Context, conn *pgxpool.Conn) {
	var pauses backoff
	for {
		err := s.stay(ctx, conn)
		s.leave(ctx, conn, err == nil)
		for err != nil {
			s.log.WarnContext(ctx, "no longer sure to be the only process", "error", err)
			if !pauses.pause(ctx) {
				return
			}
			conn, err = s.join(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		pauses.reset()
	}
}

// join gets a connection and the shared lock on it.
func (s *Sole) join(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := s.db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx, conn.Conn()); err != nil {
		s.drop(conn)
		return nil, soleError(err)
	}
	return conn, nil
}

// soleError adds what to do when the lock was not to be had: a process that is alone gives way at once, unless it is
// stopped.
func soleError(err error) error {
	err = Explain(err)
	if fault.CodeOf(err) != "lock_timeout" {
		return err
	}
	return fault.New(fault.Unavailable, "process_hung", "another Holdfast process holds the database and does not answer: %w", err).
		WithHint("look for a process that is stopped or out of memory, and end it")
}

// enter waits for the lock, and out the trust of a sole process that vanished.
func (s *Sole) enter(ctx context.Context, conn *pgx.Conn) error {
	// Bounded by the session's lock_timeout. A sole process looks for us four times a second, or its connection is gone.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock_shared($1)", s.key); err != nil {
		return err
	}
	var holder string
	if err := conn.QueryRow(ctx, "SELECT holder FROM "+s.table).Scan(&holder); err != nil {
		return err
	}
	if holder == "" {
		return nil
	}
	if holder != s.name && !seenDead(holder) {
		s.log.InfoContext(ctx, "the last process vanished without a goodbye: waiting", "for", s.grace)
		if !sleep(ctx, s.grace) {
			return context.Cause(ctx)
		}
	}
	_, err := conn.Exec(ctx, "UPDATE "+s.table+" SET holder = '' WHERE holder = $1", holder)
	return err
}

// stay looks for others until the connection fails (an error) or the service ends (nil).
func (s *Sole) stay(ctx context.Context, conn *pgxpool.Conn) error {
	alone := false
	for {
		asked := time.Since(s.epoch)
		// A look is finished even when the service ends, so that the connection stays good for a goodbye.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), solePatience)
		now, err := s.look(limited, conn.Conn(), alone)
		cancel()
		if err != nil {
			s.until.Store(0)
			return Explain(err)
		}
		if now && !alone {
			s.turn.Add(1)
		}
		if alone = now; alone {
			s.until.Store(int64(asked + soleTrust))
		}
		if !sleep(ctx, solePing) {
			return nil
		}
	}
}

// look asks whether we are alone now. A process that is alone gives way if somebody waits.
func (s *Sole) look(ctx context.Context, conn *pgx.Conn, alone bool) (bool, error) {
	if !alone {
		return s.tryAlone(ctx, conn)
	}
	var waiting bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND classid::bigint = $1::bigint >> 32 AND objid::bigint = $1::bigint & 4294967295 AND objsubid = 1)`, s.key).Scan(&waiting)
	if err != nil || !waiting {
		return err == nil, err
	}
	s.until.Store(0) // first stop believing
	return false, s.giveWay(ctx, conn)
}

// tryAlone takes the exclusive lock if nobody else holds the shared one, and writes down who it is.
func (s *Sole) tryAlone(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var mine bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", s.key).Scan(&mine); err != nil || !mine {
		return false, err
	}
	_, err := conn.Exec(ctx, "UPDATE "+s.table+" SET holder = $1", s.name)
	return err == nil, err
}

// giveWay says goodbye and lets go of the exclusive lock; the shared one stays.
func (s *Sole) giveWay(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "UPDATE "+s.table+" SET holder = ''"); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", s.key)
	return err
}

// leave ends a connection; one that works with a goodbye.
func (s *Sole) leave(ctx context.Context, conn *pgxpool.Conn, works bool) {
	if s.until.Swap(0) != 0 && works {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), solePatience)
		defer cancel()
		if err := s.giveWay(limited, conn.Conn()); err != nil {
			s.log.WarnContext(limited, "no goodbye as the only process: the next one waits", "error", err)
		}
	}
	s.drop(conn)
}

// drop closes the connection, and with it the locks, rather than giving it back to the pool.
func (s *Sole) drop(conn *pgxpool.Conn) { hangUp(conn.Hijack()) }

// sleep reports whether d passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
