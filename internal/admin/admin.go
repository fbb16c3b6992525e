package admin

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/health"
	"holdfast/internal/web"
)

// Options are what an Admin is made of.
type Options struct {
	Config   Config
	Socket   string // path of the control socket
	Version  string
	Sections []Section
	// Routes are mounted on the control socket and, behind the token, on the admin listener. ControlRoutes are on the
	// control socket alone: they touch this machine.
	Routes        map[string]http.Handler
	ControlRoutes map[string]http.Handler
	// OpenRoutes are on the admin listener without the token: what comes there has a proof of its own.
	OpenRoutes map[string]http.Handler
	Health     *health.Registry
	Metrics    http.Handler
	Logs       *LogBuffer
	// Shutdown asks the daemon to stop, as a signal would. It returns at once.
	Shutdown func()
	Log      *slog.Logger
}

// Admin is the lifecycle.Service of both doors. It is ready when both listen.
type Admin struct {
	opts     Options
	started  time.Time
	sessions *sessions
	control  *web.Server
	public   *web.Server
	probed   [2]atomic.Int64 // when /readyz was asked last and the time before, in nanoseconds since 1970; 0: never
}

// New builds the service; nothing listens yet.
func New(o Options) *Admin {
	a := &Admin{opts: o, started: time.Now(), sessions: newSessions(time.Now)}
	log := o.Log.With("listener", "control")
	a.control = web.NewServer(web.Options{
		Name: "control", Listen: "unix:" + o.Socket, Handler: web.Wrap(a.trusted(), log, nil), Log: log,
	})
	log = o.Log.With("listener", "admin")
	a.public = web.NewServer(web.Options{
		Name: "admin", Listen: o.Config.Listen, TLSCert: o.Config.TLSCert, TLSKey: o.Config.TLSKey,
		Handler: a.probes(web.Wrap(a.guarded(), log, nil)), Log: log,
	})
	return a
}

// probes answers load balancers, outside of what logs requests: they ask every second, and a 503 to them is an answer.
func (a *Admin) probes(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("/", next)
	return mux
}

// Addr returns the address of the admin listener once it is started.
func (a *Admin) Addr() string { return a.public.Addr() }

// URL returns the root of the admin listener once it is started.
func (a *Admin) URL() string { return a.public.URL() }

// Probed returns when /readyz was asked the time before last: a person asks once, a load balancer again and again.
func (a *Admin) Probed() time.Time { return time.Unix(0, a.probed[1].Load()) }

// Start opens both doors.
func (a *Admin) Start(ctx context.Context) error {
	if err := a.control.Start(ctx); err != nil {
		return err
	}
	if err := a.public.Start(ctx); err != nil {
		_ = a.control.Stop(ctx) // the first error is the one to tell
		return err
	}
	return nil
}

// Hush ends the accepting of connections; those that are open are served on. Stop follows.
func (a *Admin) Hush() {
	a.public.Hush()
	a.control.Hush()
}

// Stop closes both doors, the socket last, so that a stopping daemon still answers its command line.
func (a *Admin) Stop(ctx context.Context) error {
	err := a.public.Stop(ctx)
	if err2 := a.control.Stop(ctx); err == nil {
		err = err2
	}
	return err
}

// trusted are the routes of the control socket.
func (a *Admin) trusted() http.Handler {
	mux := http.NewServeMux()
	for _, routes := range []map[string]http.Handler{a.opts.Routes, a.opts.ControlRoutes} {
		for pattern, h := range routes {
			mux.Handle(pattern, h)
		}
	}
	mux.Handle("POST /v1/status", control.Handle(a.status))
	mux.Handle("POST /v1/stop", control.Handle(a.stop))
	mux.Handle("POST /v1/login", control.Handle(a.login))
	mux.HandleFunc("GET /v1/logs", a.logs)
	mux.Handle("GET /metrics", a.opts.Metrics)
	mux.HandleFunc("/", notFound)
	return mux
}

// guarded are the routes of the admin listener.
func (a *Admin) guarded() http.Handler {
	inside := http.NewServeMux()
	for pattern, h := range a.opts.Routes {
		inside.Handle(pattern, h)
	}
	inside.HandleFunc("GET /{$}", a.page)
	inside.HandleFunc("GET /status.json", a.statusJSON)
	inside.Handle("POST /v1/status", control.Handle(a.status))
	inside.HandleFunc("GET /v1/logs", a.logs)
	inside.Handle("GET /metrics", a.opts.Metrics)
	inside.HandleFunc("/", notFound)

	mux := http.NewServeMux()
	for pattern, h := range a.opts.OpenRoutes {
		mux.Handle(pattern, h)
	}
	mux.HandleFunc("GET /login/{ticket}", a.enter)
	mux.HandleFunc("GET /style.css", style)
	mux.Handle("/", a.guard(inside))
	return mux
}

type stopAnswer struct {
	Stopping bool `json:"stopping"`
}

func (a *Admin) status(ctx context.Context, _ control.Empty) (Report, error) {
	return a.Report(ctx), nil
}

func (a *Admin) stop(context.Context, control.Empty) (stopAnswer, error) {
	a.opts.Shutdown()
	return stopAnswer{Stopping: true}, nil
}

// ready answers 200 while there is no finding that is an error, so that a load balancer can take this node out. It asks
// no section: it is called every second by several, and must not cost anything.
func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	a.probed[1].Store(a.probed[0].Swap(time.Now().UnixNano()))
	status := http.StatusOK
	if health.Worst(a.opts.Health.Snapshot()) >= health.Error {
		status = http.StatusServiceUnavailable
	}
	answer(w, status)
}

func answer(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}
