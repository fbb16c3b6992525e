package content

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// The states of a part; see the migration.
const (
	statePresent  = "present"
	stateDoomed   = "doomed"
	stateDeleting = "deleting"
	statePurged   = "purged"
)

// partRow is a row of content_parts.
type partRow struct {
	id      int64
	part    treepack.Part
	state   string
	stateAt time.Time
}

const partColumns = "id, name, sha256, plain, packed, files, state, state_at"

func scanPart(row pgx.CollectableRow) (r partRow, err error) {
	var name string
	var sum []byte
	if err = row.Scan(&r.id, &name, &sum, &r.part.Plain, &r.part.Packed, &r.part.Files, &r.state, &r.stateAt); err != nil {
		return r, err
	}
	copy(r.part.SHA256[:], sum)
	r.part.ID, err = treepack.ParsePartID(name)
	return r, err
}

// partRows reads the parts that a condition picks.
func (c *Content) partRows(ctx context.Context, where string, args ...any) ([]partRow, error) {
	rows, err := c.db.Query(ctx, c.q("SELECT "+partColumns+" FROM {s}.content_parts WHERE "+where), args...)
	if err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanPart)
	if err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	return all, nil
}

// partsNamed returns what is known of parts. Of one id there may be several, which differ in their sums.
func (c *Content) partsNamed(ctx context.Context, ids []treepack.PartID) (map[treepack.PartID][]partRow, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	all, err := c.partRows(ctx, "name = ANY($1)", names)
	if err != nil {
		return nil, err
	}
	known := make(map[treepack.PartID][]partRow, len(all))
	for _, r := range all {
		known[r.part.ID] = append(known[r.part.ID], r)
	}
	return known, nil
}

// takeUp returns what is known of parts that a revision is to have, after making those present again that were doomed: the grace
// of what is needed begins anew.
func (c *Content) takeUp(ctx context.Context, ids []treepack.PartID) (map[treepack.PartID][]partRow, error) {
	known, err := c.partsNamed(ctx, ids)
	if err != nil {
		return nil, err
	}
	var doomed []int64
	for _, rows := range known {
		for _, r := range rows {
			if r.state == stateDoomed {
				doomed = append(doomed, r.id)
			}
		}
	}
	if len(doomed) == 0 {
		return known, nil
	}
	err = c.db.InTx(ctx, func(tx pgx.Tx) error { return c.revive(ctx, tx, doomed) })
	if err != nil {
		return nil, fmt.Errorf("revive parts: %w", err)
	}
	return c.partsNamed(ctx, ids) // some may have left meanwhile
}

// insertParts writes the rows of parts whose bytes are durable. A row that is there is left as it is, and not waited for: publish
// takes it if the part stays, and finds it missing otherwise.
//
// So no lock is taken here on rows that are there. Who locks several of them does it in the order of their ids, and here the order
// can only be that of the names.
func (c *Content) insertParts(ctx context.Context, parts []treepack.Part) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	n := len(parts)
	names, sums := make([]string, 0, n), make([][]byte, 0, n)
	plain, packed, files := make([]int64, 0, n), make([]int64, 0, n), make([]int32, 0, n)
	for _, p := range parts {
		names, sums = append(names, p.ID.String()), append(sums, p.SHA256[:])
		plain, packed, files = append(plain, p.Plain), append(packed, p.Packed), append(files, p.Files)
	}
	_, err := c.db.Exec(ctx, c.q(`INSERT INTO {s}.content_parts (name, sha256, plain, packed, files)
		SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::integer[]) ORDER BY 1, 2
		ON CONFLICT (name, sha256) DO NOTHING`),
		names, sums, plain, packed, files)
	if err != nil {
		return fmt.Errorf("note parts: %w", err)
	}
	return nil
}

// purgedParts returns the ids of all parts that nobody may have any more.
func (c *Content) purgedParts(ctx context.Context) (map[treepack.PartID]bool, error) {
	all, err := c.partRows(ctx, "state = 'purged'")
	if err != nil {
		return nil, err
	}
	purged := make(map[treepack.PartID]bool, len(all))
	for _, r := range all {
		purged[r.part.ID] = true
	}
	return purged, nil
}

// The clock of a deletion, by the database's time. Who deletes first claims the row, by setting its time; must give the order
// to the store within claimLife; and waits for its end no longer than deleteLimit. Another one may claim after deleteWait, when
// no order of the first can be under way any more, even if its process lost the database meanwhile.
const (
	deleteLimit = 30 * time.Second
	claimLife   = time.Minute
	deleteWait  = 2 * time.Minute
)

// claim is the right to delete a part, for a short time.
type claim struct {
	id int64
	at time.Time
}

// finishDelete removes a part that is being deleted, for who wants to store it anew. One that another process claimed just now
// is waited for.
func (c *Content) finishDelete(ctx context.Context, r partRow) error {
	tick := time.NewTicker(min(100*time.Millisecond, c.deleteWait/4))
	defer tick.Stop()
	for {
		gone, err := c.tryDelete(ctx, r.id)
		if err != nil || gone {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryDelete removes a part that is being deleted, unless another process has a claim. It reports whether the row is gone.
func (c *Content) tryDelete(ctx context.Context, id int64) (gone bool, err error) {
	own := claim{id: id}
	err = c.db.QueryRow(ctx, c.q(`UPDATE {s}.content_parts SET state_at = clock_timestamp()
		WHERE id = $1 AND state = 'deleting' AND state_at <= clock_timestamp() - $2::interval RETURNING state_at`),
		id, c.deleteWait).Scan(&own.at)
	switch {
	case err == nil:
		return c.deletePart(ctx, own)
	case !errors.Is(err, pgx.ErrNoRows):
		return false, fmt.Errorf("claim part %d: %w", id, err)
	}
	err = c.db.QueryRow(ctx, c.q("SELECT NOT EXISTS (SELECT FROM {s}.content_parts WHERE id = $1 AND state = 'deleting')"), id).Scan(&gone)
	if err != nil {
		return false, fmt.Errorf("look at part %d: %w", id, err)
	}
	return gone, nil
}

// deletePart removes the bytes and the row of a part that this process has a claim on. The row is locked meanwhile: who
// stores the part anew waits for its end. A claim that is too old does nothing; the next collection claims anew.
func (c *Content) deletePart(ctx context.Context, own claim) (deleted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, deleteLimit)
	defer cancel()
	err = c.db.InTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, c.q("SELECT "+partColumns+` FROM {s}.content_parts
			WHERE id = $1 AND state = 'deleting' AND state_at = $2 AND state_at > clock_timestamp() - $3::interval FOR UPDATE`),
			own.id, own.at, claimLife)
		if err != nil {
			return err
		}
		r, err := pgx.CollectExactlyOneRow(rows, scanPart)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.store.Delete(ctx, blob.Name(r.part.BlobName())); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, c.q("DELETE FROM {s}.content_parts WHERE id = $1"), own.id)
		deleted = err == nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("delete part %d: %w", own.id, err)
	}
	return deleted, nil
}

// partsGone is what publish returns when parts of the revision are not present: they must be stored again.
type partsGone struct{ parts []treepack.PartID }

// Error implements error.
func (e *partsGone) Error() string {
	return fmt.Sprintf("%d parts of the revision left the store while it was made, first %s", len(e.parts), e.parts[0])
}

// Unwrap gives it a code for callers that see it after all.
func (e *partsGone) Unwrap() error {
	return &fault.Error{Kind: fault.Conflict, Code: "content_parts_gone", Err: errors.New("parts are missing from the store")}
}
