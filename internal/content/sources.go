package content

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// sourceID returns the id of a source's row, which is made if it is missing.
func (c *Content) sourceID(ctx context.Context, name string) (id int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	err = c.db.QueryRow(ctx, c.q(`WITH made AS (INSERT INTO {s}.content_sources (name) SELECT $1
			WHERE NOT EXISTS (SELECT FROM {s}.content_sources WHERE name = $1) ON CONFLICT (name) DO NOTHING RETURNING id)
		SELECT id FROM made UNION ALL SELECT id FROM {s}.content_sources WHERE name = $1`), name).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("look up source %s: %w", name, err)
	}
	return id, nil
}

// recordLook notes that the branch was looked at and had nothing new.
func (j *job) recordLook(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	_, err := j.c.db.Exec(ctx, j.c.q(`UPDATE {s}.content_sources SET head = $2, looked = now(), failed = NULL, failure = NULL
		WHERE id = $1`), j.id, j.report.Head)
	if err != nil {
		return fmt.Errorf("note the look: %w", err)
	}
	return nil
}

// recordFailure notes why a source could not be synced.
func (c *Content) recordFailure(ctx context.Context, name string, failed error) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	id, err := c.sourceID(ctx, name)
	if err != nil {
		return err
	}
	data, err := json.Marshal(failureOf(failed))
	if err != nil {
		return err
	}
	_, err = c.db.Exec(ctx, c.q("UPDATE {s}.content_sources SET failed = now(), failure = $2 WHERE id = $1"), id, data)
	return err
}

// keptSeqs returns the numbers of a source's revisions whose parts may have to be made again.
func (c *Content) keptSeqs(ctx context.Context, source int64) (map[int64]bool, error) {
	rows, err := c.db.Query(ctx, c.q("SELECT seq FROM {s}.content_revisions WHERE source = $1"), source)
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	kept := make(map[int64]bool, len(list))
	for _, seq := range list {
		kept[seq] = true
	}
	return kept, nil
}

// SourceInfo is what there is to know of a source.
type SourceInfo struct {
	Name       string     `json:"name"`
	Configured bool       `json:"configured"`
	Git        string     `json:"git,omitempty"`
	Branch     string     `json:"branch,omitempty"`
	Root       string     `json:"root,omitempty"`
	Seq        int64      `json:"seq"` // 0: nothing was published yet
	Commit     string     `json:"commit,omitempty"`
	Head       string     `json:"head,omitempty"` // commit that the branch had last
	Published  *time.Time `json:"published,omitempty"`
	Looked     *time.Time `json:"looked,omitempty"`
	Failed     *time.Time `json:"failed,omitempty"` // when the last attempt failed, if it did
	Failure    *failure   `json:"failure,omitempty"`
	Chunks     int        `json:"chunks"`
	Rejected   int        `json:"rejected"`
	Plain      int64      `json:"plain"`               // bytes of all chunks
	Rewritten  bool       `json:"rewritten,omitempty"` // the current revision does not descend from the one before: see Report
}

// Sources returns all sources of the configuration and of the database, by name.
func (c *Content) Sources(ctx context.Context) ([]SourceInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	all := map[string]SourceInfo{}
	rows, err := c.db.Query(ctx, c.q(`SELECT s.name, s.seq, coalesce(r.commit, ''), s.head, r.published, s.looked, s.failed, s.failure,
			coalesce(r.chunks, 0), coalesce(r.rejected, 0), coalesce(r.plain, 0), coalesce((r.report->>'rewritten')::boolean, false)
		FROM {s}.content_sources s LEFT JOIN {s}.content_revisions r ON r.source = s.id AND r.seq = s.seq`))
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	var s SourceInfo
	_, err = pgx.ForEachRow(rows, []any{
		&s.Name, &s.Seq, &s.Commit, &s.Head, &s.Published, &s.Looked, &s.Failed, &s.Failure, &s.Chunks, &s.Rejected, &s.Plain, &s.Rewritten,
	}, func() error {
		all[s.Name] = s
		s = SourceInfo{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	for name, cfg := range c.cfg().Sources {
		s := all[name]
		s.Name, s.Configured, s.Git, s.Branch, s.Root = name, true, cfg.Git, cfg.Branch, cfg.Root
		all[name] = s
	}
	list := make([]SourceInfo, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
	}
	return list, nil
}

// RevisionInfo is what there is to know of a revision.
type RevisionInfo struct {
	Seq       int64           `json:"seq"`
	Commit    string          `json:"commit"`
	Published time.Time       `json:"published"`
	Current   bool            `json:"current"`
	Dropped   *time.Time      `json:"dropped,omitempty"` // its time is over: it is removed after the grace
	Pins      []string        `json:"pins,omitempty"`
	Chunks    int             `json:"chunks"`
	Rejected  int             `json:"rejected"`
	Plain     int64           `json:"plain"`
	Rewritten bool            `json:"rewritten,omitempty"` // it does not descend from the revision before: see Report
	Report    json.RawMessage `json:"report,omitempty"`    // of the sync that published it
}

// Revisions returns the revisions of a source, newest first.
func (c *Content) Revisions(ctx context.Context, source string) ([]RevisionInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	rows, err := c.db.Query(ctx, c.q(`SELECT r.seq, r.commit, r.published, r.seq = s.seq AS current, r.dropped_at AS dropped,
			ARRAY(SELECT name FROM {s}.content_pins p WHERE p.source = r.source AND p.seq = r.seq AND (until IS NULL OR until > now())
				ORDER BY name) AS pins, r.chunks, r.rejected, r.plain, coalesce((r.report->>'rewritten')::boolean, false) AS rewritten, r.report
		FROM {s}.content_sources s JOIN {s}.content_revisions r ON r.source = s.id WHERE s.name = $1 ORDER BY r.seq DESC`), source)
	if err != nil {
		return nil, fmt.Errorf("list revisions of %s: %w", source, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[RevisionInfo])
	if err != nil {
		return nil, fmt.Errorf("list revisions of %s: %w", source, err)
	}
	return list, nil
}
