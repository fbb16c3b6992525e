package edge

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/lane"
	"holdfast/internal/web"
)

// Options are what an Edge is made of.
type Options struct {
	Config  Config
	Routes  map[string]http.Handler // patterns of http.ServeMux
	Lanes   map[string]lane.Handler // a faster way to some of Routes, under the same patterns; see package lane
	Loops   int                     // event loops of the lane; default 1
	Observe web.Observer            // told of every response; may be nil
	Log     *slog.Logger
}

// Edge is the front as a lifecycle.Service. It is ready when it listens.
type Edge struct {
	*web.Server
	lane atomic.Pointer[lane.Lane] // of the latest start; nil before, and without one
}

// LaneStats returns what the lane did since the latest start; zeros without a lane.
func (e *Edge) LaneStats() lane.Stats {
	if l := e.lane.Load(); l != nil {
		return l.Stats()
	}
	return lane.Stats{}
}

// New builds the front; nothing listens yet.
func New(o Options) *Edge {
	mux := http.NewServeMux()
	for pattern, h := range o.Routes {
		mux.Handle(pattern, h)
	}
	mux.HandleFunc("/", notFound)
	log := o.Log.With("listener", "edge")
	handler := web.Wrap(basicHeaders(knownHost(o.Config.Hosts, mux)), log, o.Observe)
	e := &Edge{}
	e.Server = web.NewServer(web.Options{
		Name: "edge", Listen: o.Config.Listen, TLSCert: o.Config.TLSCert, TLSKey: o.Config.TLSKey,
		Handler: handler, Front: e.front(o, log), Log: log,
	})
	return e
}

// front puts a lane before net/http, where there is something for it.
func (e *Edge) front(o Options, log *slog.Logger) func(net.Listener) (net.Listener, error) {
	if len(o.Lanes) == 0 {
		return nil
	}
	f := newFront(o, web.Journal{Log: log, Observe: o.Observe})
	return func(l net.Listener) (net.Listener, error) {
		a, err := lane.Listen(l, lane.Options{Handler: f, Observe: f.observe, Loops: o.Loops, Log: log})
		if err != nil {
			return nil, err
		}
		e.lane.Store(a)
		return a, nil
	}
}

// URL returns the root that links and pages of this site begin with: the first configured host, else the address.
func (e *Edge) URL() string { return e.Server.URL() }

// Status reports whether the front is up.
func (e *Edge) Status(context.Context) (addr string, listening bool) {
	return e.Addr(), e.Addr() != ""
}

// knownHost refuses names that are not ours. No configured host means any.
func knownHost(hosts []string, next http.Handler) http.Handler {
	if len(hosts) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(hosts, hostname(r.Host)) {
			http.Error(w, "this server does not answer for that host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname returns the host without its port, in lower case.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

func basicHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	control.WriteError(w, fault.New(fault.NotFound, "not_found", "nothing here"))
}
