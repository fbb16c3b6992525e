package content

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// queryLimit bounds a statement on the tables of content.
const queryLimit = 10 * time.Second

// Publication names a revision that was published, and where its index is.
type Publication struct {
	Source    string      `json:"source"`
	Seq       int64       `json:"seq"`
	Commit    treepack.ID `json:"-"`
	Index     blob.Name   `json:"-"` // its bytes never change
	IndexSum  [32]byte    `json:"-"` // SHA-256 of the index's bytes
	Published time.Time   `json:"published"`

	source int64 // id of the row
	root   treepack.ID
	preset []byte
}

// publicationColumns are what scanPublication reads, of content_revisions r joined with content_sources s.
const publicationColumns = "s.id, s.name, r.seq, r.commit, r.root, r.preset, r.index_name, r.index_sha256, r.published"

func scanPublication(row pgx.CollectableRow) (p Publication, err error) {
	var commit, root string
	var sum []byte
	if err := row.Scan(&p.source, &p.Source, &p.Seq, &commit, &root, &p.preset, &p.Index, &sum, &p.Published); err != nil {
		return p, err
	}
	if p.Commit, err = treepack.ParseID(commit); err != nil {
		return p, fmt.Errorf("revision %d of %s: %w", p.Seq, p.Source, err)
	}
	if p.root, err = treepack.ParseID(root); err != nil {
		return p, fmt.Errorf("revision %d of %s: %w", p.Seq, p.Source, err)
	}
	copy(p.IndexSum[:], sum)
	return p, nil
}

// publications reads the revisions that a condition picks.
func (c *Content) publications(ctx context.Context, where string, args ...any) ([]Publication, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	rows, err := c.db.Query(ctx, c.q("SELECT "+publicationColumns+
		" FROM {s}.content_sources s JOIN {s}.content_revisions r ON r.source = s.id WHERE "+where), args...)
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanPublication)
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	return all, nil
}

// currents returns the current revision of a source by the id of its row, or of all sources that have one.
func (c *Content) currents(ctx context.Context, source int64) ([]Publication, error) {
	return c.publications(ctx, "r.seq = s.seq AND ($1 = 0 OR s.id = $1) ORDER BY s.name", source)
}

// Current returns the current revision of a source, from the database.
func (c *Content) Current(ctx context.Context, source string) (Publication, error) {
	all, err := c.publications(ctx, "r.seq = s.seq AND s.name = $1", source)
	if err != nil {
		return Publication{}, err
	}
	if len(all) == 0 {
		return Publication{}, c.noRevision(source, "current")
	}
	return all[0], nil
}

// shortestPrefix of a commit that is taken for one, as git has it.
const shortestPrefix = 4

// Lookup returns the revision of a source with the commit, which may be shortened as long as it is one commit's alone (S4-43);
// of several revisions of one commit it is the newest. A revision that was dropped is found as long as its index is there.
func (c *Content) Lookup(ctx context.Context, source, commit string) (Publication, error) {
	if len(commit) < shortestPrefix || !isHex(commit) {
		return Publication{}, c.noRevision(source, commit)
	}
	all, err := c.publications(ctx, "s.name = $1 AND r.commit >= $2 AND r.commit < $2 || 'g' ORDER BY r.seq DESC", source, commit)
	switch {
	case err != nil:
		return Publication{}, err
	case len(all) == 0:
		return Publication{}, c.noRevision(source, commit)
	}
	for _, p := range all {
		if p.Commit != all[0].Commit {
			return Publication{}, fault.New(fault.Conflict, "content_ambiguous", "commit %s of %s may be %s or %s", commit, source, all[0].Commit, p.Commit).
				WithHint("write more digits")
		}
	}
	return all[0], nil
}

func (c *Content) noRevision(source, which string) error {
	if _, ok := c.cfg().Sources[source]; !ok {
		return fault.New(fault.NotFound, "content_no_source", "no source is called %q", source).
			WithHint("sources are named in [content.sources.NAME]; holdfast content list shows them")
	}
	return fault.New(fault.NotFound, "content_no_revision", "source %s has no revision %s", source, which).
		WithHint("holdfast content show %s lists those there are; holdfast content sync %s publishes the newest", source, source)
}

func isHex(text string) bool {
	for i := range len(text) {
		if b := text[i]; (b < '0' || b > '9') && (b < 'a' || b > 'f') {
			return false
		}
	}
	return true
}
