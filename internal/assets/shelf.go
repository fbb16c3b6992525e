package assets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/atomicfile"
	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

// channel is what changes of the table assets are notified on.
const channel = "holdfast_assets"

// shelf is what all nodes have in common: the table assets, and the blobs that it names.
type shelf struct {
	db     *postgres.DB
	store  blob.Store
	output string
	keep   time.Duration
	log    *slog.Logger
}

// row is a line of the table.
type row struct {
	fetched
	Blob string
}

// fetched is an asset of the shelf of which this node has the files.
type fetched struct {
	Name    string    `json:"name"`
	Logical string    `json:"logical"`
	Current bool      `json:"current"`
	Since   time.Time `json:"since"`
	Parts   []part    `json:"parts"`
}

func (s *shelf) table(name string) string { return s.db.Schema() + "." + name }

// version grows with every change of the table.
func (s *shelf) version(ctx context.Context) (v int64, err error) {
	err = s.db.QueryRow(ctx, "SELECT version FROM "+s.table("assets_version")).Scan(&v)
	return v, err
}

// rows returns the whole table, which has hundreds of lines and not millions, and its version.
func (s *shelf) rows(ctx context.Context) (out []row, version int64, err error) {
	if version, err = s.version(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := s.db.Query(ctx, "SELECT name, logical, current, since, parts, blob FROM "+s.table("assets"))
	if err != nil {
		return nil, 0, err
	}
	out, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
		var x row
		var parts []byte
		if err := r.Scan(&x.Name, &x.Logical, &x.Current, &x.Since, &parts, &x.Blob); err != nil {
			return x, err
		}
		return x, json.Unmarshal(parts, &x.Parts)
	})
	return out, version, postgres.Explain(err)
}

// change runs f in a transaction that has its turn in the order of changes, and tells all nodes when it is over.
func (s *shelf) change(ctx context.Context, f func(tx pgx.Tx) error) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE "+s.table("assets_version")+" SET version = version + 1"); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "SELECT pg_notify($1, '')", channel)
		return err
	})
}

// retire lets a logical name lead nowhere. What it led to is kept for a while. It reports whether it led anywhere.
func (s *shelf) retire(ctx context.Context, tx pgx.Tx, logical, except string) (bool, error) {
	tag, err := tx.Exec(ctx, "UPDATE "+s.table("assets")+` SET current = false, expires = now() + $3 * interval '1 second'
		WHERE logical = $1 AND current AND name <> $2`, logical, except, s.keep.Seconds())
	return tag.RowsAffected() > 0, err
}

// put stores an asset that was published, unless it is on the shelf already, and lets its logical name lead to it.
func (s *shelf) put(ctx context.Context, f fetched, content [][]byte) error {
	again, err := s.revive(ctx, f)
	if err != nil || again {
		return err
	}
	name, err := s.deposit(ctx, f, content)
	if err != nil {
		return err
	}
	used := ""
	err = s.change(ctx, func(tx pgx.Tx) error {
		if _, err := s.retire(ctx, tx, f.Logical, f.Name); err != nil {
			return err
		}
		return s.insert(ctx, tx, f, name, true, &used)
	})
	s.dropUnused(ctx, name, used, err)
	return err
}

// revive makes a published asset current again that is on the shelf already, and reports whether it is.
func (s *shelf) revive(ctx context.Context, f fetched) (there bool, err error) {
	missing := errors.New("not there")
	err = s.change(ctx, func(tx pgx.Tx) error {
		if _, err := s.retire(ctx, tx, f.Logical, f.Name); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "UPDATE "+s.table("assets")+
			" SET published = true, current = true, expires = NULL WHERE name = $1 AND logical = $2", f.Name, f.Logical)
		if err == nil && tag.RowsAffected() == 0 {
			return missing
		}
		return err
	})
	if errors.Is(err, missing) {
		return false, nil
	}
	return err == nil, err
}

// insert notes an asset. used is the blob that the row names afterwards: another node may have been faster.
func (s *shelf) insert(ctx context.Context, tx pgx.Tx, f fetched, name blob.Name, published bool, used *string) error {
	parts, err := json.Marshal(f.Parts)
	if err != nil {
		return err
	}
	return tx.QueryRow(ctx, "INSERT INTO "+s.table("assets")+` AS a (name, logical, published, current, blob, parts, expires)
		VALUES ($1, $2, $3, $3, $4, $5, CASE WHEN $3 THEN NULL ELSE now() + $6 * interval '1 second' END)
		ON CONFLICT (name) DO UPDATE SET published = a.published OR excluded.published, current = a.current OR excluded.current,
			expires = CASE WHEN a.current OR excluded.current THEN NULL ELSE greatest(a.expires, excluded.expires) END
		RETURNING blob`, f.Name, f.Logical, published, string(name), parts, s.keep.Seconds()).Scan(used)
}

// dropUnused deletes a blob that no row names. Should that fail it takes room, and nothing else.
func (s *shelf) dropUnused(ctx context.Context, name blob.Name, used string, err error) {
	if err == nil && used == string(name) || err != nil && fault.KindOf(err) == fault.Unavailable {
		return // used, or nobody knows
	}
	if err := s.store.Delete(context.WithoutCancel(ctx), name); err != nil {
		s.log.WarnContext(ctx, "a blob that nobody needs cannot be deleted", "blob", string(name), "error", err)
	}
}

// withdraw ends the publication of a logical name.
func (s *shelf) withdraw(ctx context.Context, logical string) error {
	return s.change(ctx, func(tx pgx.Tx) error {
		was, err := s.retire(ctx, tx, logical, "")
		if err == nil && !was {
			err = fault.New(fault.NotFound, "not_published", "%s is not published", logical).
				WithHint("what is published is listed by: holdfast assets list --published")
		}
		return err
	})
}

// expire takes what has had its time off the shelf: the rows first, so that nobody is told of a blob that is gone.
func (s *shelf) expire(ctx context.Context) error {
	var due bool
	err := s.db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+s.table("assets")+" WHERE expires < now())").Scan(&due)
	if err != nil || !due {
		return err
	}
	var blobs []string
	err = s.change(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "DELETE FROM "+s.table("assets")+" WHERE expires < now() RETURNING blob")
		if err != nil {
			return err
		}
		blobs, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	var all []error
	for _, name := range blobs {
		if err := s.store.Delete(ctx, blob.Name(name)); err != nil {
			all = append(all, fmt.Errorf("delete blob %s: %w", name, err))
		}
	}
	return errors.Join(all...)
}

func fetchedPath(output string) string { return filepath.Join(output, ownDir, "fetched.json") }

// readFetched returns what was fetched by the process that ran here last; nothing when that cannot be known.
func readFetched(output string) (out []fetched) {
	b, err := os.ReadFile(fetchedPath(output))
	if err != nil || json.Unmarshal(b, &out) != nil {
		return nil
	}
	return out
}

func writeFetched(output string, all []fetched) error {
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(fetchedPath(output)); err == nil && string(old) == string(b) {
		return nil
	}
	return atomicfile.WriteFile(fetchedPath(output), b, 0o644)
}
