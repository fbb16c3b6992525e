package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/fault"
)

const (
	// preloadMost bounds one list, and the pages of a sitemap.
	preloadMost = 50_000
	// sitemapMost bounds a sitemap, in bytes: that is what its format allows (sitemaps.org).
	sitemapMost = 50 << 20
	// preloadTries is how often a page is asked for while the application is not ready, preloadPause the time between.
	preloadTries, preloadPause = 10, 3 * time.Second
)

// Preloaded says what became of a list.
type Preloaded struct {
	Pages   int             `json:"pages"`
	Stored  int             `json:"stored"`  // are in the cache now
	Passed  int             `json:"passed"`  // were answered, and may not be stored
	Failed  int             `json:"failed"`  // 4xx, 5xx, broken
	Reasons []PreloadFailed `json:"reasons"` // of the first hundred failures
	Seconds float64         `json:"seconds"`
}

// PreloadFailed is a page that could not be had.
type PreloadFailed struct {
	URL    string `json:"url"`
	Reason string `json:"reason"`
}

// Preload asks for pages as visitors do, through all that visitors meet, a few at once, so that they are stored. A page is a path on the
// first host, or an address; a sitemap is read with them if one is named.
func (p *Pages) Preload(ctx context.Context, pages []string, sitemap string) (Preloaded, error) {
	began := time.Now()
	if sitemap != "" {
		more, err := p.sitemap(ctx, sitemap)
		if err != nil {
			return Preloaded{}, fault.New(fault.Unavailable, "sitemap", "read sitemap %s: %w", sitemap, err)
		}
		pages = append(slices.Clone(pages), more...)
	}
	if len(pages) > preloadMost {
		return Preloaded{}, fault.New(fault.Usage, "preload_too_many", "%d pages are more than %d", len(pages), preloadMost)
	}
	out := Preloaded{Pages: len(pages), Reasons: []PreloadFailed{}}
	var mu sync.Mutex // protects out
	next := make(chan string)
	var all sync.WaitGroup
	for range p.edge.site.Load().config.Cache.PreloadConcurrency {
		all.Go(func() {
			for page := range next {
				stored, err := p.preload(ctx, page)
				mu.Lock()
				out.note(page, stored, err)
				mu.Unlock()
			}
		})
	}
	for _, page := range pages {
		select {
		case next <- page:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	out.Seconds = time.Since(began).Seconds()
	return out, context.Cause(ctx)
}

func (o *Preloaded) note(page string, stored bool, err error) {
	switch {
	case err != nil:
		o.Failed++
		if len(o.Reasons) < 100 {
			o.Reasons = append(o.Reasons, PreloadFailed{page, err.Error()})
		}
	case stored:
		o.Stored++
	default:
		o.Passed++
	}
}

// preload asks for one page.
func (p *Pages) preload(ctx context.Context, page string) (stored bool, err error) {
	r, err := p.request(ctx, page)
	if err != nil {
		return false, err
	}
	w, err := p.fetch(ctx, r, 0)
	if err != nil {
		return false, err
	}
	if w.status >= http.StatusBadRequest {
		return false, fmt.Errorf("%d %s", w.status, http.StatusText(w.status))
	}
	said := strings.Join(w.header["Cache-Status"], ",")
	return strings.Contains(said, "; stored") || strings.Contains(said, "; hit") || strings.Contains(said, "; collapsed"), nil
}

// fetch asks, and asks again when it is told to come later. Of the body it keeps as much.
func (p *Pages) fetch(ctx context.Context, r *http.Request, keep int) (*sink, error) {
	for try := 1; ; try++ {
		w := &sink{header: http.Header{}, keep: keep}
		if err := p.ask(w, r.Clone(ctx)); err != nil {
			return nil, err
		}
		wait, later := w.later()
		if !later || try == preloadTries {
			return w, nil
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// ask sends a request through the front. One that is cut is an error.
func (p *Pages) ask(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if cut := recover(); cut != nil {
			err = fmt.Errorf("the answer broke off: %v", cut)
		}
	}()
	p.edge.ServeHTTP(w, r)
	return nil
}

// request is one as a browser sends it that was never here.
func (p *Pages) request(ctx context.Context, page string) (*http.Request, error) {
	c := p.edge.site.Load().config
	if strings.HasPrefix(page, "/") {
		page = c.scheme() + "://" + p.host(c) + page
	}
	u, err := url.Parse(page)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is neither a path nor an address", page)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "https" {
		r.TLS = &tls.ConnectionState{} // by which the front knows
	}
	r.RequestURI = u.RequestURI()
	r.Header = http.Header{
		"User-Agent": {"Holdfast preload"}, "Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Encoding": {"gzip, deflate, br, zstd"},
	}
	return r, nil
}

// scheme is the one that visitors use: a proxy in front that is trusted is taken to speak TLS.
func (c Config) scheme() string {
	if c.HasTLS() || len(c.Hosts) > 0 && len(c.TrustedProxies) > 0 {
		return "https"
	}
	return "http"
}

func (p *Pages) host(c Config) string {
	if len(c.Hosts) > 0 {
		return c.Hosts[0]
	}
	return p.edge.Addr()
}

// preloadBehind asks for what the configuration names, while visitors come already.
func (p *Pages) preloadBehind(log *slog.Logger) {
	c := p.edge.site.Load().config.Cache
	if len(c.Preload) == 0 && c.Sitemap == "" {
		return
	}
	p.base.Go(func(ctx context.Context) {
		done, err := p.Preload(ctx, c.Preload, c.Sitemap)
		switch {
		case ctx.Err() != nil:
		case err != nil || done.Failed > 0:
			log.WarnContext(ctx, "not all pages are preloaded", "pages", done.Pages, "stored", done.Stored, "passed", done.Passed,
				"failed", done.Failed, "reasons", fmt.Sprint(done.Reasons), "error", err)
		default:
			log.InfoContext(ctx, "pages are preloaded", "pages", done.Pages, "stored", done.Stored, "passed", done.Passed)
		}
	})
}
