package s3test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Domain is the domain below which the servers that know virtual hosts find buckets: "bucket.s3.test".
const Domain = "s3.test"

// Proxy stands in front of a server and does to requests and answers what the test asks.
type Proxy struct {
	URL    string // "http://127.0.0.1:port"
	handle http.Handler
	fault  atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	change atomic.Pointer[func(*http.Response)]
}

// Inject sets a function that sees every request first. It returns true when it has answered (or spoiled) the request
// itself; false lets it pass, with what the function changed in it. nil lets everything pass.
func (p *Proxy) Inject(f func(http.ResponseWriter, *http.Request) bool) {
	if f == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&f)
}

// Change sets a function that sees every answer before it goes out, with its request. nil lets everything pass.
func (p *Proxy) Change(f func(*http.Response)) {
	if f == nil {
		p.change.Store(nil)
		return
	}
	p.change.Store(&f)
}

// Unavailable answers everything with 503, as a service under repair does.
func Unavailable(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

// Cut breaks the connection without an answer.
func Cut(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }

// Refuse answers as S3 does when it refuses, with a code of S3's.
func Refuse(w http.ResponseWriter, status int, code, message string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>"+message+"</Message></Error>") // the client may be gone
	return true
}

// Hang reads nothing and answers nothing until the client goes away.
func Hang(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

func newProxy(t testing.TB, network, address string) *Proxy {
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
				return d.DialContext(ctx, network, address)
			},
			DisableCompression: true,
			DisableKeepAlives:  true, // a peer that answers before it has read a body leaves the rest in the line
		},
		ModifyResponse: func(r *http.Response) error {
			if f := p.change.Load(); f != nil {
				(*f)(r)
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.handle = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.fault.Load(); f != nil && (*f)(w, r) {
			return
		}
		forward.ServeHTTP(w, r)
	})
	srv := httptest.NewServer(p.handle)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}
