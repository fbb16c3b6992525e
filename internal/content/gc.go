package content

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/time/rate"

	"holdfast/internal/blob"
)

const (
	// deleteBatch is how many parts are marked for deletion at once: their rows are locked meanwhile.
	deleteBatch = 100
	// deletesPerSecond bounds what a collection asks of the store.
	deletesPerSecond = 200
	// youngest is the least age of a part that is doomed: a sync that goes on may just have stored it.
	youngest = time.Hour
)

// live are the ids of all parts that some revision needs.
const live = "live AS MATERIALIZED (SELECT DISTINCT unnest(parts) AS id FROM {s}.content_revisions WHERE dropped_at IS NULL)"

// collection is one run of the collector.
type collection struct {
	*Content
	dry    bool
	grace  time.Duration
	report GCReport
	step   func(string)
	pace   *rate.Limiter
}

// collect drops revisions whose time is over, dooms parts that no revision needs, and removes what has been doomed for the grace.
// Every step can be repeated and broken off.
func (c *Content) collect(ctx context.Context, dry bool, step func(string)) (*GCReport, error) {
	g := &collection{
		Content: c, dry: dry, grace: c.cfg().Grace.D(), report: GCReport{DryRun: dry}, step: step,
		pace: rate.NewLimiter(deletesPerSecond, deleteBatch),
	}
	g.step("marking")
	if err := g.mark(ctx); err != nil {
		return &g.report, fmt.Errorf("collect the store: %w", err)
	}
	if dry {
		return &g.report, nil
	}
	for _, sweep := range []func(context.Context) error{g.forgetRevisions, g.resume, g.sweep} {
		if err := sweep(ctx); err != nil {
			return &g.report, fmt.Errorf("collect the store: %w", err)
		}
	}
	return &g.report, nil
}

// errDry rolls a trial back.
type errDry struct{}

func (errDry) Error() string { return "only tried" }

// mark drops, revives and dooms in one transaction, which a dry run rolls back. Rows that somebody holds are left for the next
// time.
func (g *collection) mark(ctx context.Context) error {
	err := g.db.InTx(ctx, func(tx pgx.Tx) error {
		for _, step := range []func(context.Context, pgx.Tx) error{g.takeBack, g.drop, g.reviveAll, g.doom, g.clearPins, g.count} {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		if g.dry {
			return errDry{}
		}
		return nil
	})
	if _, tried := err.(errDry); tried { //nolint:errorlint // it comes from right here
		return nil
	}
	return err
}

// pinned is a condition on a revision r.
const pinned = `EXISTS (SELECT FROM {s}.content_pins p WHERE p.source = r.source AND p.seq = r.seq AND (p.until IS NULL OR p.until > now()))`

// takeBack makes those revisions live again that were pinned after they were dropped.
func (g *collection) takeBack(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, g.q("UPDATE {s}.content_revisions r SET dropped_at = NULL WHERE dropped_at IS NOT NULL AND "+pinned))
	return err
}

// clearPins removes pins that are over. It comes after what locks revisions: Pin, too, locks the revision before the pin.
func (g *collection) clearPins(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, g.q("DELETE FROM {s}.content_pins WHERE until <= now()"))
	return err
}

// drop ends the life of revisions that are neither current, nor pinned, nor among the newest, nor young.
func (g *collection) drop(ctx context.Context, tx pgx.Tx) error {
	tag, err := tx.Exec(ctx, g.q(`WITH ranked AS (SELECT r.source, r.seq, row_number() OVER (PARTITION BY r.source ORDER BY r.seq DESC) AS place
			FROM {s}.content_revisions r WHERE r.dropped_at IS NULL)
		UPDATE {s}.content_revisions r SET dropped_at = now() FROM ranked, {s}.content_sources s
		WHERE r.source = ranked.source AND r.seq = ranked.seq AND s.id = r.source
			AND r.seq <> s.seq AND ranked.place > $1 AND r.published <= now() - $2::interval AND r.dropped_at IS NULL AND NOT `+pinned),
		g.cfg().KeepRevisions, g.cfg().KeepFor.D())
	g.report.Dropped = int(tag.RowsAffected())
	return err
}

func (g *collection) reviveAll(ctx context.Context, tx pgx.Tx) (err error) {
	g.report.Revived, err = g.change(ctx, tx, `WITH `+live+` UPDATE {s}.content_parts p SET state = 'present', state_at = now()
		WHERE p.id IN (SELECT d.id FROM {s}.content_parts d JOIN live USING (id) WHERE d.state = 'doomed' ORDER BY d.id FOR UPDATE OF d SKIP LOCKED)
		RETURNING p.packed`)
	return err
}

func (g *collection) doom(ctx context.Context, tx pgx.Tx) (err error) {
	g.report.Doomed, err = g.change(ctx, tx, `WITH `+live+` UPDATE {s}.content_parts p SET state = 'doomed', state_at = now()
		WHERE p.id IN (SELECT d.id FROM {s}.content_parts d WHERE d.state = 'present' AND d.stored <= now() - $1::interval
			AND NOT EXISTS (SELECT FROM live WHERE live.id = d.id) ORDER BY d.id FOR UPDATE SKIP LOCKED)
		RETURNING p.packed`, min(g.grace, youngest))
	return err
}

// change runs a statement that returns the packed size of each part it changed.
func (g *collection) change(ctx context.Context, tx pgx.Tx, statement string, args ...any) (a Amount, err error) {
	rows, err := tx.Query(ctx, g.q(statement), args...)
	if err != nil {
		return a, err
	}
	var packed int64
	_, err = pgx.ForEachRow(rows, []any{&packed}, func() error { a.add(packed); return nil })
	return a, err
}

// count fills in what stays, and for a dry run what would be deleted now.
func (g *collection) count(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, g.q("SELECT count(*), coalesce(sum(packed), 0)::bigint FROM {s}.content_parts WHERE state = 'present'")).
		Scan(&g.report.Live.Parts, &g.report.Live.Bytes)
	if err != nil || !g.dry {
		return err
	}
	err = tx.QueryRow(ctx, g.q(`SELECT count(*), coalesce(sum(packed), 0)::bigint FROM {s}.content_parts
		WHERE state = 'deleting' OR state = 'doomed' AND state_at <= clock_timestamp() - $1::interval`), g.grace).
		Scan(&g.report.Deleted.Parts, &g.report.Deleted.Bytes)
	if err != nil {
		return err
	}
	return tx.QueryRow(ctx, g.q("SELECT count(*) FROM {s}.content_revisions WHERE dropped_at <= clock_timestamp() - $1::interval"), g.grace).
		Scan(&g.report.Forgotten)
}

// forgetRevisions removes the index and the row of revisions that were dropped a grace ago, one at a time.
func (g *collection) forgetRevisions(ctx context.Context) error {
	for {
		var found bool
		err := g.db.InTx(ctx, func(tx pgx.Tx) (err error) {
			found, err = g.forgetOne(ctx, tx)
			return err
		})
		if err != nil || !found {
			return err
		}
		g.report.Forgotten++
	}
}

// forgetOne does so for one of them, whose row is locked: a pin waits, and finds it gone.
func (g *collection) forgetOne(ctx context.Context, tx pgx.Tx) (found bool, err error) {
	var source, seq int64
	var index string
	err = tx.QueryRow(ctx, g.q(`SELECT r.source, r.seq, r.index_name FROM {s}.content_revisions r
		WHERE r.dropped_at <= clock_timestamp() - $1::interval AND NOT `+pinned+` LIMIT 1 FOR UPDATE SKIP LOCKED`), g.grace).
		Scan(&source, &seq, &index)
	if err != nil {
		return false, ignoreNone(err)
	}
	if err := g.store.Delete(ctx, blob.Name(index)); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, g.q("DELETE FROM {s}.content_revisions WHERE source = $1 AND seq = $2"), source, seq)
	return true, err
}

func ignoreNone(err error) error {
	if err == pgx.ErrNoRows { //nolint:errorlint // Scan returns it as it is
		return nil
	}
	return err
}

// resume removes what an earlier run, which did not come to its end, was deleting.
func (g *collection) resume(ctx context.Context) error {
	rows, err := g.db.Query(ctx, g.q("SELECT id FROM {s}.content_parts WHERE state = 'deleting' ORDER BY id"))
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := g.pace.Wait(ctx); err != nil {
			return err
		}
		if _, err := g.tryDelete(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes parts that have been doomed for the grace.
func (g *collection) sweep(ctx context.Context) error {
	for {
		claims, err := g.condemn(ctx)
		if err != nil || len(claims) == 0 {
			return err
		}
		for _, c := range claims {
			if err := g.pace.Wait(ctx); err != nil {
				return err
			}
			deleted, err := g.deletePart(ctx, c.claim)
			if err != nil {
				return err
			}
			if deleted {
				g.report.Deleted.add(c.packed)
			}
		}
		g.step(fmt.Sprintf("deleted %d parts", g.report.Deleted.Parts))
	}
}

// condemned is a part that is to be deleted now.
type condemned struct {
	claim
	packed int64
}

// condemn turns a batch of doomed parts into parts that are being deleted. The look at the revisions begins when the rows are
// locked: a revision that was published before is seen, and one that is published later sees the parts leaving. Those that
// some revision needs after all are present again.
func (g *collection) condemn(ctx context.Context) (claims []condemned, err error) {
	err = g.db.InTx(ctx, func(tx pgx.Tx) error {
		for {
			ids, err := numbers(ctx, tx, g.q(`SELECT id FROM {s}.content_parts WHERE state = 'doomed' AND state_at <= clock_timestamp() - $1::interval
				ORDER BY state_at, id LIMIT $2 FOR UPDATE SKIP LOCKED`), g.grace, deleteBatch)
			if err != nil || len(ids) == 0 {
				return err
			}
			needed, err := numbers(ctx, tx, g.q(`SELECT DISTINCT u.id FROM {s}.content_revisions r, unnest(r.parts) AS u (id)
				WHERE r.dropped_at IS NULL AND r.parts && $1 AND u.id = ANY($1)`), ids)
			if err != nil {
				return err
			}
			if err := g.revive(ctx, tx, needed); err != nil {
				return err
			}
			g.report.Revived.Parts += len(needed)
			rows, err := tx.Query(ctx, g.q(`UPDATE {s}.content_parts SET state = 'deleting', state_at = clock_timestamp()
				WHERE id = ANY($1) AND state = 'doomed' RETURNING id, state_at, packed`), ids)
			if err != nil {
				return err
			}
			claims, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c condemned, err error) {
				return c, row.Scan(&c.id, &c.at, &c.packed)
			})
			if err != nil || len(claims) > 0 {
				return err
			}
		}
	})
	return claims, err
}

// numbers runs a statement that returns ids.
func numbers(ctx context.Context, tx pgx.Tx, statement string, args ...any) ([]int64, error) {
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// requestCollection asks for a collection when the last one is long enough ago. Each leaves its report among the requests.
func (c *Content) requestCollection(ctx context.Context) error {
	if c.cfg().GCEvery == 0 {
		return nil
	}
	var due bool
	err := c.db.QueryRow(ctx, c.q(`SELECT NOT EXISTS (SELECT FROM {s}.content_requests WHERE kind = 'gc' AND args = '{}'
		AND (state IN ('queued', 'running') OR ended > now() - $1::interval))`), c.cfg().GCEvery.D()).Scan(&due)
	if err != nil || !due {
		return err
	}
	_, err = c.submit(ctx, kindGC, "", GCRequest{})
	return err
}
