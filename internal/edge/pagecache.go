package edge

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/httpcache"
	"holdfast/internal/lane"
	"holdfast/internal/lifecycle"
	"holdfast/internal/upstream"
)

// Pages is the page cache: answers of the application that are kept for others (package httpcache), told by all nodes what to remove,
// and filled before visitors come. It outlives a configuration.
type Pages struct {
	base    lifecycle.Base
	edge    *Edge
	cache   *httpcache.Cache
	journal *purgeJournal // nil without a database
	changes *changes      // the same
}

// newPages makes the cache of the configuration, nil if it is switched off.
func newPages(o Options, e *Edge) *Pages {
	if !o.Config.Cache.Enabled {
		return nil
	}
	log := e.kept.log.With("part", "page cache")
	p := &Pages{edge: e}
	p.cache = httpcache.New(httpcache.Options{
		Config: pageConfig(o.Config), Dir: o.CacheDir, Next: http.HandlerFunc(askApp), Site: siteOfVisit, Fork: forkVisit,
		Observe: func(ctx context.Context, result httpcache.Result) {
			if v := visitOf(ctx); v != nil {
				v.cache = string(result)
				if result == httpcache.Hit {
					lane.Mine(ctx)
				}
			}
		},
		Changed: p.changed, Metrics: o.Metrics, Report: o.ReportCache, Log: log,
	})
	if o.DB != nil {
		p.journal = newPurgeJournal(o, p.cache, log)
		p.changes = newChanges(p.journal, o.Metrics)
	}
	return p
}

// changed has other nodes told what a visitor's request changed.
func (p *Pages) changed(ctx context.Context, urls []string) {
	if p.changes != nil {
		p.changes.note(ctx, urls)
	}
}

// pageConfig is the configuration with what other settings mean for it: the sticky cookie is ours, and no secret of a visitor's.
func pageConfig(c Config) httpcache.Config {
	out := c.Cache
	for _, app := range c.applications() {
		if app.Upstream.Sticky != "" {
			out.IgnoreCookies = append(slices.Clone(out.IgnoreCookies), app.Upstream.Sticky)
		}
	}
	return out
}

// siteOfVisit is scheme and host as the visitor, or a trusted proxy, says.
func siteOfVisit(r *http.Request) (scheme, host string) {
	v := visitOf(r.Context())
	return v.Proto, v.Host
}

// forkVisit gives a question to the application a visit of its own: it may be under way when the visitor's is over. What came of it is
// brought back by the returned function.
func forkVisit(ctx context.Context) (context.Context, func()) {
	v := visitOf(ctx)
	own := *v
	own.Shared = true
	return withVisit(ctx, &own), func() { v.Trace = own.Trace }
}

// askApp is what stands behind the cache: the application of the site that the request came to.
func askApp(w http.ResponseWriter, r *http.Request) { visitOf(r.Context()).pool.ServeHTTP(w, r) }

// application hands a request to the application, through the page cache where there is one. What is guarded by questions to the
// application is never cached: the next visitor may be refused, and what a guard tells the application is no part of any key. Nor is what two
// applications may have at the same address.
func (s *site) application(w http.ResponseWriter, r *http.Request, to *application) {
	v := visitOf(r.Context())
	v.app, v.pool = true, to.pool
	if s.pages == nil || s.guarded(r.URL.Path) || s.ambiguous(v.Host, r.Host, r.URL.Path, to) {
		to.pool.ServeHTTP(w, r)
		return
	}
	upstream.CleanHeader(r.Header, v.Trusted) // the cache sees what the application will see
	s.pages.cache.ServeHTTP(w, r)
}

// guarded reports whether the application was asked whether a path may be seen.
func (s *site) guarded(path string) bool {
	if len(s.auth) == 0 {
		return false
	}
	paths := readings(path)
	return slices.ContainsFunc(s.auth, func(g *guard) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, g.rule.Path) })
	})
}

// Start opens the cache and hears what was removed while this node was away.
func (p *Pages) Start(ctx context.Context) error {
	return p.base.Start(ctx, func(ctx context.Context) error {
		if err := p.cache.Start(ctx); err != nil {
			return err
		}
		if p.journal == nil {
			return nil
		}
		if err := p.journal.start(ctx, &p.base); err != nil {
			return joinStop(ctx, err, p.cache)
		}
		p.base.Go(p.changes.run)
		return nil
	})
}

func joinStop(ctx context.Context, err error, s lifecycle.Service) error {
	_ = s.Stop(context.WithoutCancel(ctx)) // why it did not start is what counts
	return err
}

// Stop ends what goes on behind visitors and closes the cache. Nobody asks it any more.
func (p *Pages) Stop(ctx context.Context) error {
	err := p.base.Stop(ctx, nil)
	if stopErr := p.cache.Stop(ctx); err == nil {
		err = stopErr
	}
	return err
}

// Stats returns what the cache holds and did.
func (p *Pages) Stats() httpcache.Stats { return p.cache.Stats() }

// Pages returns the page cache, or an error where there is none.
func (e *Edge) Pages() (*Pages, error) {
	if p := e.kept.pages; p != nil {
		return p, nil
	}
	return nil, fault.New(fault.Conflict, "page_cache_off", "the page cache is switched off").
		WithHint("set enabled = true in [edge.cache] and start again")
}
