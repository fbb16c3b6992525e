package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

// firstStore bounds the first start on a database: the making of a store, and the wait for a process that makes it.
const firstStore = "2min"

// identify opens the store and makes sure that it is the one whose files the database names. The first process that
// starts notes the id of its store in the database; later ones must find the same, be it after a restart, on another
// machine, or with another path or address in the configuration. A store is made only while none is noted, so an empty
// directory or bucket is never taken for one whose files are all gone.
func (d *Daemon) identify(ctx context.Context, open openFunc) error {
	table := d.db.Schema() + ".store"
	query := "SELECT id, place FROM " + table
	var known noted
	err := d.db.QueryRow(ctx, query).Scan(&known.id, &known.place)
	if !errors.Is(err, pgx.ErrNoRows) {
		if err != nil {
			return err
		}
		return known.compare(open, table)
	}
	// Processes that start for the first time do this one after the other, so that only one makes a store.
	return d.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+firstStore+"'; SET LOCAL statement_timeout = '"+firstStore+
			"'; SET LOCAL idle_in_transaction_session_timeout = '"+firstStore+"'; LOCK TABLE "+table+" IN EXCLUSIVE MODE")
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, query).Scan(&known.id, &known.place)
		if !errors.Is(err, pgx.ErrNoRows) {
			return errors.Join(err, known.compare(open, table))
		}
		found, err := open(true)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO "+table+" (id, place) VALUES ($1, $2)", found.id, found.place)
		return err
	})
}

// openFunc opens the store, and makes it if it may and must.
type openFunc func(create bool) (noted, error)

// noted is what the database knows of its store.
type noted struct {
	id    string
	place string // where it is, for people
}

// compare opens the store and refuses another than the one that was noted.
func (known noted) compare(open openFunc, table string) error {
	found, err := open(false)
	switch {
	case err != nil:
		return fmt.Errorf("%w; the files of this database were first at %s", err, known.place)
	case found.id == known.id:
		return nil
	}
	return fault.New(fault.Config, "store_mismatch",
		"%s is not the store of this database: its id is %s, the files of the database are in the store %s, first at %s",
		found.place, found.id, known.id, known.place).
		WithHint("every machine must use the same store: check media.root and what is mounted there, or [storage.s3], or "+
			"[database] if that is the wrong one; to take this store for good, which must hold all files: DELETE FROM %s", table)
}
