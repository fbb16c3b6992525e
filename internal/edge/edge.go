package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/fault"
	"holdfast/internal/lane"
	"holdfast/internal/lifecycle"
	"holdfast/internal/throttle"
	"holdfast/internal/upstream"
	"holdfast/internal/web"
)

// Options are what an Edge is made of.
type Options struct {
	Config  Config
	Routes  map[string]http.Handler // patterns of http.ServeMux
	Lanes   map[string]lane.Handler // a faster way to some of Routes, under the same patterns; see package lane
	Loops   int                     // event loops of the lane; default 1
	Vaults  map[string]Vault        // what X-Accel-Redirect may lead to, by the names of Accel.To
	Key     []byte                  // signs sticky cookies; the same on all nodes
	Report  func(server string, err error)
	Metrics prometheus.Registerer // may be nil
	Observe web.Observer          // told of every response; may be nil
	Log     *slog.Logger
}

// Edge is the front as a lifecycle.Service. It is ready when it listens on all its addresses.
type Edge struct {
	base    lifecycle.Base
	config  Config
	servers []*web.Server // the first is that of listen
	app     *upstream.Pool
	access  *accessLog
	lane    atomic.Pointer[lane.Lane] // of the latest start; nil before, and without one
}

// New builds the front; nothing listens yet.
func New(o Options) (*Edge, error) {
	log := o.Log.With("listener", "edge")
	s, err := newSite(o, log)
	if err != nil {
		return nil, err
	}
	e := &Edge{config: o.Config, app: s.app, access: s.access}
	handler := s.handler()
	pairs := o.Config.pairs()
	e.servers = append(e.servers, web.NewServer(web.Options{
		Name: "edge", Listen: o.Config.Listen, Certificates: pairs, Handler: handler, Front: e.front(o, s), Log: log,
	}))
	for _, l := range o.Config.Listeners {
		w := web.Options{Name: "edge", Listen: l.Listen, Handler: handler, Log: log}
		if l.TLS {
			w.Certificates = pairs
		}
		e.servers = append(e.servers, web.NewServer(w))
	}
	return e, nil
}

// Start opens the log, begins to look after the application's servers, and listens.
func (e *Edge) Start(ctx context.Context) error {
	return e.base.Start(ctx, func(ctx context.Context) error {
		if err := e.open(ctx); err != nil {
			return errors.Join(err, e.close(context.WithoutCancel(ctx)))
		}
		return nil
	})
}

func (e *Edge) open(ctx context.Context) error {
	if err := e.access.open(); err != nil {
		return err
	}
	if e.app != nil {
		if err := e.app.Start(ctx); err != nil {
			return err
		}
	}
	for _, s := range e.servers {
		if err := s.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop closes the listeners, lets requests end until ctx does, and then everything behind them.
func (e *Edge) Stop(ctx context.Context) error { return e.base.Stop(ctx, e.close) }

func (e *Edge) close(ctx context.Context) error {
	errs := make([]error, len(e.servers))
	var all sync.WaitGroup
	for i, s := range e.servers {
		all.Go(func() { errs[i] = s.Stop(ctx) })
	}
	all.Wait()
	if e.app != nil {
		errs = append(errs, e.app.Stop(ctx))
	}
	return errors.Join(append(errs, e.access.close())...)
}

// Addr returns the address of listen, once it is started.
func (e *Edge) Addr() string { return e.servers[0].Addr() }

// Addrs returns all addresses, that of listen first.
func (e *Edge) Addrs() []string {
	var out []string
	for _, s := range e.servers {
		out = append(out, s.Addr())
	}
	return out
}

// URL returns the root of this site for people on this machine.
func (e *Edge) URL() string { return e.servers[0].URL() }

// Upstreams returns the application's servers, or an error where there are none.
func (e *Edge) Upstreams() (*upstream.Pool, error) {
	if e.app == nil {
		return nil, fault.New(fault.Conflict, "no_upstreams", "no application is named").
			WithHint("name its servers in edge.upstreams")
	}
	return e.app, nil
}

// Reopen opens the access log anew, after somebody moved it away.
func (e *Edge) Reopen() error { return e.access.reopen() }

// LaneStats returns what the lane did since the latest start; zeros without a lane.
func (e *Edge) LaneStats() lane.Stats {
	if l := e.lane.Load(); l != nil {
		return l.Stats()
	}
	return lane.Stats{}
}

// front puts a lane before net/http, where there is something for it.
func (e *Edge) front(o Options, s *site) func(net.Listener) (net.Listener, error) {
	if len(o.Lanes) == 0 || o.Config.RedirectHTTPS {
		return nil
	}
	f := newFront(o, s)
	return func(l net.Listener) (net.Listener, error) {
		a, err := lane.Listen(l, lane.Options{Handler: f, Observe: f.observe, Loops: o.Loops})
		if err != nil {
			return nil, err
		}
		e.lane.Store(a)
		return a, nil
	}
}

// newThrottle makes the throttle of the configuration.
func newThrottle(c Config) (*throttle.Throttle, error) {
	exempt, err := networks(c.LimitsExempt)
	if err != nil {
		return nil, err
	}
	return throttle.New(c.Limits, exempt), nil
}
