package s3test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Proxy stands in front of a server and does to requests what the test asks.
type Proxy struct {
	URL   string // "http://127.0.0.1:port"
	fault atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// Inject sets a function that sees every request first. It returns true when it has answered (or spoiled) the request
// itself; false lets it pass. nil lets everything pass.
func (p *Proxy) Inject(f func(http.ResponseWriter, *http.Request) bool) {
	if f == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&f)
}

// Unavailable answers everything with 503, as a service under repair does.
func Unavailable(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

// Cut breaks the connection without an answer.
func Cut(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }

func newProxy(t testing.TB, socket string) *Proxy {
	t.Helper()
	p := &Proxy{}
	var d net.Dialer
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "server"})
			r.Out.Host = r.In.Host // the signature covers it
			// The query as it came: a rewritten one would not match the signature.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.URL.RawPath = r.In.URL.RawPath
		},
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return d.DialContext(ctx, "unix", socket)
			},
			DisableCompression: true,
			DisableKeepAlives:  true, // a peer that answers before it has read a body leaves the rest in the line
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.fault.Load(); f != nil && (*f)(w, r) {
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}
