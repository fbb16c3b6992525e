package edge

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sitemap returns the pages of a sitemap, or of those that an index of sitemaps names.
func (p *Pages) sitemap(ctx context.Context, address string) ([]string, error) {
	first, err := p.readSitemap(ctx, address)
	if err != nil {
		return nil, err
	}
	pages := first.Pages
	for _, at := range first.Maps {
		more, err := p.readSitemap(ctx, at)
		if err != nil {
			return nil, err
		}
		if pages = append(pages, more.Pages...); len(pages) > preloadMost {
			return nil, fmt.Errorf("more than %d pages", preloadMost)
		}
	}
	return pages, nil
}

type sitemap struct {
	Pages []string `xml:"url>loc"`
	Maps  []string `xml:"sitemap>loc"`
}

func (p *Pages) readSitemap(ctx context.Context, address string) (m sitemap, err error) {
	r, err := p.request(ctx, strings.TrimSpace(address))
	if err != nil {
		return m, err
	}
	r.Header.Del("Accept-Encoding")
	w, err := p.fetch(ctx, r, sitemapMost)
	if err != nil {
		return m, err
	}
	if w.status != http.StatusOK {
		return m, fmt.Errorf("%s: %d %s", address, w.status, http.StatusText(w.status))
	}
	if err := xml.Unmarshal(w.body, &m); err != nil {
		return m, fmt.Errorf("%s: %w", address, err)
	}
	for _, list := range [][]string{m.Pages, m.Maps} {
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
	}
	return m, nil
}

// sink takes an answer and keeps its status, its header, and its body if it is wanted.
type sink struct {
	header http.Header
	status int
	keep   int
	body   []byte
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) {
	if s.status == 0 && status >= http.StatusOK {
		s.status = status
	}
}

func (s *sink) Write(b []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	if s.keep > 0 {
		if len(s.body)+len(b) > s.keep {
			return 0, io.ErrShortBuffer
		}
		s.body = append(s.body, b...)
	}
	return len(b), nil
}

// later reports whether the answer says to come again, and when.
func (s *sink) later() (time.Duration, bool) {
	if s.status != http.StatusTooManyRequests && (s.status < http.StatusBadGateway || s.status > http.StatusGatewayTimeout) {
		return 0, false
	}
	if n, err := strconv.Atoi(s.header.Get("Retry-After")); err == nil && n > 0 {
		return min(time.Duration(n)*time.Second, 10*preloadPause), true
	}
	return preloadPause, true
}
