package exposure

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Reach says who can get to a site, which decides how bad a finding is.
type Reach int

// The reaches.
const (
	Visitors Reach = iota // everybody who visits the site
	Network               // past the edge, whoever is in its network
	Machine               // past the edge, this machine alone
)

// Site is a root to ask at.
type Site struct {
	Name    string  // for people: "https://school.example", "edge, host school.example"
	Base    url.URL // scheme, host, and a path that ends in a slash
	Network string  // where to connect, when that is not what Base says: "tcp" or "unix"
	Address string
	Reach   Reach
}

// bounds of a request.
const (
	patience = 10 * time.Second // for one answer
	sniff    = 64 << 10         // bytes that are read of it
	hops     = 3                // redirections that are followed, on the same host
)

// stranger asks one site.
type stranger struct {
	site   Site
	agent  string
	client *http.Client
}

func newStranger(s Site, version string) *stranger {
	d := &net.Dialer{Timeout: patience}
	return &stranger{site: s, agent: "Holdfast-doctor/" + version, client: &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if s.Address != "" {
					network, address = s.Network, s.Address
				}
				return d.DialContext(ctx, network, address)
			},
			// Nothing secret is sent, and what anybody is given counts, whoever gives it.
			TLSClientConfig:       &tls.Config{InsecureSkipVerify: true, ServerName: s.Base.Hostname()}, //nolint:gosec // see above
			ResponseHeaderTimeout: patience,
			MaxIdleConnsPerHost:   1,
			DisableCompression:    true,
		},
	}}
}

func (s *stranger) close() { s.client.CloseIdleConnections() }

// got is an answer.
type got struct {
	status   int
	kind     string // media type
	size     int64  // Content-Length, else what was read
	location *url.URL
	body     string // the beginning
}

// ask fetches a path below the site's base, and follows where the same host sends.
func (s *stranger) ask(ctx context.Context, path string) (got, error) {
	at, err := s.site.Base.Parse("./" + strings.TrimPrefix(path, "/"))
	if err != nil {
		return got{}, fmt.Errorf("path %q: %w", path, err)
	}
	for range hops {
		g, err := s.get(ctx, at)
		if err != nil || g.location == nil || !s.same(at, g.location) {
			return g, err
		}
		at = g.location
	}
	return s.get(ctx, at)
}

// same reports whether a redirection stays where we may ask: the same path, but for a slash at its end, on the same host.
func (s *stranger) same(from, to *url.URL) bool {
	return to.Host == from.Host && to.Scheme == from.Scheme && to.RawQuery == from.RawQuery &&
		strings.Trim(to.Path, "/") == strings.Trim(from.Path, "/") && to.Path != from.Path
}

func (s *stranger) get(ctx context.Context, at *url.URL) (got, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return got{}, err
	}
	r.Header.Set("User-Agent", s.agent)
	r.Header.Set("Accept", "text/html, */*;q=0.5")
	if s.site.Address != "" { // as a proxy in front would say it: applications send others to HTTPS
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return got{}, cause(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, sniff))
	if err != nil && len(body) == 0 && resp.StatusCode < 300 {
		return got{}, cause(err)
	}
	g := got{status: resp.StatusCode, size: max(resp.ContentLength, int64(len(body))), body: string(body)}
	g.kind, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		g.location, _ = resp.Location() // without one it is an answer like others
	}
	return g, nil
}

// cause takes the address out of an error: the caller names it.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
