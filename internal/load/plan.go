package load

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"time"

	"holdfast/internal/fault"
)

// MaxSamples bounds what is kept of a run: 72 bytes each.
const MaxSamples = 1_000_000

// Plan says what to send, and how much of it.
type Plan struct {
	URL    *url.URL
	Method string
	Header http.Header
	Host   string // in place of the one in URL, when not empty
	Body   []byte

	Workers  int           // requests under way at the same time
	Requests int           // in all; without a meaning when there is a Span
	Span     time.Duration // when not 0: so long, then no further requests
	Rate     float64       // requests a second of each worker; 0: no limit
	Timeout  time.Duration // of one request; 0: none

	NoKeepAlive   bool // a connection for each request
	NoCompression bool // do not ask for gzip
	NoRedirects   bool // a redirection is an answer
	HTTP2         bool // where TLS is spoken
	Proxy         *url.URL

	// Allow refuses hosts that must not be loaded. Nil allows all.
	Allow func(host string) error
}

// validate refuses plans that cannot be carried out.
func (p *Plan) validate() error {
	bad := func(format string, args ...any) error { return fault.New(fault.Usage, "bad_plan", format, args...) }
	switch {
	case p.URL == nil || p.URL.Host == "" || p.URL.Scheme != "http" && p.URL.Scheme != "https":
		return bad("the address must begin with http:// or https:// and name a host")
	case p.Workers < 1:
		return bad("%d workers: at least one has to work", p.Workers)
	case p.Workers > maxWorkers:
		return bad("%d workers: at most %d", p.Workers, maxWorkers)
	case p.Span < 0 || p.Timeout < 0 || !(p.Rate >= 0):
		return bad("times and rates cannot be less than 0")
	case p.Span == 0 && p.Requests < p.Workers:
		return bad("%d requests are fewer than %d workers", p.Requests, p.Workers)
	}
	for _, u := range []*url.URL{p.URL, p.Proxy} {
		if err := p.allow(u); err != nil {
			return err
		}
	}
	return nil
}

// maxWorkers is more than the ports that one address has for connections to another.
const maxWorkers = 65_536

func (p *Plan) allow(u *url.URL) error {
	if u == nil || p.Allow == nil {
		return nil
	}
	return p.Allow(u.Hostname())
}

// transport makes the connections of all workers. As with hey certificates are not verified: a server is measured by any of
// its names and addresses, and is sent nothing but what the plan holds.
func (p *Plan) transport() *http.Transport {
	t := &http.Transport{
		MaxIdleConns:        p.Workers,
		MaxIdleConnsPerHost: p.Workers,
		DisableKeepAlives:   p.NoKeepAlive,
		DisableCompression:  true,                                                                  // request asks for it, and nobody unpacks
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true, ServerName: serverName(p.Host)}, //nolint:gosec // see above
		Protocols:           new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	t.Protocols.SetHTTP2(p.HTTP2)
	if p.Proxy != nil {
		t.Proxy = http.ProxyURL(p.Proxy)
	}
	return t
}

// serverName returns the name to ask for in a handshake, without a port.
func serverName(host string) string {
	u := url.URL{Host: host}
	return u.Hostname()
}

func (p *Plan) client(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, Timeout: p.Timeout, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		switch {
		case p.NoRedirects:
			return http.ErrUseLastResponse
		case len(via) >= maxRedirects:
			return fault.New(fault.Invalid, "redirects", "more than %d redirections", maxRedirects)
		}
		return p.allow(next.URL)
	}}
}

const maxRedirects = 10
