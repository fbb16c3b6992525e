package objects

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
)

const (
	// moveBatch is how many blobs one transaction moves to the trash. Its rows are locked meanwhile.
	moveBatch = 64
	// moversAtOnce is how many of them are moved at the same time.
	moversAtOnce = 4
	// moveTimeout bounds the moves of one transaction. It is below idle_in_transaction_session_timeout.
	moveTimeout = 45 * time.Second
	// maxRetryAfter is the longest pause before a failed move is tried again. The first is a second; it doubles.
	maxRetryAfter = time.Hour
)

// corpse is a row of dead_blobs that something has to be done about.
type corpse struct {
	seq   int64
	id    BlobID
	part  bool
	tries int16
	err   error // what became of it
}

// moveDead moves dead blobs to the trash, and deletes dead parts, until none is left. Several processes share the work:
// each takes rows that no other has locked. A move that was done but not recorded, because the process died, is done
// again and changes nothing.
func (x *Index) moveDead(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := x.moveSome(ctx)
		if err != nil || n < moveBatch {
			return err
		}
	}
	return nil
}

func (x *Index) moveSome(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout+x.cfg.Timeout)
	defer cancel()
	var failed error
	err = x.db.InTx(ctx, func(tx pgx.Tx) error {
		batch, err := x.claimDead(ctx, tx, `state = 'dying' AND (next_try IS NULL OR next_try <= now()) ORDER BY seq`)
		if n = len(batch); err != nil || n == 0 {
			return err
		}
		moving, stop := context.WithTimeout(ctx, moveTimeout)
		defer stop()
		x.eachCorpse(batch, func(c *corpse) { c.err = x.move(moving, c) })
		failed = firstError(batch)
		return x.recordMoves(ctx, tx, batch)
	})
	return n, errors.Join(failed, dbError(ctx, "move dead blobs to the trash", err))
}

// claimDead locks up to moveBatch rows that no other process has locked.
func (x *Index) claimDead(ctx context.Context, tx pgx.Tx, where string) ([]*corpse, error) {
	rows, err := tx.Query(ctx, x.q(fmt.Sprintf("SELECT seq, blob, reason = 'part', tries FROM {s}.dead_blobs WHERE %s LIMIT %d FOR UPDATE SKIP LOCKED",
		where, moveBatch)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var batch []*corpse
	for rows.Next() {
		var c corpse
		if err := rows.Scan(&c.seq, (*[16]byte)(&c.id), &c.part, &c.tries); err != nil {
			return nil, err
		}
		batch = append(batch, &c)
	}
	return batch, rows.Err()
}

// eachCorpse calls f for each, a few at a time.
func (x *Index) eachCorpse(batch []*corpse, f func(*corpse)) {
	var work sync.WaitGroup
	turns := make(chan struct{}, moversAtOnce)
	for _, c := range batch {
		turns <- struct{}{}
		work.Go(func() {
			f(c)
			<-turns
		})
	}
	work.Wait()
}

// move takes one blob out of sight. A blob that is not there at all has nothing to be kept.
func (x *Index) move(ctx context.Context, c *corpse) error {
	if c.part {
		return x.blobs.Delete(ctx, c.id.PartName())
	}
	err := x.blobs.Move(ctx, c.id.BlobName(), c.id.TrashName())
	if errors.Is(err, blob.ErrNotFound) {
		x.log.WarnContext(ctx, "dead blob is neither in its place nor in the trash", "blob", c.id)
		return nil
	}
	return err
}

// recordMoves writes down what was done: parts are forgotten, blobs are in the trash, the rest is tried again later.
func (x *Index) recordMoves(ctx context.Context, tx pgx.Tx, batch []*corpse) error {
	var moved, dropped, failed, wait []int64
	for _, c := range batch {
		switch {
		case c.err != nil:
			failed = append(failed, c.seq)
			wait = append(wait, min(time.Second<<min(c.tries, 20), maxRetryAfter).Milliseconds())
		case c.part:
			dropped = append(dropped, c.seq)
		default:
			moved = append(moved, c.seq)
		}
	}
	statements := &pgx.Batch{}
	if len(moved) > 0 {
		statements.Queue(x.q("UPDATE {s}.dead_blobs SET state = 'trashed', next_try = NULL WHERE seq = ANY ($1)"), moved)
	}
	if len(dropped) > 0 {
		statements.Queue(x.q("DELETE FROM {s}.dead_blobs WHERE seq = ANY ($1)"), dropped)
	}
	if len(failed) > 0 {
		statements.Queue(x.q(`UPDATE {s}.dead_blobs d SET tries = least(tries + 1, 1000),
			next_try = now() + f.wait * interval '1 millisecond'
			FROM unnest($1::bigint[], $2::bigint[]) AS f(seq, wait) WHERE d.seq = f.seq`), failed, wait)
	}
	return tx.SendBatch(ctx, statements).Close()
}

func firstError(batch []*corpse) error {
	for _, c := range batch {
		if c.err != nil {
			return fmt.Errorf("blob %s: %w", c.id, c.err)
		}
	}
	return nil
}

// emptyTrash deletes for good what has been in the trash for long enough.
func (x *Index) emptyTrash(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout+x.cfg.Timeout)
	defer cancel()
	var failed error
	n := 0
	err = x.db.InTx(ctx, func(tx pgx.Tx) error {
		batch, err := x.claimDead(ctx, tx, fmt.Sprintf(`state = 'trashed' AND at < now() - %d * interval '1 millisecond'
			AND (next_try IS NULL OR next_try <= now()) ORDER BY at`, x.cfg.TrashKeep.Milliseconds()))
		if n = len(batch); err != nil || n == 0 {
			return err
		}
		deleting, stop := context.WithTimeout(ctx, moveTimeout)
		defer stop()
		x.eachCorpse(batch, func(c *corpse) { c.err = x.blobs.Delete(deleting, c.id.TrashName()) })
		failed = firstError(batch)
		return x.recordDeletions(ctx, tx, batch)
	})
	return n == moveBatch, errors.Join(failed, dbError(ctx, "empty the trash", err))
}

func (x *Index) recordDeletions(ctx context.Context, tx pgx.Tx, batch []*corpse) error {
	var gone, failed []int64
	for _, c := range batch {
		if c.err != nil {
			failed = append(failed, c.seq)
		} else {
			gone = append(gone, c.seq)
		}
	}
	_, err := tx.Exec(ctx, x.q("UPDATE {s}.dead_blobs SET state = 'gone' WHERE seq = ANY ($1)"), gone)
	if err == nil && len(failed) > 0 {
		_, err = tx.Exec(ctx, x.q("UPDATE {s}.dead_blobs SET next_try = now() + interval '1 minute' WHERE seq = ANY ($1)"), failed)
	}
	return err
}
