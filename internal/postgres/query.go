package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"holdfast/internal/fault"
)

// waitLimit bounds how long Acquire waits. The pool takes its context from the tracer; the statement that follows keeps the
// caller's own.
type waitLimit struct{ limit time.Duration }

type cancelKey struct{}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (w waitLimit) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	ctx, cancel := context.WithTimeout(ctx, w.limit)
	return context.WithValue(ctx, cancelKey{}, cancel)
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (w waitLimit) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	if cancel, ok := ctx.Value(cancelKey{}).(context.CancelFunc); ok {
		cancel()
	}
}

// TraceQueryStart implements pgx.QueryTracer, which the field of the configuration asks for.
func (w waitLimit) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (w waitLimit) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// explain is Explain, and knows the one deadline that is not the caller's: that of the wait for a connection.
func (db *DB) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*pgconn.ConnectError)):
		return db.config.connectError(err)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		s := db.Stats()
		return fault.New(fault.Unavailable, "pool_timeout", "wait for a connection to PostgreSQL: none became free within %s (%d of %d busy): %w",
			db.config.Options.Pool.Timeout, s.Busy, s.Max, err).
			WithHint("raise database.max_connections, or look for slow statements in pg_stat_activity")
	}
	return Explain(err)
}

// again runs f, which takes a connection, and runs it again as long as the connection was dead before anything was sent:
// after a restart of the server the pool is full of such.
func (db *DB) again(ctx context.Context, f func() error) error {
	err := f()
	for range db.config.MaxConnections {
		if err == nil || ctx.Err() != nil || !pgconn.SafeToRetry(err) {
			break
		}
		err = f()
	}
	return db.explain(ctx, err)
}

// Exec runs a statement that returns no rows.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = db.again(ctx, func() error {
		tag, err = db.pool.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// Query runs a statement that returns rows, which must be closed. Their own Err is the driver's: see [Explain].
func (db *DB) Query(ctx context.Context, sql string, args ...any) (rows pgx.Rows, err error) {
	err = db.again(ctx, func() error {
		rows, err = db.pool.Query(ctx, sql, args...)
		return err
	})
	return rows, err
}

// QueryRow runs a statement that returns one row. Scan returns pgx.ErrNoRows when there is none.
func (db *DB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return row(func(dest ...any) error {
		return db.again(ctx, func() error { return db.pool.QueryRow(ctx, sql, args...).Scan(dest...) })
	})
}

// row is a pgx.Row that runs its statement when it is scanned.
type row func(dest ...any) error

func (r row) Scan(dest ...any) error { return r(dest...) }

// Begin begins a transaction.
func (db *DB) Begin(ctx context.Context, options pgx.TxOptions) (tx pgx.Tx, err error) {
	err = db.again(ctx, func() error {
		tx, err = db.pool.BeginTx(ctx, options)
		return err
	})
	return tx, err
}

// InTx runs f in a transaction: committed when f returns nil, rolled back when it returns an error or panics.
func (db *DB) InTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	tx, err := db.Begin(ctx, pgx.TxOptions{})
	if err != nil {
		return err
	}
	defer rollback(ctx, tx) // does nothing after a commit
	if err := f(tx); err != nil {
		return db.explain(ctx, err)
	}
	return db.explain(ctx, tx.Commit(ctx))
}

// rollback ends a transaction whose context may have ended. If it fails the connection is closed, which ends it as well.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// Acquire lends a connection, to be given back by its Release.
func (db *DB) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := db.pool.Acquire(ctx)
	return conn, db.explain(ctx, err)
}

// SendBatch sends statements in one round trip. The results must be closed; their errors are the driver's: see [Explain].
func (db *DB) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return db.pool.SendBatch(ctx, b)
}

// Stats are the pool's numbers at one moment.
type Stats struct {
	Max, Open, Busy, Idle, Opening int           // connections
	Acquired                       int64         // times a connection was lent, since Connect
	Waited                         int64         // how many of them had to wait
	WaitTime                       time.Duration // how long in total
	Cancelled                      int64         // waits that ended without a connection
}

// Stats returns the pool's numbers.
func (db *DB) Stats() Stats {
	s := db.pool.Stat()
	return Stats{
		Max: int(s.MaxConns()), Open: int(s.TotalConns()), Busy: int(s.AcquiredConns()),
		Idle: int(s.IdleConns()), Opening: int(s.ConstructingConns()),
		Acquired: s.AcquireCount(), Waited: s.EmptyAcquireCount(), WaitTime: s.EmptyAcquireWaitTime(),
		Cancelled: s.CanceledAcquireCount(),
	}
}
