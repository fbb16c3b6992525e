package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/certs"
	"holdfast/internal/epoll"
	"holdfast/internal/handover"
	"holdfast/internal/lane"
	"holdfast/internal/lifecycle"
	"holdfast/internal/postgres"
	"holdfast/internal/timing"
	"holdfast/internal/web"
)

// Options are what an Edge is made of.
type Options struct {
	Config Config
	Routes map[string]http.Handler // patterns of http.ServeMux
	Lanes  map[string]lane.Handler // a faster way to some of Routes, under the same patterns; see package lane
	Loops  int                     // event loops of the lane; default 1
	Naps   *epoll.Naps             // of all loops of the process; nil: none
	Vaults map[string]Vault        // what X-Accel-Redirect may lead to, by the names of Accel.To
	Key    []byte                  // signs sticky cookies; the same on all nodes
	ACME   *certs.Manager          // gets certificates; runs while the edge does; nil: files alone
	DB     *postgres.DB            // tells nodes what to remove from their page caches; nil: this is the only one
	// CacheDir is for the page cache's disk, if the configuration wants one.
	CacheDir string
	// ReportCache hears when that disk fails, ReportPurges when it is not heard what other nodes remove; nil when they work. May be nil.
	ReportCache, ReportPurges func(error)

	Report  func(server string, err error)
	Metrics prometheus.Registerer // may be nil
	Observe web.Observer          // told of every response; may be nil
	Log     *slog.Logger
}

// Edge is the front as a lifecycle.Service. It is ready when it listens on all its addresses.
type Edge struct {
	base    lifecycle.Base
	opts    Options
	kept    *kept
	keys    *keychain
	servers []*web.Server             // the first is that of listen
	quic    []*web.QUICServer         // beside each of servers that speaks TLS
	lane    atomic.Pointer[lane.Lane] // of the latest start; nil before, and without one
	front   frontSwitch
	site    atomic.Pointer[site] // what answers now

	mu      sync.Mutex // one Reload at a time; protects the following
	running bool       // between Start and Stop
}

// New builds the front; nothing listens yet.
func New(o Options) (*Edge, error) {
	log := o.Log.With("listener", "edge")
	e := &Edge{opts: o, keys: newKeychain(o.Config, o.ACME, log)}
	access := newAccessLog(log)
	e.kept = &kept{
		access: access, acme: o.ACME, log: log, times: timing.NewBook(o.Config.Slow.D(), log),
	}
	e.kept.journal = web.Journal{Log: log, Observe: newWitness(o.Observe, e.kept, o.Metrics)}
	e.kept.pages = newPages(o, e)
	s, err := newSite(o, e.kept, nil)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.staff(o, nil); err != nil {
		return nil, err
	}
	e.show(s, o)
	e.listeners(log)
	return e, nil
}

// show makes a site the one that answers.
func (e *Edge) show(s *site, o Options) {
	e.front.now.Store(newFront(o, s))
	e.site.Store(s)
}

// ServeHTTP answers by the configuration in force.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.site.Load().chain.ServeHTTP(w, r) }

// listeners makes the servers of all addresses.
func (e *Edge) listeners(log *slog.Logger) {
	c := e.opts.Config
	first := web.Options{Name: "edge", Listen: c.Listen, Handler: e, Front: e.laneBefore(), Log: log}
	if c.HasTLS() {
		first.TLS = e.keys.config()
	}
	e.add(first)
	for _, l := range c.Listeners {
		w := web.Options{Name: "edge", Listen: l.Listen, Handler: e, Log: log}
		if l.TLS {
			w.TLS = e.keys.config()
		}
		e.add(w)
	}
}

// add makes a server, and one for HTTP/3 beside it where it speaks TLS on TCP.
func (e *Edge) add(o web.Options) {
	s := web.NewServer(o)
	e.servers = append(e.servers, s)
	if o.TLS == nil || !e.opts.Config.HTTP3 || strings.HasPrefix(o.Listen, "unix:") {
		return
	}
	e.quic = append(e.quic, web.NewQUICServer(web.QUICOptions{Name: "edge", Listen: s.Addr, TLS: o.TLS, Handler: e, Log: o.Log}))
}

// Hush ends the accepting of connections; those that are open are served on. Stop follows.
func (e *Edge) Hush() {
	for _, s := range e.servers {
		s.Hush()
	}
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
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.site.Load()
	if err := e.kept.access.open(s.config.AccessLog); err != nil {
		return err
	}
	if err := e.keys.check(); err != nil {
		return err
	}
	for _, a := range s.apps {
		if err := a.pool.Start(ctx); err != nil {
			return err
		}
	}
	if p := e.kept.pages; p != nil {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	for _, s := range e.services() {
		if err := s.Start(ctx); err != nil {
			return err
		}
	}
	if p := e.kept.pages; p != nil {
		p.preloadBehind(e.kept.log)
	}
	e.running = true
	return nil
}

// services are the listeners, and what needs them: an authority asks at once.
func (e *Edge) services() []lifecycle.Service {
	var all []lifecycle.Service
	for _, s := range e.servers {
		all = append(all, s)
	}
	for _, q := range e.quic {
		all = append(all, q)
	}
	if e.opts.ACME != nil {
		all = append(all, e.opts.ACME)
	}
	return all
}

// Stop closes the listeners, lets requests end until ctx does, and then everything behind them.
func (e *Edge) Stop(ctx context.Context) error { return e.base.Stop(ctx, e.close) }

func (e *Edge) close(ctx context.Context) error {
	e.mu.Lock()
	e.running = false
	e.mu.Unlock()
	services := e.services()
	errs := make([]error, len(services))
	var all sync.WaitGroup
	for i, s := range services {
		all.Go(func() { errs[i] = s.Stop(ctx) })
	}
	all.Wait()
	if p := e.kept.pages; p != nil {
		errs = append(errs, p.Stop(ctx))
	}
	for _, a := range e.site.Load().apps {
		errs = append(errs, a.pool.Stop(ctx))
	}
	return errors.Join(append(errs, e.kept.access.close())...)
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

// Reopen opens the access log anew, after somebody moved it away.
func (e *Edge) Reopen() error { return e.kept.access.reopen() }

// LaneStats returns what the lane did since the latest start; zeros without a lane.
func (e *Edge) LaneStats() lane.Stats {
	if l := e.lane.Load(); l != nil {
		return l.Stats()
	}
	return lane.Stats{}
}

// laneBefore puts a lane before net/http, where there is something for it.
func (e *Edge) laneBefore() func(context.Context, net.Listener) (net.Listener, error) {
	if len(e.opts.Lanes) == 0 && e.kept.pages == nil || e.opts.Config.RedirectHTTPS {
		return nil
	}
	return func(ctx context.Context, l net.Listener) (net.Listener, error) {
		a, err := lane.Listen(l, lane.Options{
			Handler: &e.front, Observe: e.front.observe, Loops: e.opts.Loops, Naps: e.opts.Naps, Opened: handover.From(ctx).Opened(),
		})
		if err != nil {
			return nil, err
		}
		e.lane.Store(a)
		return a, nil
	}
}
