package content_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// probeEvery is how often the balancer asks a machine whether it is ready, probeLimit how long it waits for the answer.
	probeEvery = 100 * time.Millisecond
	probeLimit = 2 * time.Second
)

// balancer is the load balancer of a platform, as simple as they are: it asks each machine for /readyz, sends requests to those that
// said yes, in turns, and tries nothing twice.
type balancer struct {
	*httptest.Server
	t    testing.TB
	stop context.Context

	mu     sync.Mutex // protects the following
	all    []*backend
	turn   int
	failed []string

	probes sync.WaitGroup
}

// backend is a machine behind it.
type backend struct {
	n      *node
	up     atomic.Bool
	served atomic.Int64
}

func newBalancer(t testing.TB) *balancer {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	b := &balancer{t: t, stop: ctx}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(*httputil.ProxyRequest) {},
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			b.fail(r.Method + " " + r.URL.String() + ": " + err.Error())
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := b.choose()
		if to == nil {
			http.Error(w, "no machine is ready", http.StatusServiceUnavailable)
			return
		}
		root := to.n.edge
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			root = to.n.admin
		}
		u, err := url.Parse(root)
		if err != nil {
			b.fail(err.Error())
			return
		}
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host = u.Scheme, u.Host
		proxy.ServeHTTP(w, out)
		to.served.Add(1)
	}))
	t.Cleanup(func() {
		stop()
		b.Close()
		b.probes.Wait()
		transport.CloseIdleConnections()
	})
	return b
}

func (b *balancer) fail(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = append(b.failed, text)
}

// choose returns the next machine that is ready, nil when there is none.
func (b *balancer) choose() *backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.all {
		b.turn++
		if x := b.all[b.turn%len(b.all)]; x.up.Load() {
			return x
		}
	}
	return nil
}

// add makes the balancer know a machine, which gets requests as soon as it says that it is ready.
func (b *balancer) add(n *node) *backend {
	b.t.Helper()
	x := &backend{n: n}
	b.mu.Lock()
	b.all = append(b.all, x)
	b.mu.Unlock()
	b.probes.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for {
			x.up.Store(b.probe(n))
			select {
			case <-b.stop.Done():
				return
			case <-tick.C:
			}
		}
	})
	return x
}

func (b *balancer) probe(n *node) bool {
	ctx, cancel := context.WithTimeout(b.stop, probeLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.admin+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := probes.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// probes asks for readiness, each time over a connection of its own.
var probes = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
