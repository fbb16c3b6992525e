package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"holdfast/internal/fault"
)

const (
	// migrationLock is the key of the advisory lock: "holdfast" in ASCII.
	migrationLock int64 = 0x686f6c6466617374
	// migrationWait bounds the wait for another process that migrates.
	migrationWait = 5 * time.Minute
	// lockPoll is the pause between two tries for the lock. We ask again and again instead of waiting inside PostgreSQL,
	// because a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY waits for snapshots: a deadlock.
	lockPoll = 25 * time.Millisecond
)

var plainComponent = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// Migrate brings the tables of a component up to date, creating the schema if need be. Any number of processes may call
// it at once. See "Migrations" in the package comment for how migrations are written.
func (db *DB) Migrate(ctx context.Context, component string, migrations fs.FS) error {
	err := db.migrate(ctx, component, migrations)
	if err != nil {
		return fmt.Errorf("migrate %s in schema %q: %w", component, db.config.Schema, Explain(err))
	}
	return nil
}

func (db *DB) migrate(ctx context.Context, component string, migrations fs.FS) error {
	if !plainComponent.MatchString(component) {
		return fmt.Errorf("%q is no plain name", component)
	}
	// The lock lives in a session of its own, and ends with it.
	conn, err := dial(ctx, db.current(), nil)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if err := awaitLock(ctx, conn); err != nil {
		return err
	}
	if err := db.createSchema(ctx, conn); err != nil {
		return err
	}
	pool, err := db.migrationPool()
	if err != nil {
		return err
	}
	return errors.Join(up(ctx, pool, component, migrations), pool.Close())
}

// awaitLock takes the advisory lock of the session.
func awaitLock(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, migrationWait)
	defer cancel()
	for {
		var mine bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", migrationLock).Scan(&mine); err != nil || mine {
			return err
		}
		select {
		case <-time.After(lockPoll + rand.N(lockPoll)):
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "migration_locked", "wait for another process that migrates: %w", ctx.Err()).
				WithHint("the process that holds the lock is in pg_locks, locktype advisory; end it if it hangs")
		}
	}
}

// createSchema asks first, because CREATE SCHEMA IF NOT EXISTS needs the right to create one even when it exists.
func (db *DB) createSchema(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", db.config.Schema).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE SCHEMA "+db.Schema())
	return err
}

// migrationPool opens connections that find the schema without naming it and may take their time.
func (db *DB) migrationPool() (*sql.DB, error) {
	cc, err := connConfig(db.current())
	if err != nil {
		return nil, err
	}
	cc.RuntimeParams["search_path"] = db.Schema()
	cc.RuntimeParams["statement_timeout"] = "0"
	cc.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	cc.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing prepared: the tables change under our hands
	return stdlib.OpenDB(*cc), nil
}

func up(ctx context.Context, pool *sql.DB, component string, migrations fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, migrations,
		goose.WithTableName("migrations_"+component),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	)
	if err != nil {
		return err
	}
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if has > knows {
		return fault.New(fault.Conflict, "schema_newer", "the database is at version %d, this Holdfast knows %d", has, knows).
			WithHint("another process runs a newer Holdfast: install that version here, too")
	}
	_, err = provider.Up(ctx)
	if broken := (*goose.PartialError)(nil); errors.As(err, &broken) {
		return fmt.Errorf("%s: %w", broken.Failed.Source.Path, broken.Err)
	}
	return err
}

// hangUp closes a connection politely, but not at any price.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	_ = conn.Close(ctx) // it is given up either way
}
