package s3test

import (
	"context"
	"io"
	"log"
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
	reach  dialer // of the server
	handle http.Handler
	fault  atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	change atomic.Pointer[func(*http.Response) bool]
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

// Change sets a function that sees every answer, with its request, and may change it. It returns true to lose the answer:
// the server has done its work, and the client will never know. nil lets everything pass.
func (p *Proxy) Change(f func(*http.Response) (lose bool)) {
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

// Hang reads nothing and answers nothing until the client goes away or the test ends.
func Hang(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

const errLost = proxyError("the answer is lost")

type proxyError string

func (e proxyError) Error() string { return string(e) }

// dialer connects to a server, whatever the name.
type dialer func(ctx context.Context, network, name string) (net.Conn, error)

// at returns the dialer of a server that listens at the address.
func at(network, address string) dialer {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
}

func newProxy(t testing.TB, reach dialer) *Proxy {
	t.Helper()
	p := &Proxy{reach: reach}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "server"})
			r.Out.Host = r.In.Host // the signature covers it
			// The query as it came: a rewritten one would not match the signature.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.URL.RawPath = r.In.URL.RawPath
		},
		Transport: &http.Transport{
			DialContext:        reach,
			DisableCompression: true,
			DisableKeepAlives:  true, // a peer that answers before it has read a body leaves the rest in the line
		},
		ModifyResponse: func(r *http.Response) error {
			if f := p.change.Load(); f != nil && (*f)(r) {
				return errLost
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0), // bodies that break on purpose
	}
	p.handle = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.fault.Load(); f != nil && (*f)(w, r) {
			return
		}
		forward.ServeHTTP(w, r)
	})
	p.URL = serve(t, httptest.NewUnstartedServer(p.handle), (*httptest.Server).Start).URL
	return p
}

// serve starts a server that ends with the test. Its requests end first: one whose body nobody reads would not notice
// that its client has gone.
func serve(t testing.TB, srv *httptest.Server, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	start(srv)
	t.Cleanup(func() {
		cancel()
		srv.Close()
	})
	return srv
}
