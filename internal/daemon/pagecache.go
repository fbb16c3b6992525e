package daemon

import (
	"context"
	"net/http"
	"path/filepath"

	"holdfast/internal/admin"
	"holdfast/internal/control"
	"holdfast/internal/edge"
	"holdfast/internal/health"
	"holdfast/internal/httpcache"
)

// PagePurgeRequest says what to remove from the page caches of all nodes: one of the fields is set.
type PagePurgeRequest = httpcache.Purge

// PagePurgeAnswer says how many answers were stored on this node.
type PagePurgeAnswer struct {
	Removed int `json:"removed"`
}

// PagePreloadRequest names pages to ask for: paths on the first host, or addresses. Without any they are those of the configuration.
type PagePreloadRequest struct {
	Pages   []string `json:"pages,omitempty"`
	Sitemap string   `json:"sitemap,omitempty"`
}

func pageDisk() health.Condition {
	return health.Condition{
		Code: "page_cache_disk", Title: "Pages cannot be kept on disk", Severity: health.Warning,
		Hint: "visitors are answered by the application in their place; look at the disk of paths.cache",
	}
}

func pagePurges() health.Condition {
	return health.Condition{
		Code: "page_cache_purges", Title: "It is not heard which pages other nodes remove", Severity: health.Warning,
		Hint: "removed pages may be shown here until PostgreSQL answers; then they are looked up", CausedBy: []string{databaseDown().Code},
	}
}

// pageCache fills in what the page cache needs besides its configuration.
func (d *Daemon) pageCache(ctx context.Context, o edge.Options) (edge.Options, error) {
	if !d.cfg.Edge.Cache.Enabled {
		return o, nil
	}
	o.DB, o.CacheDir = d.db, filepath.Join(d.cfg.Paths.Cache, "pages")
	o.ReportCache = func(err error) { d.health.Report(pageDisk(), err) }
	o.ReportPurges = func(err error) { d.health.Report(pagePurges(), err) }
	return o, edge.MigratePages(ctx, d.db)
}

// pageCacheAPI is the page cache's part of the control API; "holdfast edge cache" calls it, and so may the application.
func (d *Daemon) pageCacheAPI() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/edge/cache/purge":   control.Handle(d.purgePages),
		"POST /v1/edge/cache/preload": control.Handle(d.preloadPages),
		"POST /v1/edge/cache/stats":   control.Handle(d.pageStats),
	}
}

func (d *Daemon) purgePages(ctx context.Context, r PagePurgeRequest) (PagePurgeAnswer, error) {
	p, err := d.edge.Pages()
	if err != nil {
		return PagePurgeAnswer{}, err
	}
	n, err := p.Purge(ctx, r)
	return PagePurgeAnswer{n}, err
}

func (d *Daemon) preloadPages(ctx context.Context, r PagePreloadRequest) (edge.Preloaded, error) {
	p, err := d.edge.Pages()
	if err != nil {
		return edge.Preloaded{}, err
	}
	if len(r.Pages) == 0 && r.Sitemap == "" {
		c := d.config().Edge.Cache
		r.Pages, r.Sitemap = c.Preload, c.Sitemap
	}
	return p.Preload(ctx, r.Pages, r.Sitemap)
}

func (d *Daemon) pageStats(context.Context, control.Empty) (httpcache.Stats, error) {
	p, err := d.edge.Pages()
	if err != nil {
		return httpcache.Stats{}, err
	}
	return p.Stats(), nil
}

// pageFacts are what the status page shows of the page cache.
func (d *Daemon) pageFacts() admin.Facts {
	p, err := d.edge.Pages()
	if err != nil {
		return nil
	}
	s := p.Stats()
	hits := s.Requests[httpcache.Hit] + s.Requests[httpcache.Stale] + s.Requests[httpcache.Revalidated] + s.Requests[httpcache.Collapsed]
	facts := admin.Facts{
		{Name: "page_cache_hits", Value: hits},
		{Name: "page_cache_misses", Value: s.Requests[httpcache.Miss] + s.Requests[httpcache.Expired]},
		{Name: "page_cache_passes", Value: s.Requests[httpcache.Pass]},
		{Name: "page_cache_memory_bytes", Value: s.Memory.Bytes},
	}
	if s.Disk != nil {
		facts = append(facts, admin.Fact{Name: "page_cache_disk_bytes", Value: s.Disk.Bytes})
	}
	return facts
}
