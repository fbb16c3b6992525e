package content

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"holdfast/internal/control"
	"holdfast/internal/revision"
	"holdfast/internal/treecache"
)

// ListAnswer are the sources of the configuration and of the database.
type ListAnswer struct {
	Sources []SourceHere `json:"sources"`
	Stale   bool         `json:"stale,omitempty"` // PostgreSQL is silent: this is what was known last
}

// SourceHere is a source as PostgreSQL and this machine know it.
type SourceHere struct {
	SourceInfo
	Preset string `json:"preset,omitempty"`
	Serve  string `json:"serve,omitempty"`
	Here   string `json:"here,omitempty"` // commit that this machine answers "current" with, once it was asked for
	InUse  bool   `json:"in_use"`         // it was asked for on this machine lately
	Use    Usage  `json:"use"`            // what the cache of this machine was good for
	Stored Stored `json:"stored"`         // what publishing took and saved
}

// List tells of every source, in the order of their names.
func (c *Content) List(ctx context.Context, _ control.Empty) (ListAnswer, error) {
	all, err := c.Sources(ctx)
	if err != nil && !mayPass(err) {
		return ListAnswer{}, err
	}
	if err != nil {
		all = c.sourcesKnown()
	}
	a := ListAnswer{Sources: make([]SourceHere, 0, len(all)), Stale: err != nil}
	stored, err := c.stored(ctx)
	if err != nil && !mayPass(err) {
		return ListAnswer{}, err
	}
	for _, s := range all {
		here := c.here(s)
		here.Stored = stored[s.Name]
		a.Sources = append(a.Sources, here)
	}
	return a, nil
}

// sourcesKnown is what is known of the sources without PostgreSQL.
func (c *Content) sourcesKnown() []SourceInfo {
	var all []SourceInfo
	for _, name := range slices.Sorted(maps.Keys(c.cfg().Sources)) {
		cfg := c.cfg().Sources[name]
		info := SourceInfo{Name: name, Configured: true, Git: cfg.Git, Branch: cfg.Branch, Root: cfg.Root}
		if p := knownOf(c.reader().sources()[name]); p != nil {
			info.Seq, info.Commit, info.Published = p.Seq, p.Commit.String(), &p.Published
		}
		all = append(all, info)
	}
	return all
}

func knownOf(s *sourceState) *Publication {
	if s == nil {
		return nil // the configuration was read again meanwhile
	}
	return s.known.Load()
}

// here adds what this machine knows of a source.
func (c *Content) here(info SourceInfo) SourceHere {
	s := SourceHere{SourceInfo: info}
	state, ok := c.reader().sources()[info.Name]
	if !ok {
		return s
	}
	cfg := c.cfg().Sources[info.Name]
	s.Use = state.use.now()
	s.Serve, s.Preset, s.InUse = cfg.served(), cmp.Or(cfg.Preset, defaultPreset), c.reader().used(state)
	if p := state.ready.Load(); p != nil {
		s.Here = p.Commit.String()
	}
	return s
}

// ShowRequest asks for what is known of a source.
type ShowRequest struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"` // whose chunks are told; default the current one
	Chunks   bool   `json:"chunks,omitempty"`   // list them
}

// ShowAnswer is what is known of a source.
type ShowAnswer struct {
	SourceHere
	Revisions  []RevisionInfo       `json:"revisions"`            // the newest first
	Leases     []LeaseInfo          `json:"leases,omitempty"`     // on this machine
	Shown      string               `json:"shown,omitempty"`      // the commit that the rest is about
	Rejections []revision.Rejection `json:"rejections,omitempty"` // of that revision
	Warnings   []revision.Rejection `json:"warnings,omitempty"`
	ChunkList  []ChunkInfo          `json:"chunk_list,omitempty"`
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
	all, err := c.Sources(ctx)
	if err != nil {
		return ShowAnswer{}, err
	}
	a := ShowAnswer{Leases: c.reader().leases.list(q.Source)}
	for _, s := range all {
		if s.Name == q.Source {
			a.SourceHere = c.here(s)
		}
	}
	if a.Revisions, err = c.Revisions(ctx, q.Source); err != nil {
		return a, err
	}
	if a.Seq == 0 {
		return a, nil
	}
	return a, c.showIndex(ctx, q, &a)
}

// showIndex adds what only the index of a revision knows.
func (c *Content) showIndex(ctx context.Context, q ShowRequest, a *ShowAnswer) error {
	p, err := c.revisionNamed(ctx, q.Source, q.Revision)
	if err != nil {
		return err
	}
	x, err := c.reader().load(ctx, p)
	if err != nil {
		return err
	}
	a.Shown, a.Rejections, a.Warnings = p.Commit.String(), x.Rejected, x.Warned
	if !q.Chunks {
		return nil
	}
	for i := range x.Chunks {
		k := &x.Chunks[i]
		a.ChunkList = append(a.ChunkList, ChunkInfo{k.Key, k.Path, k.Tree.String(), k.Plain, k.Files, len(k.Pieces), k.Kept})
	}
	return nil
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
	Use          Usage           `json:"use"` // of all sources
	Cache        treecache.Stats `json:"cache"`
	Holder       bool            `json:"syncs"` // this process holds the role of syncing
	// Warming are sources of which this machine has not fetched yet, since its start, what it is to have.
	Warming []string `json:"warming,omitempty"`
	// Troubles is background work that fails now, by its name.
	Troubles map[string]string `json:"troubles,omitempty"`
}

// Stats answers from memory.
func (c *Content) Stats(context.Context, control.Empty) (StatsAnswer, error) {
	r := c.reader()
	a := StatsAnswer{
		Sources: len(r.sources()), Stale: r.stale(), Leases: r.leases.count(), Holder: c.producer.role.held() != 0,
		Warm: r.count.warm.Load(), Cold: r.count.cold.Load(), Failed: r.count.failed.Load(), StaleAnswers: r.count.stale.Load(),
		Fetches: r.count.fetches.Load(), Fetched: r.count.fetched.Load(), Queries: r.count.queries.Load(),
		Warming: r.warmup.outstanding(), Prefetched: r.count.prefetched.Load(), Served: r.count.served.Load(), Cache: r.cache.Stats(),
	}
	for _, s := range r.sources() {
		a.Use.add(s.use.now())
		if r.used(s) {
			a.InUse++
		}
		if s.known.Load() != nil {
			a.Published++
		}
	}
	for work, err := range c.trouble.All() {
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

// Warming returns the sources of which this machine has not fetched yet, since its start, what it is to have (prefetch). It is not ready
// before.
func (c *Content) Warming() []string { return c.reader().warmup.outstanding() }
