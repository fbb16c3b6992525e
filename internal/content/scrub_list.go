package content

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
)

// strayAge is the least age of a blob without a row that is removed: no sync takes as long.
const strayAge = 24 * time.Hour

// compareListing compares what the store lists with the tables: a part that the store has lost is repaired, and a blob that no
// row names is removed. It stays away from syncs, which put blobs before their rows: while one stores something it does nothing.
func (s *scrubber) compareListing(ctx context.Context) error {
	for i := range 256 {
		prefix := fmt.Sprintf("content/v1/%02x/", i)
		if err := s.compareParts(ctx, prefix); err != nil {
			return err
		}
		s.step(fmt.Sprintf("listed %d of 256 directories", i+1))
	}
	return s.compareIndexes(ctx)
}

// listed returns what the store has below a prefix: for each name whether it is old enough to be a stray.
func (s *scrubber) listed(ctx context.Context, prefix string) (map[blob.Name]bool, error) {
	there, before := map[blob.Name]bool{}, time.Now().Add(-strayAge)
	err := s.c.store.List(ctx, prefix, "", func(i blob.Info) bool {
		there[i.Name] = i.ModTime.Before(before)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the store: %w", err)
	}
	return there, nil
}

func (s *scrubber) compareParts(ctx context.Context, prefix string) error {
	there, err := s.listed(ctx, prefix)
	if err != nil {
		return err
	}
	if !s.c.storing.TryLock() {
		return nil
	}
	defer s.c.storing.Unlock()
	rows, err := s.c.partRows(ctx, "substr(name, 4, 2) = $1", strings.Split(prefix, "/")[2])
	if err != nil {
		return err
	}
	var lost []partRow
	for _, row := range rows {
		name := blob.Name(row.part.BlobName())
		_, has := there[name]
		if row.state != statePurged {
			delete(there, name)
		}
		if !has && row.state == statePresent {
			lost = append(lost, row)
		}
	}
	if err := s.removeStrays(ctx, there); err != nil {
		return err
	}
	return s.verify(ctx, lost) // which looks again: a part may have been stored since it was listed
}

// compareIndexes removes indexes that no revision names.
func (s *scrubber) compareIndexes(ctx context.Context) error {
	there, err := s.listed(ctx, "content/rev/")
	if err != nil {
		return err
	}
	if !s.c.storing.TryLock() {
		return nil
	}
	defer s.c.storing.Unlock()
	rows, err := s.c.db.Query(ctx, s.c.q("SELECT index_name FROM {s}.content_revisions"))
	if err != nil {
		return err
	}
	var name string
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error { delete(there, blob.Name(name)); return nil })
	if err != nil {
		return err
	}
	return s.removeStrays(ctx, there)
}

func (s *scrubber) removeStrays(ctx context.Context, strays map[blob.Name]bool) error {
	for name, old := range strays {
		if !old {
			continue
		}
		if err := s.c.store.Delete(ctx, name); err != nil {
			return fmt.Errorf("remove stray %s: %w", name, err)
		}
		s.report.Strays++
	}
	return nil
}
