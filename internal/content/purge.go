package content

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// purge removes parts everywhere: no sync stores them again, every cache is told to forget them at once, the store deletes them,
// and the sources whose current revision has one are published again without the chunks that hold it.
func (c *Content) purge(ctx context.Context, token int64, r PurgeRequest, step func(string)) (*PurgeReport, error) {
	report := &PurgeReport{}
	rows, err := c.purgeTargets(ctx, r, step)
	if err == nil && len(rows) == 0 {
		err = fault.New(fault.NotFound, "content_purge_none", "no stored part has it").
			WithHint("name the path from the root of the course, as it is in a revision that is kept: holdfast content show")
	}
	if err != nil {
		return report, fmt.Errorf("purge: %w", err)
	}
	step(fmt.Sprintf("purging %d parts", len(rows)))
	for _, row := range rows {
		report.Parts = append(report.Parts, row.part.ID.String())
	}
	if err := c.bury(ctx, token, rows, r.Reason); err != nil {
		return report, fmt.Errorf("purge: %w", err)
	}
	// From here on nobody uses the parts; what follows is repeated until it is done.
	return report, errors.Join(c.deletePurged(ctx, rows), c.republish(ctx, report, step))
}

// purgeTargets returns the rows of the parts that a request means.
func (c *Content) purgeTargets(ctx context.Context, r PurgeRequest, step func(string)) ([]partRow, error) {
	rows, err := c.partRows(ctx, "name = ANY($1) ORDER BY id", r.Parts)
	if err != nil || r.Source == "" || r.Path == "" {
		return rows, err
	}
	found, err := c.partsWith(ctx, r.Source, r.Path, step)
	if err != nil {
		return nil, err
	}
	all := map[int64]partRow{}
	for _, row := range append(rows, found...) {
		all[row.id] = row
	}
	rows = rows[:0]
	for _, id := range slices.Sorted(maps.Keys(all)) {
		rows = append(rows, all[id])
	}
	return rows, nil
}

// bury marks parts as purged and writes their tombstones. It waits for publishes under way, and those after it see the marks.
func (c *Content) bury(ctx context.Context, token int64, rows []partRow, reason string) error {
	return c.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", purgeLock); err != nil {
			return err
		}
		var last int64
		for _, row := range rows {
			t := Tombstone{Part: row.part.ID, SHA256: row.part.SHA256, Reason: reason}
			err := tx.QueryRow(ctx, c.q(`WITH marked AS (UPDATE {s}.content_parts SET state = 'purged', state_at = now() WHERE id = $1)
				INSERT INTO {s}.content_tombstones (part, sha256, reason, signature) VALUES ($2, $3, $4, $5)
				ON CONFLICT (part, sha256) DO UPDATE SET reason = $4, signature = $5 RETURNING seq`),
				row.id, t.Part.String(), t.SHA256[:], reason, ed25519.Sign(c.signing, t.signed())).Scan(&last)
			if err != nil {
				return err
			}
		}
		if err := c.producer.role.fence(ctx, tx, token); err != nil {
			return err
		}
		return c.notify(ctx, tx, notice{noticePurged, last})
	})
}

// deletePurged removes the bytes of purged parts. Their rows stay, and remember that it is done: checked is infinite.
func (c *Content) deletePurged(ctx context.Context, rows []partRow) error {
	var all []error
	for _, row := range rows {
		err := c.store.Delete(ctx, blob.Name(row.part.BlobName()))
		if err == nil {
			_, err = c.db.Exec(ctx, c.q("UPDATE {s}.content_parts SET checked = 'infinity' WHERE id = $1 AND state = 'purged'"), row.id)
		}
		if err != nil {
			all = append(all, fmt.Errorf("delete part %s: %w", row.part.ID, err))
		}
	}
	return errors.Join(all...)
}

// finishPurges does what a purge could not, because the store or a repository did not answer.
func (c *Content) finishPurges(ctx context.Context) error {
	rows, err := c.partRows(ctx, "state = 'purged' AND checked <> 'infinity'")
	if err != nil {
		return err
	}
	return errors.Join(c.deletePurged(ctx, rows), c.republish(ctx, nil, func(string) {}))
}

// republish has those sources synced whose current revision has a purged part, and waits for them. The report, which may be nil,
// gets theirs.
func (c *Content) republish(ctx context.Context, report *PurgeReport, step func(string)) error {
	rows, err := c.db.Query(ctx, c.q(`SELECT s.name FROM {s}.content_sources s JOIN {s}.content_revisions r ON r.source = s.id AND r.seq = s.seq
		WHERE r.parts && ARRAY(SELECT id FROM {s}.content_parts WHERE state = 'purged') ORDER BY s.name`))
	if err != nil {
		return fmt.Errorf("look for purged parts: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for purged parts: %w", err)
	}
	var all []error
	for _, name := range names {
		if _, ok := c.cfg().Sources[name]; !ok {
			continue // nobody syncs it any more; its caches have the tombstones
		}
		step("publishing " + name + " without it")
		done, err := ask[Report](ctx, c, kindSync, name, SyncRequest{Source: name, Republish: true}, nil)
		if err != nil {
			all = append(all, err)
			continue
		}
		if report == nil {
			continue
		}
		report.Sources = append(report.Sources, name)
		for _, rejected := range done.Rejected {
			if rejected.Code == codePurged {
				report.Chunks = append(report.Chunks, name+":"+rejected.Key)
			}
		}
	}
	return errors.Join(all...)
}

// partsWith returns the stored parts that have what lies, or lay, at a path in any kept revision of a source, under that path or
// any other.
func (c *Content) partsWith(ctx context.Context, source, path string, step func(string)) ([]partRow, error) {
	revisions, err := c.publications(ctx, "s.name = $1 ORDER BY r.seq DESC", source)
	if err != nil {
		return nil, err
	}
	h := newHunt(c, path)
	for _, p := range revisions {
		ix, err := c.readIndex(ctx, p)
		if err != nil {
			return nil, err
		}
		h.suspect(ix)
	}
	step(fmt.Sprintf("searching %d parts", len(h.parts)))
	found, err := h.run(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]treepack.PartID, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	known, err := c.partsNamed(ctx, ids)
	if err != nil {
		return nil, err
	}
	var rows []partRow
	for _, r := range known {
		rows = append(rows, r...)
	}
	return rows, nil
}
