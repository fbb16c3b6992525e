package daemon

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/internal/admin"
	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
)

// watchContent is how often the findings about content are brought up to date.
const watchContent = 5 * time.Second

func contentStale() health.Condition {
	return health.Condition{
		Code: "content_stale", Title: "New revisions of content are not heard of", Severity: health.Warning,
		Hint:     "the last revisions go on being used; check PostgreSQL",
		CausedBy: []string{databaseDown().Code},
	}
}

func contentTrouble(work string) health.Condition {
	return health.Condition{
		Code: "content_trouble", Subject: work, Title: "Background work on content fails", Severity: health.Warning,
		Hint:     "it is tried again by itself; holdfast logs tells when it began",
		After:    10 * time.Second,
		CausedBy: []string{databaseDown().Code, storeDown().Code},
	}
}

func contentSource(name string) health.Condition {
	return health.Condition{
		Code: "content_source", Subject: name, Title: "A source of content cannot be synced", Severity: health.Warning,
		Hint:     "its last revision goes on being used; see: holdfast content show " + name,
		CausedBy: []string{databaseDown().Code, storeDown().Code},
	}
}

// warmingPatience is how long a machine is not ready because content that it is to have is not here yet. Then it is better to serve
// what there is.
const warmingPatience = 2 * time.Minute

// contentWarming holds back /readyz while it is an error.
func contentWarming(late bool) health.Condition {
	c := health.Condition{
		Code: "content_warming", Title: "Content that this machine is to have is still being fetched", Severity: health.Error,
		Hint: "wait; holdfast content list shows what is here",
	}
	if late {
		c.Severity, c.Hint = health.Warning, "the machine takes part all the same; see the section content of: holdfast status"
	}
	return c
}

// rewrittenFor is how long it is told that a branch was rewritten.
const rewrittenFor = 24 * time.Hour

func contentRewritten(name string) health.Condition {
	return health.Condition{
		Code: "content_rewritten", Subject: name, Title: "A branch of content was rewritten", Severity: health.Info,
		Hint: "if nobody meant to push by force, look at: holdfast content show " + name + "; earlier revisions are still there, and pin keeps them",
	}
}

func contentCache() health.Condition {
	return health.Condition{
		Code: "content_cache", Title: "The cache of content cannot do its work", Severity: health.Warning,
		Hint: "check the space and the rights of paths.cache, and content.cache_size",
	}
}

// contentMirrors is where the bare repositories lie.
func (d *Daemon) contentMirrors() string { return filepath.Join(d.cfg.Paths.State, "mirrors") }

// contentCacheDir is where the unpacked files lie, which applications read.
func (d *Daemon) contentCacheDir() string { return filepath.Join(d.cfg.Paths.Cache, "content") }

// startContent starts the distribution of content.
func (d *Daemon) startContent(ctx context.Context) error {
	if !d.cfg.Content.Enabled {
		return nil
	}
	migrations, err := fs.Sub(content.Migrations, "migrations")
	if err != nil {
		return err
	}
	if err := d.db.Migrate(ctx, "content", migrations); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	d.content, err = content.New(content.Options{
		Config: d.cfg.Content, DB: d.db, Store: d.uncached, MasterKey: d.cfg.Files.MasterKey,
		Mirrors: d.contentMirrors(), Cache: d.contentCacheDir(), BaseURL: d.publicURL, Metrics: d.metrics,
		Log: d.log.With("part", "content"),
	})
	if err != nil {
		return err
	}
	if err := d.run(ctx, "content", d.content); err != nil {
		return err
	}
	if group := d.content.Group(); group >= 0 {
		d.lookAtReach(group)
	}
	watch := &contentWatch{content: d.content, began: time.Now(), health: d.health, troubles: map[string]bool{}, sources: map[string]bool{}, rewritten: map[string]bool{}}
	watch.warming(d.content.Warming()) // before anybody asks whether we are ready
	return d.run(ctx, "content check", lifecycle.NewLoop(watchContent, watch.look, func(error) {}))
}

// publicURL is where visitors find this site.
func (d *Daemon) publicURL() string {
	if d.cfg.Files.PublicURL != "" {
		return d.cfg.Files.PublicURL
	}
	return d.edgeURL()
}

// contentRoutes are the routes of content on the edge.
func (d *Daemon) contentRoutes() map[string]http.Handler {
	if d.content == nil {
		return nil
	}
	return d.content.Routes()
}

// contentAPI are the routes of content for administrators, and on the control socket.
func (d *Daemon) contentAPI() map[string]http.Handler {
	if d.content == nil {
		return nil
	}
	return d.content.APIRoutes()
}

func (d *Daemon) contentStatus(ctx context.Context) admin.Status {
	none := admin.Status{State: admin.OK, Summary: "no source is named"}
	if d.content == nil {
		return none
	}
	s, err := d.content.Stats(ctx, control.Empty{})
	if err != nil {
		return failed("content does not answer", err)
	}
	if s.Sources == 0 {
		return none
	}
	report := admin.Status{
		State:   admin.OK,
		Summary: fmt.Sprintf("%s, %d used here, %s in the cache", count(int64(s.Sources), "source"), s.InUse, megabytes(s.Cache.Bytes)),
		Facts: admin.Facts{
			{Name: "sources", Value: s.Sources},
			{Name: "published", Value: s.Published},
			{Name: "used_here", Value: s.InUse},
			{Name: "syncs", Value: s.Holder},
			{Name: "leases", Value: s.Leases},
			{Name: "ensure_warm", Value: s.Warm},
			{Name: "ensure_cold", Value: s.Cold},
			{Name: "ensure_failed", Value: s.Failed},
			{Name: "hit_rate", Value: percent(s.Use.HitRate())},
			{Name: "asked_bytes", Value: s.Use.Asked},
			{Name: "store_bytes", Value: s.Fetched},
			{Name: "saved_bytes", Value: s.Use.Saved},
			{Name: "cache_bytes", Value: s.Cache.Bytes},
			{Name: "cache_bytes_max", Value: s.Cache.Limits.Bytes},
			{Name: "cache_inodes", Value: s.Cache.Inodes},
			{Name: "evicted_bytes", Value: s.Cache.EvictedBytes},
			{Name: "files_served", Value: s.Served},
			{Name: "socket", Value: d.cfg.Content.Socket},
		},
	}
	report.Facts = append(report.Facts, d.contentSavings(ctx)...)
	switch {
	case s.Stale:
		report.State, report.Summary = admin.Warning, "PostgreSQL is silent: the last revisions known go on being used"
	case len(s.Troubles) > 0:
		report.State = admin.Warning
		report.Facts = append(report.Facts, admin.Fact{Name: "troubles", Value: s.Troubles})
	}
	return report
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// contentWatch keeps the findings about content up to date.
type contentWatch struct {
	content   *content.Content
	health    *health.Registry
	troubles  map[string]bool // that are findings now
	sources   map[string]bool
	rewritten map[string]bool
	began     time.Time
}

func (w *contentWatch) look(ctx context.Context) error {
	s, err := w.content.Stats(ctx, control.Empty{})
	if err != nil {
		return nil // it answers from memory
	}
	if s.Stale {
		w.health.Set(contentStale(), "PostgreSQL has not answered for some seconds")
	} else {
		w.health.Clear(contentStale())
	}
	w.warming(s.Warming)
	w.keep(w.troubles, s.Troubles, contentTrouble)
	if s.Cache.Finding != "" {
		w.health.Set(contentCache(), s.Cache.Finding)
	} else {
		w.health.Clear(contentCache())
	}
	if s.Sources == 0 {
		w.keep(w.sources, nil, contentSource)
		return nil
	}
	all, err := w.content.Sources(ctx)
	if err != nil {
		return nil // told by the check of the database
	}
	wrong, rewritten := map[string]string{}, map[string]string{}
	for _, x := range all {
		if x.Configured && x.Failed != nil && x.Failure != nil {
			wrong[x.Name] = strings.TrimSpace(x.Failure.Message)
		}
		if x.Rewritten && x.Published != nil && time.Since(*x.Published) < rewrittenFor {
			rewritten[x.Name] = "revision " + x.Commit + " does not descend from the one before"
		}
	}
	w.keep(w.sources, wrong, contentSource)
	w.keep(w.rewritten, rewritten, contentRewritten)
	return nil
}

// warming holds back readiness as long as sources are not complete, within reason.
func (w *contentWatch) warming(sources []string) {
	if len(sources) == 0 {
		w.health.Clear(contentWarming(false))
		return
	}
	w.health.Set(contentWarming(time.Since(w.began) > warmingPatience), "of "+strings.Join(sources, ", "))
}

// keep sets the findings that hold and clears those that do not any more.
func (w *contentWatch) keep(before map[string]bool, now map[string]string, of func(string) health.Condition) {
	for _, name := range slices.Collect(maps.Keys(before)) {
		if _, ok := now[name]; !ok {
			w.health.Clear(of(name))
			delete(before, name)
		}
	}
	for name, text := range now {
		w.health.Set(of(name), text)
		before[name] = true
	}
}
