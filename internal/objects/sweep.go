package objects

import (
	"context"
	"fmt"
	"time"

	"holdfast/internal/lifecycle"

	"github.com/jackc/pgx/v5"
)

// sweepBatch is how many rows a step of the sweep ends at once.
const sweepBatch = 500

// sweepLoop moves dead blobs whenever there are some, and now and then ends what has had its time.
func (x *Index) sweepLoop(ctx context.Context) {
	now := time.Now()
	chores := []struct {
		name  string
		pause time.Duration
		next  time.Time
		work  func(context.Context) error
	}{
		{"sweep", x.cfg.Sweep, now, x.sweep},
		{"forget", 10 * time.Minute, now, func(context.Context) error { x.deaths.forget(x.memorable()); return nil }},
		{"last use", time.Hour, now.Add(time.Minute), x.noteUse},
	}
	lifecycle.Every(ctx, x.cfg.Sweep, x.sweeps, func(ctx context.Context) {
		x.try(ctx, "trash", x.moveDead)
		for i := range chores {
			if c := &chores[i]; !time.Now().Before(c.next) {
				x.try(ctx, c.name, c.work)
				c.next = time.Now().Add(c.pause)
			}
		}
	})
}

// try runs a piece of background work and records how it went.
func (x *Index) try(ctx context.Context, name string, work func(context.Context) error) {
	if err := work(ctx); ctx.Err() == nil {
		x.trouble.Report(name, err)
	}
}

// sweep ends what has ended: expired objects, stale uploads, slots, the trash, old records. One process at a time does
// each step; the others find the lock taken and leave it to that one.
func (x *Index) sweep(ctx context.Context) error {
	keep := (x.cfg.LinkMaxTTL + grace).Milliseconds()
	steps := []func(context.Context) (more bool, err error){
		x.endObjects, x.endUploads, x.emptyTrash,
		x.purge("uploads", "id", "done_at < now() - interval '1 day'"),
		x.purge("slots", "id", "expires < now() - interval '1 day'"),
		x.purge("dead_blobs", "seq", fmt.Sprintf(
			"state IN ('linked', 'revived', 'gone') AND at < now() - %d * interval '1 millisecond'", keep)),
	}
	for _, step := range steps {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = step(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// alone runs f in a transaction if no other process is in such a transaction.
func (x *Index) alone(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) (int, error)) (n int, err error) {
	err = x.inTx(ctx, "sweep", func(ctx context.Context, tx pgx.Tx) error {
		var mine bool
		err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtext($1), 0)", x.rawSchema()+".sweep").Scan(&mine)
		if err == nil && mine {
			n, err = f(ctx, tx)
		}
		return err
	})
	return n, err
}

// endObjects deletes objects whose time has passed, as a delete by their owner would.
func (x *Index) endObjects(ctx context.Context) (more bool, err error) {
	var batch []*write
	_, err = x.alone(ctx, func(ctx context.Context, tx pgx.Tx) (int, error) {
		rows, err := tx.Query(ctx, x.q(fmt.Sprintf(`SELECT bucket, key, gen FROM {s}.objects WHERE expires <= now()
			ORDER BY expires LIMIT %d`, maxBatch)))
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		for rows.Next() {
			w := &write{op: opExpire}
			if err := rows.Scan(&w.bucket, &w.key, &w.gen); err != nil {
				return 0, err
			}
			batch = append(batch, w)
		}
		return len(batch), rows.Err()
	})
	if err != nil || len(batch) == 0 {
		return false, err
	}
	for _, a := range x.commitBatch(ctx, batch) {
		if a.err != nil {
			return false, fmt.Errorf("end expired objects: %w", a.err)
		}
		more = more || a.value.has(flagFound) // else somebody else was faster with all of them
	}
	return more, nil
}

// endUploads aborts uploads that nobody completed in time.
func (x *Index) endUploads(ctx context.Context) (more bool, err error) {
	const few = 20 // one may have ten thousand parts
	n, err := x.alone(ctx, func(ctx context.Context, tx pgx.Tx) (int, error) {
		tag, err := tx.Exec(ctx, x.q(fmt.Sprintf(`SELECT {s}.abort_upload(id) FROM (SELECT id FROM {s}.uploads
			WHERE done_at IS NULL AND initiated < now() - %d * interval '1 millisecond'
			ORDER BY initiated LIMIT %d) stale`, x.cfg.AbortUploadsAfter.Milliseconds(), few)))
		return int(tag.RowsAffected()), err
	})
	if n > 0 {
		x.sweeps.Up()
	}
	return n == few, err
}

// purge returns a step that deletes old rows of a table in small transactions.
func (x *Index) purge(table, key, where string) func(context.Context) (bool, error) {
	sql := x.q(fmt.Sprintf("DELETE FROM {s}.%[1]s WHERE %[2]s IN (SELECT %[2]s FROM {s}.%[1]s WHERE %[3]s LIMIT %[4]d)",
		table, key, where, sweepBatch))
	return func(ctx context.Context) (bool, error) {
		n, err := x.alone(ctx, func(ctx context.Context, tx pgx.Tx) (int, error) {
			tag, err := tx.Exec(ctx, sql)
			return int(tag.RowsAffected()), err
		})
		return n == sweepBatch, err
	}
}
