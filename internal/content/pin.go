package content

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// PinRequest keeps a revision beyond its time, for an open exam or a regrade. Several pins of one revision have names.
type PinRequest struct {
	Source   string        `json:"source"`
	Revision string        `json:"revision,omitempty"`
	Name     string        `json:"name"`
	For      unit.Duration `json:"for,omitempty"` // 0: until it is unpinned
}

// UnpinRequest ends a pin: of all revisions of the source when none is named.
type UnpinRequest struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
	Name     string `json:"name"`
}

// Pin is what keeps a revision.
type Pin struct {
	Source   string     `json:"source"`
	Seq      int64      `json:"seq"`
	Revision string     `json:"revision"`
	Name     string     `json:"name"`
	Until    *time.Time `json:"until,omitempty"`
}

// UnpinAnswer says how many pins ended.
type UnpinAnswer struct {
	Removed int64 `json:"removed"`
}

// maxPinName bounds the name of a pin, in bytes.
const maxPinName = 200

func checkPinName(name string) error {
	if name == "" || len(name) > maxPinName {
		return fault.New(fault.Usage, "content_pin_name", "a pin needs a name of 1 to %d bytes", maxPinName).
			WithHint(`name what it is for, as "exam-2026-12-03"`)
	}
	return nil
}

// Pin keeps a revision. Pinning it again under the same name moves the end of the pin.
func (c *Content) Pin(ctx context.Context, q PinRequest) (Pin, error) {
	if err := checkPinName(q.Name); err != nil {
		return Pin{}, err
	}
	p, err := c.revisionNamed(ctx, q.Source, q.Revision)
	if err != nil {
		return Pin{}, err
	}
	pin := Pin{Source: p.Source, Seq: p.Seq, Revision: p.Commit.String(), Name: q.Name}
	err = c.db.InTx(ctx, func(tx pgx.Tx) error {
		// The collection takes the same lock before it removes a revision.
		var dropped bool
		err := tx.QueryRow(ctx, c.q(`SELECT dropped_at IS NOT NULL FROM {s}.content_revisions WHERE source = $1 AND seq = $2
			AND (dropped_at IS NULL OR dropped_at > clock_timestamp() - $3::interval) FOR UPDATE`), p.source, p.Seq, c.cfg().Grace.D()).Scan(&dropped)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return c.noRevision(p.Source, pin.Revision)
		case err != nil:
			return err
		case dropped:
			if err := c.takeBack(ctx, tx, p); err != nil {
				return err
			}
		}
		var span *float64
		if q.For > 0 {
			seconds := q.For.D().Seconds()
			span = &seconds
		}
		return tx.QueryRow(ctx, c.q(`INSERT INTO {s}.content_pins (source, seq, name, until)
			VALUES ($1, $2, $3, now() + make_interval(secs => $4))
			ON CONFLICT (source, name, seq) DO UPDATE SET until = excluded.until RETURNING until`),
			p.source, p.Seq, q.Name, span).Scan(&pin.Until)
	})
	if err != nil {
		return Pin{}, fmt.Errorf("pin %s of %s: %w", short(pin.Revision), p.Source, err)
	}
	return pin, nil
}

// takeBack makes a revision live again whose time was over. Its parts are locked until that is visible: a collector that had them
// before us has marked them, and one that comes later sees the revision.
func (c *Content) takeBack(ctx context.Context, tx pgx.Tx, p Publication) error {
	there, err := numbers(ctx, tx, c.q(`SELECT p.id FROM {s}.content_parts p JOIN {s}.content_revisions r ON p.id = ANY(r.parts)
		WHERE r.source = $1 AND r.seq = $2 AND p.state IN ('present', 'doomed') ORDER BY p.id FOR SHARE OF p`), p.source, p.Seq)
	if err != nil {
		return err
	}
	var complete bool
	err = tx.QueryRow(ctx, c.q(`UPDATE {s}.content_revisions SET dropped_at = NULL WHERE source = $1 AND seq = $2
		RETURNING cardinality(parts) = $3`), p.source, p.Seq, len(there)).Scan(&complete)
	if err != nil {
		return err
	}
	if !complete {
		return fault.New(fault.NotFound, "content_revision_gone", "parts of the revision are removed already")
	}
	return nil
}

// Unpin lets go of a revision.
func (c *Content) Unpin(ctx context.Context, q UnpinRequest) (UnpinAnswer, error) {
	if err := checkPinName(q.Name); err != nil {
		return UnpinAnswer{}, err
	}
	seq := int64(0)
	if q.Revision != "" {
		p, err := c.revisionNamed(ctx, q.Source, q.Revision)
		if err != nil {
			return UnpinAnswer{}, err
		}
		seq = p.Seq
	} else if _, ok := c.cfg().Sources[q.Source]; !ok {
		return UnpinAnswer{}, noSource(q.Source)
	}
	tag, err := c.db.Exec(ctx, c.q(`DELETE FROM {s}.content_pins p USING {s}.content_sources s
		WHERE p.source = s.id AND s.name = $1 AND p.name = $2 AND ($3 = 0 OR p.seq = $3)`), q.Source, q.Name, seq)
	if err != nil {
		return UnpinAnswer{}, fmt.Errorf("unpin %s of %s: %w", q.Name, q.Source, err)
	}
	return UnpinAnswer{tag.RowsAffected()}, nil
}

// revisionNamed returns a revision by its commit, or the current one, from PostgreSQL.
func (c *Content) revisionNamed(ctx context.Context, source, name string) (Publication, error) {
	if name == "" || name == Current {
		return c.Current(ctx, source)
	}
	return c.Lookup(ctx, source, name)
}
