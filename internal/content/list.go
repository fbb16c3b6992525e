package content

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/control"
	"holdfast/internal/revision"
	"holdfast/internal/treecache"
)

// ListAnswer are the sources of this configuration.
type ListAnswer struct {
	Sources []SourceInfo `json:"sources"`
	Stale   bool         `json:"stale,omitempty"` // PostgreSQL does not answer: this is what was known last
}

// SourceInfo is a source for people to look at.
type SourceInfo struct {
	Source    string     `json:"source"`
	Git       string     `json:"git"`
	Branch    string     `json:"branch,omitempty"`
	Root      string     `json:"root,omitempty"`
	Preset    string     `json:"preset"`
	Serve     string     `json:"serve"`
	Seq       int64      `json:"seq"` // 0: not published yet
	Revision  string     `json:"revision,omitempty"`
	Published *time.Time `json:"published,omitempty"`
	Here      string     `json:"here,omitempty"` // revision that this machine answers "current" with, once it was asked for
	Looked    *time.Time `json:"looked,omitempty"`
	Chunks    int        `json:"chunks,omitempty"`
	Rejected  int        `json:"rejected,omitempty"`
	Bytes     int64      `json:"bytes,omitempty"`
	Failure   *Problem   `json:"failure,omitempty"` // why the last sync failed
}

// Problem is an error in words.
type Problem struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Hint    string     `json:"hint,omitempty"`
	At      *time.Time `json:"at,omitempty"`
}

// List tells of every source of the configuration, in the order of their names.
func (c *Content) List(ctx context.Context, _ control.Empty) (ListAnswer, error) {
	rows, err := c.sourceRows(ctx)
	if err != nil && !mayPass(err) {
		return ListAnswer{}, err
	}
	a := ListAnswer{Sources: []SourceInfo{}, Stale: err != nil}
	for _, name := range slices.Sorted(maps.Keys(c.cfg.Sources)) {
		a.Sources = append(a.Sources, c.describe(name, rows[name]))
	}
	return a, nil
}

// describe joins what the configuration, PostgreSQL and this machine know of a source.
func (c *Content) describe(name string, row SourceInfo) SourceInfo {
	s := c.cfg.Sources[name]
	row.Source, row.Git, row.Branch, row.Root, row.Serve = name, s.Git, s.Branch, s.Root, s.served()
	if row.Preset = s.Preset; row.Preset == "" {
		row.Preset = defaultPreset
	}
	state := c.reader().sources[name]
	if p := state.ready.Load(); p != nil {
		row.Here = p.Commit.String()
	}
	if p := state.known.Load(); p != nil && row.Seq == 0 {
		row.Seq, row.Revision, row.Published = p.Seq, p.Commit.String(), &p.Published
	}
	return row
}

// sourceRows reads what PostgreSQL knows of all sources.
func (c *Content) sourceRows(ctx context.Context) (map[string]SourceInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	rows, err := c.db.Query(ctx, c.q(`SELECT s.name, s.looked, s.failed, s.failure, coalesce(r.seq, 0), coalesce(r.commit, ''),
		r.published, coalesce(r.chunks, 0), coalesce(r.rejected, 0), coalesce(r.plain, 0)
		FROM {s}.content_sources s LEFT JOIN {s}.content_revisions r ON r.source = s.id AND r.seq = s.seq`))
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	all := map[string]SourceInfo{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var x SourceInfo
		var failed *time.Time
		var failure []byte
		err := row.Scan(&x.Source, &x.Looked, &failed, &failure, &x.Seq, &x.Revision, &x.Published, &x.Chunks, &x.Rejected, &x.Bytes)
		if err == nil && failed != nil {
			x.Failure = &Problem{At: failed}
			err = json.Unmarshal(failure, x.Failure)
		}
		all[x.Source] = x
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	return all, nil
}

// ShowRequest asks for what is known of a source.
type ShowRequest struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"` // whose chunks are listed
	Chunks   bool   `json:"chunks,omitempty"`
}

// ShowAnswer is what is known of a source.
type ShowAnswer struct {
	SourceInfo
	Revisions []RevisionInfo       `json:"revisions"` // the newest first
	Pins      []Pin                `json:"pins,omitempty"`
	Leases    []LeaseInfo          `json:"leases,omitempty"` // on this machine
	Report    *Report              `json:"report,omitempty"` // of the sync that made the current revision
	Chunks    []ChunkInfo          `json:"chunk_list,omitempty"`
	Rejected  []revision.Rejection `json:"rejections,omitempty"`
	Warned    []revision.Rejection `json:"warnings,omitempty"`
}

// RevisionInfo is a revision that is kept.
type RevisionInfo struct {
	Seq       int64      `json:"seq"`
	Revision  string     `json:"revision"`
	Published time.Time  `json:"published"`
	Chunks    int        `json:"chunks"`
	Rejected  int        `json:"rejected"`
	Bytes     int64      `json:"bytes"`
	Dropped   *time.Time `json:"dropped,omitempty"` // its time is over, it is removed after the grace
}

// ChunkInfo is a chunk of a revision.
type ChunkInfo struct {
	Key   string `json:"key"`
	Path  string `json:"path"`
	Tree  string `json:"tree"`
	Bytes int64  `json:"bytes"`
	Files int32  `json:"files"`
	Parts int    `json:"parts"`
	Kept  bool   `json:"kept,omitempty"` // content of an earlier revision, because that of this one was rejected
}

// Show tells what is known of a source.
func (c *Content) Show(ctx context.Context, q ShowRequest) (ShowAnswer, error) {
	if _, err := c.reader().source(q.Source); err != nil {
		return ShowAnswer{}, err
	}
	rows, err := c.sourceRows(ctx)
	if err != nil {
		return ShowAnswer{}, err
	}
	a := ShowAnswer{SourceInfo: c.describe(q.Source, rows[q.Source]), Leases: c.reader().leases.list(q.Source)}
	if a.Revisions, err = c.revisionRows(ctx, q.Source); err != nil {
		return a, err
	}
	if a.Pins, err = c.pinRows(ctx, q.Source); err != nil {
		return a, err
	}
	if a.Seq == 0 {
		return a, nil
	}
	if a.Report, err = c.reportOf(ctx, q.Source, a.Seq); err != nil {
		return a, err
	}
	return a, c.showIndex(ctx, q, &a)
}

// showIndex adds what only the index knows.
func (c *Content) showIndex(ctx context.Context, q ShowRequest, a *ShowAnswer) error {
	p, err := c.revisionNamed(ctx, q.Source, q.Revision)
	if err != nil {
		return err
	}
	x, err := c.reader().load(ctx, p)
	if err != nil {
		return err
	}
	a.Rejected, a.Warned = x.Index.Rejected, x.Warned
	if !q.Chunks {
		return nil
	}
	for i := range x.Index.Chunks {
		k := &x.Index.Chunks[i]
		a.Chunks = append(a.Chunks, ChunkInfo{k.Key, k.Path, k.Tree.String(), k.Plain, k.Files, len(k.Pieces), k.Kept})
	}
	return nil
}

func (c *Content) revisionRows(ctx context.Context, source string) ([]RevisionInfo, error) {
	rows, err := c.db.Query(ctx, c.q(`SELECT r.seq, r.commit, r.published, r.chunks, r.rejected, r.plain, r.dropped_at
		FROM {s}.content_revisions r JOIN {s}.content_sources s ON s.id = r.source WHERE s.name = $1 ORDER BY r.seq DESC LIMIT 100`), source)
	if err != nil {
		return nil, fmt.Errorf("read revisions of %s: %w", source, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[RevisionInfo])
	if err != nil {
		return nil, fmt.Errorf("read revisions of %s: %w", source, err)
	}
	return all, nil
}

func (c *Content) pinRows(ctx context.Context, source string) ([]Pin, error) {
	rows, err := c.db.Query(ctx, c.q(`SELECT s.name, p.seq, r.commit, p.name, p.until FROM {s}.content_pins p
		JOIN {s}.content_sources s ON s.id = p.source JOIN {s}.content_revisions r ON r.source = p.source AND r.seq = p.seq
		WHERE s.name = $1 AND (p.until IS NULL OR p.until > now()) ORDER BY p.name, p.seq`), source)
	if err != nil {
		return nil, fmt.Errorf("read pins of %s: %w", source, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Pin])
	if err != nil {
		return nil, fmt.Errorf("read pins of %s: %w", source, err)
	}
	return all, nil
}

// reportOf returns the report of the sync that published a revision.
func (c *Content) reportOf(ctx context.Context, source string, seq int64) (*Report, error) {
	var data []byte
	err := c.db.QueryRow(ctx, c.q(`SELECT r.report FROM {s}.content_revisions r JOIN {s}.content_sources s ON s.id = r.source
		WHERE s.name = $1 AND r.seq = $2`), source, seq).Scan(&data)
	var report Report
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err != nil {
		return nil, fmt.Errorf("read the report of revision %d of %s: %w", seq, source, err)
	}
	return &report, nil
}

// StatsAnswer is what this machine does with content.
type StatsAnswer struct {
	Sources      int             `json:"sources"`
	InUse        int             `json:"in_use"`    // asked for on this machine lately
	Published    int             `json:"published"` // with a current revision
	Stale        bool            `json:"stale,omitempty"`
	Leases       int             `json:"leases"`
	Warm         int64           `json:"ensure_warm"`
	Cold         int64           `json:"ensure_cold"`
	Failed       int64           `json:"ensure_failed"`
	StaleAnswers int64           `json:"ensure_stale"`
	Fetches      int64           `json:"store_requests"`
	Fetched      int64           `json:"store_bytes"`
	Queries      int64           `json:"database_questions"`
	Prefetched   int64           `json:"prefetched_chunks"`
	Served       int64           `json:"files_served"`
	Cache        treecache.Stats `json:"cache"`
	Holder       bool            `json:"syncs"` // this process holds the role of syncing
	// Troubles is background work that fails now, by its name.
	Troubles map[string]string `json:"troubles,omitempty"`
}

// Stats answers from memory.
func (c *Content) Stats(context.Context, control.Empty) (StatsAnswer, error) {
	r := c.reader()
	a := StatsAnswer{
		Sources: len(r.sources), Stale: r.stale(), Leases: r.leases.count(), Holder: c.producer.role.held() != 0,
		Warm: r.count.warm.Load(), Cold: r.count.cold.Load(), Failed: r.count.failed.Load(), StaleAnswers: r.count.stale.Load(),
		Fetches: r.count.fetches.Load(), Fetched: r.count.fetched.Load(), Queries: r.count.queries.Load(),
		Prefetched: r.count.prefetched.Load(), Served: r.count.served.Load(), Cache: r.cache.Stats(),
	}
	for _, s := range r.sources {
		if r.used(s) {
			a.InUse++
		}
		if s.known.Load() != nil {
			a.Published++
		}
	}
	for work, err := range c.trouble.all() {
		if err == nil {
			continue
		}
		if a.Troubles == nil {
			a.Troubles = map[string]string{}
		}
		a.Troubles[work] = err.Error()
	}
	return a, nil
}
