package content

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// purgeLock is the key of the advisory lock that publishes share and purges hold alone: "hfpurge" in ASCII.
const purgeLock int64 = 0x68667075726765

// errSuperseded is what a publish returns when the current revision is not the one that its index was compared with.
var errSuperseded = &fault.Error{
	Kind: fault.Conflict, Code: "content_superseded", Err: errors.New("another revision was published meanwhile"),
	Hint: "nothing was published; sync again",
}

// newPublication describes an index that is to be published. The name of its blob has a part of its sum, so that an index left
// over by a sync that broke off never stands where another one belongs.
func newPublication(source string, ix *revision.Index, data []byte) Publication {
	sum := sha256.Sum256(data)
	return Publication{
		Source: source, Seq: ix.Seq, Commit: ix.Commit, IndexSum: sum, root: ix.Root,
		Index: blob.Name(fmt.Sprintf("content/rev/%s/%d-%s-%s", source, ix.Seq, ix.Commit, hex.EncodeToString(sum[:4]))),
	}
}

// publish makes a revision the current one, in one transaction: all of it is visible, or nothing.
func (j *job) publish(ctx context.Context, p Publication, ix *revision.Index) error {
	digest := j.digest()
	p.preset = digest[:]
	r := &release{
		Publication: p, parts: ix.Parts(), chunks: len(ix.Chunks), rejected: len(ix.Rejected), plain: plainOf(ix),
		report: j.report, token: j.token,
		hook: func(ctx context.Context, tx pgx.Tx) error { return j.askHook(ctx, tx, p, ix) },
	}
	if j.previous != nil {
		r.before = j.previous.Parts() // those of the current revision: it must still be that one when we publish
	}
	j.step("publishing")
	return j.c.release(ctx, r)
}

func plainOf(ix *revision.Index) (sum int64) {
	for i := range ix.Chunks {
		sum += ix.Chunks[i].Plain
	}
	return sum
}

// release is a revision on its way to be the current one.
type release struct {
	Publication
	parts            []treepack.Part
	before           []treepack.Part // of the current revision, if its index is known: what both have need not be looked up
	chunks, rejected int
	plain            int64
	report           *Report
	token            int64 // of the role
	hook             func(ctx context.Context, tx pgx.Tx) error
	ids              []int64 // of the rows of parts, once they are held
}

// release publishes. The order inside the transaction keeps the lock on the role for last, and short.
func (c *Content) release(ctx context.Context, r *release) error {
	err := c.db.InTx(ctx, func(tx pgx.Tx) error {
		for _, step := range []func(context.Context, pgx.Tx, *release) error{
			c.lockSource, c.holdParts, c.consult, c.makeCurrent,
		} {
			if err := step(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish revision %d: %w", r.Seq, err)
	}
	return nil
}

// lockSource makes sure that the revision follows the current one. Purges wait until we are done, and we for them.
func (c *Content) lockSource(ctx context.Context, tx pgx.Tx, r *release) error {
	var seq int64
	var b pgx.Batch
	b.Queue("SELECT pg_advisory_xact_lock_shared($1)", purgeLock)
	// The hook may take longer than the server lets a transaction be idle.
	b.Queue("SET LOCAL idle_in_transaction_session_timeout = 0")
	b.Queue(c.q("SELECT seq FROM {s}.content_sources WHERE id = $1 FOR NO KEY UPDATE"), r.source).QueryRow(func(row pgx.Row) error {
		return row.Scan(&seq)
	})
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	if seq != r.Seq-1 {
		return errSuperseded
	}
	return nil
}

// holdParts makes sure that every part is present and stays so.
func (c *Content) holdParts(ctx context.Context, tx pgx.Tx, r *release) (err error) {
	r.ids, err = c.partIDs(ctx, tx, r)
	return err
}

// makeCurrent writes the row of the revision, and moves the pointer if it still stands where it stood and the role is still ours. The
// statements go in one message: each waits for the one before, but we wait once.
func (c *Content) makeCurrent(ctx context.Context, tx pgx.Tx, r *release) error {
	report, err := json.Marshal(r.report)
	if err != nil {
		return err
	}
	var b pgx.Batch
	b.Queue(c.q(`INSERT INTO {s}.content_revisions
		(source, seq, commit, root, preset, index_name, index_sha256, chunks, rejected, plain, parts, report)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`),
		r.source, r.Seq, r.Commit.String(), r.root.String(), r.preset, string(r.Index), r.IndexSum[:], r.chunks, r.rejected, r.plain, r.ids, report)
	b.Queue(c.q(`UPDATE {s}.content_sources SET seq = $2, head = $3, looked = now(), failed = NULL, failure = NULL
		WHERE id = $1 AND seq = $2 - 1`), r.source, r.Seq, r.Commit.String()).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == 0 {
			return errSuperseded
		}
		return nil
	})
	c.producer.role.queueFence(&b, r.token)
	b.Queue("SELECT pg_notify($1, $2)", c.channel(), notice{noticePublished, r.source}.String())
	return tx.SendBatch(ctx, &b).Close()
}

// partIDs returns the row ids of all parts, ascending. Those that the current revision has, too, are alive through it. Each of
// the others is saved if it was doomed, and locked against deletion until the revision is visible.
func (c *Content) partIDs(ctx context.Context, tx pgx.Tx, r *release) ([]int64, error) {
	added, removed := difference(r.before, r.parts)
	ids := map[int64]bool{}
	if len(r.before) > 0 {
		var old []int64
		err := tx.QueryRow(ctx, c.q("SELECT parts FROM {s}.content_revisions WHERE source = $1 AND seq = $2"), r.source, r.Seq-1).Scan(&old)
		if err != nil {
			return nil, err
		}
		for _, id := range old {
			ids[id] = true
		}
		gone, err := c.lookUp(ctx, tx, removed, "")
		if err != nil {
			return nil, err
		}
		for _, row := range gone {
			delete(ids, row.id)
		}
	}
	if err := c.reviveNamed(ctx, tx, added); err != nil {
		return nil, err
	}
	rows, err := c.lookUp(ctx, tx, added, "FOR SHARE OF p")
	if err != nil {
		return nil, err
	}
	if err := allThere(added, rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		ids[row.id] = true
	}
	list := slices.Sorted(maps.Keys(ids))
	return list, c.noneLeaving(ctx, tx, list, len(r.parts))
}

// partKey is what tells stored parts apart.
type partKey struct {
	id  treepack.PartID
	sum [32]byte
}

// difference returns the parts that only the one or the other list has.
func difference(before, after []treepack.Part) (added, removed []treepack.Part) {
	had := make(map[partKey]bool, len(before))
	for _, p := range before {
		had[partKey{p.ID, p.SHA256}] = true
	}
	has := make(map[partKey]bool, len(after))
	for _, p := range after {
		k := partKey{p.ID, p.SHA256}
		if has[k] = true; !had[k] {
			added = append(added, p)
		}
	}
	for _, p := range before {
		if !has[partKey{p.ID, p.SHA256}] {
			removed = append(removed, p)
		}
	}
	return added, removed
}

// lookUp reads the rows of parts.
func (c *Content) lookUp(ctx context.Context, tx pgx.Tx, parts []treepack.Part, lock string) ([]partRow, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	names, sums := make([]string, len(parts)), make([][]byte, len(parts))
	for i, p := range parts {
		names[i], sums[i] = p.ID.String(), p.SHA256[:]
	}
	rows, err := tx.Query(ctx, c.q(`SELECT p.id, p.name, p.sha256, p.plain, p.packed, p.files, p.state, p.state_at
		FROM unnest($1::text[], $2::bytea[]) AS w (name, sha256) JOIN {s}.content_parts p USING (name, sha256) ORDER BY p.id `+lock), names, sums)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanPart)
}

// allThere returns partsGone for parts that are not there or will not stay. The rows are locked.
func allThere(parts []treepack.Part, rows []partRow) error {
	there := make(map[partKey]bool, len(rows))
	for _, row := range rows {
		switch row.state {
		case statePresent:
			there[partKey{row.part.ID, row.part.SHA256}] = true
		case statePurged:
			return errSuperseded // by a purge: the next sync leaves it out
		}
	}
	var gone []treepack.PartID
	for _, p := range parts {
		if !there[partKey{p.ID, p.SHA256}] {
			gone = append(gone, p.ID)
		}
	}
	if len(gone) > 0 {
		return &partsGone{gone}
	}
	return nil
}

// reviveNamed makes those parts present that are doomed. It locks them in the order of their ids before anybody shares a lock on
// them, so that two who publish the same part do not wait for each other.
func (c *Content) reviveNamed(ctx context.Context, tx pgx.Tx, parts []treepack.Part) error {
	if len(parts) == 0 {
		return nil
	}
	names, sums := make([]string, len(parts)), make([][]byte, len(parts))
	for i, p := range parts {
		names[i], sums[i] = p.ID.String(), p.SHA256[:]
	}
	_, err := tx.Exec(ctx, c.q(`UPDATE {s}.content_parts SET state = 'present', state_at = now() WHERE id IN (
		SELECT p.id FROM unnest($1::text[], $2::bytea[]) AS w (name, sha256) JOIN {s}.content_parts p USING (name, sha256)
		WHERE p.state = 'doomed' ORDER BY p.id FOR NO KEY UPDATE OF p)`), names, sums)
	return err
}

// revive does so by ids.
func (c *Content) revive(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, c.q(`UPDATE {s}.content_parts SET state = 'present', state_at = now() WHERE id IN (
		SELECT id FROM {s}.content_parts WHERE id = ANY($1) AND state = 'doomed' ORDER BY id FOR NO KEY UPDATE)`), ids)
	return err
}

// noneLeaving makes sure that all parts have a row, that none was purged, and that none is doomed by mistake.
func (c *Content) noneLeaving(ctx context.Context, tx pgx.Tx, ids []int64, want int) error {
	rows, err := tx.Query(ctx, c.q("SELECT id, state FROM {s}.content_parts WHERE id = ANY($1) AND state <> 'present'"), ids)
	if err != nil {
		return err
	}
	var doomed []int64
	var id int64
	var state string
	purged := false
	_, err = pgx.ForEachRow(rows, []any{&id, &state}, func() error {
		doomed = append(doomed, id)
		purged = purged || state != stateDoomed
		return nil
	})
	switch {
	case err != nil:
		return err
	case purged:
		return errSuperseded
	case len(ids) != want:
		return fault.New(fault.Internal, "content_parts_unknown", "the revision has %d parts, but %d rows were found", want, len(ids))
	}
	return c.revive(ctx, tx, doomed)
}

// consult asks the application. Its statements run inside the transaction, which they must not end.
func (c *Content) consult(ctx context.Context, tx pgx.Tx, r *release) error {
	if r.hook == nil {
		return nil
	}
	if err := r.hook(ctx, tx); err != nil {
		return err
	}
	if tx.Conn().PgConn().TxStatus() != 'T' {
		return hookRefused(errors.New("one of its statements ended the transaction"))
	}
	return nil
}
