package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/edge"
	"holdfast/internal/fault"
	"holdfast/internal/httpcache"
	"holdfast/internal/unit"
)

const edgeCacheHelp = `Look at the page cache, remove pages from it, fill it.

Usage:
  holdfast edge cache stats [--json]
  holdfast edge cache purge (--url URL | --prefix PREFIX | --tag TAG | --all) [--json]
  holdfast edge cache preload [FILE | -] [--sitemap PATH] [--json]

The cache is off unless edge.cache.enabled is true.

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when the page cache is switched off

EXAMPLE
  holdfast edge cache stats
`

const edgeCacheStatsHelp = `Say what the page cache holds and how often it helped.

Usage:
  holdfast edge cache stats [--json]

A request is a "hit" (stored, fresh), "stale" (stored, given although its time was over), "revalidated" (the application
said that it is the same), "collapsed" (another visitor had asked already), "expired" (stored, and replaced), "miss" or
"pass" (not for the cache: another method, a cookie, a rule, a range of what is not stored). Counts are those of this node
since its start.

With --json the fields are requests (by result), memory (entries, bytes, max_bytes, hits, misses_never, misses_expired,
misses_evicted, evictions, expirations, refused), disk (entries, bytes, max_bytes, evictions, damaged, left_overs,
free_on_disk; only with a disk), flights, inflight_bytes, rules (path, hits, misses, passes).

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when the page cache is switched off

EXAMPLE
  holdfast edge cache stats --json | jq .requests
`

const edgeCachePurgeHelp = `Remove pages from the page cache of all nodes.

Usage:
  holdfast edge cache purge --url URL [--json]
  holdfast edge cache purge --prefix PREFIX [--json]
  holdfast edge cache purge --tag TAG [--json]
  holdfast edge cache purge --all [--json]

Pages that are on their way from the application are not kept, either. Other nodes follow within a second; one that is away
follows when it is back.

Options:
      --url URL         one page in all its forms: an address, or a path on every host, with its query
      --prefix PREFIX   all pages whose address, or path on every host, begins so
      --tag TAG         all pages that the application named so, in the header Surrogate-Key or Cache-Tag
      --all             everything

With --json the field is removed: how many answers there were on this node.

EXIT STATUS
  0, or 2 when it is not clear what to remove, 6 when the page cache is switched off, 7 when no Holdfast runs or other
  nodes cannot be told

EXAMPLE
  holdfast edge cache purge --prefix /news/
`

const edgeCachePreloadHelp = `Ask for pages, so that the next visitors find them in the page cache.

Usage:
  holdfast edge cache preload [FILE | -] [--sitemap PATH] [--json]

FILE has a page to a line, a path on the site's first host or an address; - is standard input. Without FILE and --sitemap
the pages are those of edge.cache.preload and edge.cache.sitemap. Pages are asked for as visitors do,
edge.cache.preload_concurrency at once; while the application is not ready it is asked again. Run it after a deploy, on each
node.

Options:
      --sitemap PATH   all pages of a sitemap of the site

With --json the fields are pages, stored, passed (answered, and not to be kept), failed, reasons (url, reason; at most a
hundred for each thousand pages), seconds.

EXIT STATUS
  0, or 11 when some pages failed, 6 when the page cache is switched off, 7 when no Holdfast runs or the sitemap cannot be
  had

EXAMPLE
  printf '/\n/news/\n' | holdfast edge cache preload -
`

// The routes of the page cache; pagecache.go of package daemon says what each does.
const (
	routePageStats   = "/v1/edge/cache/stats"
	routePagePurge   = "/v1/edge/cache/purge"
	routePagePreload = "/v1/edge/cache/preload"
)

// preloadBatch is how many pages one call asks for: what it says is bounded, and so is the wait for a sign of life.
const preloadBatch = 1000

func newEdgeCache(a *app) *cobra.Command {
	c := a.group("cache", "look at the page cache, remove pages, fill it", edgeCacheHelp)
	c.AddCommand(newEdgeCacheStats(a), newEdgeCachePurge(a), newEdgeCachePreload(a))
	return c
}

func newEdgeCacheStats(a *app) *cobra.Command {
	return a.command("stats", "say what the page cache holds", edgeCacheStatsHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		s, err := ask[httpcache.Stats](c.Context(), a, routePageStats, control.Empty{})
		if err != nil {
			return err
		}
		return a.data(s, func() { a.printPageStats(s) })
	})
}

func (a *app) printPageStats(s httpcache.Stats) {
	a.printf("memory  %s in %s of %s\n", count(s.Memory.Entries, "page"), unit.Bytes(s.Memory.Bytes), unit.Bytes(s.Memory.MaxBytes))
	if d := s.Disk; d != nil {
		a.printf("disk    %s in %s of %s\n", count(d.Entries, "page"), unit.Bytes(d.Bytes), unit.Bytes(d.MaxBytes))
	}
	if s.Flights > 0 {
		a.printf("asking  %s, %s on their way\n", count(s.Flights, "page"), unit.Bytes(s.Inflight))
	}
	a.printf("\n")
	rows := [][]string{{"result", "requests"}}
	for _, r := range []httpcache.Result{
		httpcache.Hit, httpcache.Stale, httpcache.Revalidated, httpcache.Collapsed, httpcache.Expired, httpcache.Miss, httpcache.Pass,
	} {
		rows = append(rows, []string{string(r), decimal(s.Requests[r])})
	}
	a.table(rows)
	a.printf("\n")
	rows = [][]string{{"path", "hits", "misses", "passes"}}
	for _, r := range s.Rules {
		rows = append(rows, []string{r.Path, decimal(r.Hits), decimal(r.Misses), decimal(r.Passes)})
	}
	a.table(rows)
}

func newEdgeCachePurge(a *app) *cobra.Command {
	var what httpcache.Purge
	c := a.command("purge", "remove pages on all nodes", edgeCachePurgeHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runEdgeCachePurge(c.Context(), a, what)
	})
	c.Flags().StringVar(&what.URL, "url", "", "")
	c.Flags().StringVar(&what.Prefix, "prefix", "", "")
	c.Flags().StringVar(&what.Tag, "tag", "", "")
	c.Flags().BoolVar(&what.All, "all", false, "")
	return c
}

func runEdgeCachePurge(ctx context.Context, a *app, what httpcache.Purge) error {
	if err := what.Check(); err != nil {
		return err
	}
	answer, err := ask[daemon.PagePurgeAnswer](ctx, a, routePagePurge, what)
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printf("removed %s here; other nodes are told\n", count(answer.Removed, "page")) })
}

func newEdgeCachePreload(a *app) *cobra.Command {
	var sitemap string
	c := a.command("preload", "ask for pages before visitors do", edgeCachePreloadHelp, 0, 1, func(c *cobra.Command, args []string) error {
		var pages []string
		if len(args) > 0 {
			var err error
			if pages, err = a.readPages(args[0]); err != nil {
				return err
			}
		}
		return runEdgeCachePreload(c.Context(), a, pages, len(args) > 0, sitemap)
	})
	c.Flags().StringVar(&sitemap, "sitemap", "", "")
	return c
}

// readPages reads a list of pages: a line each, empty ones and comments left out.
func (a *app) readPages(name string) (pages []string, err error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fault.New(fault.NotFound, "no_list", "read the list of pages: %w", err)
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(io.LimitReader(in, 64<<20))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			pages = append(pages, line)
		}
	}
	return pages, lines.Err()
}

func runEdgeCachePreload(ctx context.Context, a *app, pages []string, listed bool, sitemap string) error {
	total := edge.Preloaded{Reasons: []edge.PreloadFailed{}}
	for first := true; first || len(pages) > 0; first = false {
		batch := pages[:min(len(pages), preloadBatch)]
		pages = pages[len(batch):]
		if listed && len(batch) == 0 && sitemap == "" {
			break // an empty list is no list of the configuration
		}
		answer, err := ask[edge.Preloaded](ctx, a, routePagePreload, daemon.PagePreloadRequest{Pages: batch, Sitemap: sitemap})
		if err != nil {
			return err
		}
		sitemap = ""
		total.Pages, total.Stored, total.Passed = total.Pages+answer.Pages, total.Stored+answer.Stored, total.Passed+answer.Passed
		total.Failed, total.Seconds = total.Failed+answer.Failed, total.Seconds+answer.Seconds
		total.Reasons = append(total.Reasons, answer.Reasons...)
	}
	err := a.data(total, func() {
		a.printf("%s in %.1f s: %d stored, %d not to be kept, %d failed\n", count(total.Pages, "page"), total.Seconds, total.Stored, total.Passed, total.Failed)
	})
	for _, r := range total.Reasons {
		a.storyf("%s: %s", r.URL, r.Reason)
	}
	if err == nil && total.Failed > 0 {
		err = fault.New(fault.Partial, "preload_failed", "%d of %s cannot be had", total.Failed, count(total.Pages, "page")).
			WithHint("the reasons stand above; a page that is not there any more is best taken off the list")
	}
	return err
}
