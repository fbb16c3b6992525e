package edge

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/upstream"
)

// App is a table [[edge.apps]]: another application, for some hosts or paths. All others belong to the one of edge.upstreams.
type App struct {
	// Name is what the application is called in logs, metrics and commands.
	Name string `toml:"name"`
	// Hosts are the hosts that it answers for. Default: all of the site.
	Hosts []string `toml:"hosts"`
	// Path is what the paths begin with that it answers for: "/shop/". Paths reach it as they are. Default: all.
	Path string `toml:"path"`
	// Upstreams are its servers, as in edge.upstreams.
	Upstreams []string `toml:"upstreams"`
	// Upstream says how they are treated. What is left out is as in [edge.upstream]; sticky, health.path and health.host are none.
	Upstream upstream.Config `toml:"upstream"`
}

var appName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// applications returns what the site consists of, the most particular first: more of the path, then a host. The one of
// edge.upstreams is the last, if there is one, and has no name.
func (c Config) applications() []App {
	all := slices.Clone(c.Apps)
	for i := range all {
		all[i].Path = cmp.Or(all[i].Path, "/")
		all[i].Upstream = all[i].Upstream.Over(c.Upstream)
	}
	if len(c.Upstreams) > 0 {
		all = append(all, App{Path: "/", Upstreams: c.Upstreams, Upstream: c.Upstream})
	}
	slices.SortStableFunc(all, func(a, b App) int {
		return cmp.Or(cmp.Compare(len(b.Path), len(a.Path)), cmp.Compare(min(1, len(b.Hosts)), min(1, len(a.Hosts))))
	})
	return all
}

// application is one of the applications behind the edge.
type application struct {
	App
	name string // what its requests are called in logs and metrics
	pool *upstream.Pool
}

func newApplication(a App) *application {
	if a.Name == "" {
		return &application{App: a, name: routeApp}
	}
	return &application{App: a, name: routeApp + ":" + a.Name}
}

// answers reports whether a request is the application's. "/shop/" stands for "/shop", too.
func (a *application) answers(host string, paths []string) bool {
	if len(a.Hosts) > 0 && !slices.Contains(a.Hosts, host) {
		return false
	}
	return slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, a.Path) || p+"/" == a.Path })
}

// appFor returns the application that a request is for, or nil.
func (s *site) appFor(r *http.Request) *application { return s.appAt(r.Host, r.URL.Path) }

// appAt returns the application of a path on a host, or nil.
func (s *site) appAt(hostport, path string) *application {
	if s.filesOnly(hostport) {
		return nil
	}
	if len(s.apps) == 1 && s.apps[0].Name == "" {
		return s.apps[0]
	}
	host, paths := hostname(hostport), readings(path)
	for _, a := range s.apps {
		if a.answers(host, paths[len(paths)-1:]) {
			return a
		}
	}
	return nil
}

// ambiguous reports whether the address that a visitor used, as a trusted proxy tells it, may be that of another application, too: the proxy
// has put another host into the request, which was asked for then, and that one decided.
func (s *site) ambiguous(host, asked, path string, to *application) bool {
	return host != asked && len(s.apps) > 1 && s.appAt(host, path) != to
}

// sameApplications reports whether addresses belong to the same applications by two configurations.
func sameApplications(a, b Config) bool {
	return slices.EqualFunc(a.applications(), b.applications(), func(x, y App) bool {
		return x.Name == y.Name && x.Path == y.Path && slices.Equal(x.Hosts, y.Hosts)
	})
}

// upstream says how an application's servers are to be treated.
func (s *site) upstream(o Options, a App) upstream.Options {
	u := upstream.Options{
		Config: a.Upstream, Servers: a.Upstreams, Trust: s.trust, Key: o.Key, Refuse: s.refuse,
		Report: o.Report, Metrics: o.Metrics, Log: s.log,
	}
	if a.Name != "" {
		u.Log = u.Log.With("app", a.Name)
	}
	if hosts := slices.Concat(a.Hosts, s.config.Hosts); len(hosts) > 0 {
		u.Host = hosts[0]
	}
	if len(s.config.Accel) > 0 {
		u.Handover = s.handOver
	}
	return u
}

// staff gives a site its applications: those of the site before it, changed in place, or new ones. It returns the new ones, which
// do not run yet, and those that are needed no more. With an error nothing has changed.
func (s *site) staff(o Options, was *site) (fresh, gone []*upstream.Pool, err error) {
	type change struct {
		pool *upstream.Pool
		to   upstream.Options
	}
	var changes []change
	kept := map[*upstream.Pool]bool{}
	for _, app := range o.Config.applications() {
		if err := checkServers(app.Upstreams).Err(); err != nil {
			return nil, nil, err
		}
		a := newApplication(app)
		options := s.upstream(o, app)
		if a.pool = was.pool(app.Name); a.pool != nil {
			kept[a.pool] = true
			changes = append(changes, change{a.pool, options})
		} else if a.pool, err = upstream.New(options); err != nil {
			return nil, nil, err
		} else {
			fresh = append(fresh, a.pool)
		}
		s.apps = append(s.apps, a)
	}
	for _, c := range changes {
		if err := c.pool.Reload(c.to); err != nil { // nothing is left that it could refuse
			return nil, nil, err
		}
	}
	if was != nil {
		for _, a := range was.apps {
			if !kept[a.pool] {
				gone = append(gone, a.pool)
			}
		}
	}
	return fresh, gone, nil
}

// pool returns the servers of an application, or nil. A nil site has none.
func (s *site) pool(name string) *upstream.Pool {
	if s == nil {
		return nil
	}
	for _, a := range s.apps {
		if a.Name == name {
			return a.pool
		}
	}
	return nil
}

// Application is one of the applications behind the edge, as people know it.
type Application struct {
	Name    string // "" for the one of edge.upstreams
	Servers *upstream.Pool
}

// Applications returns all of them, that of edge.upstreams first.
func (e *Edge) Applications() []Application {
	var all []Application
	for _, a := range e.site.Load().apps {
		all = append(all, Application{a.Name, a.pool})
	}
	slices.SortStableFunc(all, func(a, b Application) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Upstreams returns the application's servers, or an error where there are none.
func (e *Edge) Upstreams() (*upstream.Pool, error) {
	if pool := e.site.Load().pool(""); pool != nil {
		return pool, nil
	}
	return nil, noUpstreams()
}

func noUpstreams() error {
	return fault.New(fault.Conflict, "no_upstreams", "no application is named").
		WithHint("name its servers in edge.upstreams")
}

// retire ends a pool when nobody needs it any more, or the edge stops.
func (e *Edge) retire(p *upstream.Pool) {
	e.base.Go(func(ctx context.Context) {
		_ = p.Idle(ctx) // else it is cut with everything
		if err := p.Stop(context.WithoutCancel(ctx)); err != nil {
			e.kept.log.Error("stop servers that are gone", "error", err)
		}
	})
}

func (c Config) validateApps() fault.Problems {
	var p fault.Problems
	names, places := map[string]bool{}, map[string]bool{}
	for i, a := range c.Apps {
		at := fmt.Sprintf("apps[%d]", i)
		if !appName.MatchString(a.Name) || names[a.Name] {
			p.Add(at+".name", `write one of its own, in lower case: "shop"`, "%q names no application", a.Name)
		}
		names[a.Name] = true
		switch {
		case len(a.Hosts) == 0 && (a.Path == "" || a.Path == "/"):
			p.Add(at+".path", "set path or hosts, or name its servers in edge.upstreams", "it would take all requests")
		case a.Path != "" && !strings.HasPrefix(a.Path, "/"):
			p.Add(at+".path", `begin it with a slash, as "/shop/"`, "%q is not a path", a.Path)
		}
		for _, h := range append([]string{""}, a.Hosts...) {
			if h != "" && !slices.Contains(c.Hosts, h) {
				p.Add(at+".hosts", "name it in edge.hosts, too", "%q is not one of the site's hosts", h)
			}
			if place := h + cmp.Or(a.Path, "/"); h != "" || len(a.Hosts) == 0 {
				if places[place] {
					p.Add(at+".path", "give each application a host or a path of its own", "another application answers there")
				}
				places[place] = true
			}
		}
		if len(a.Upstreams) == 0 {
			p.Add(at+".upstreams", `name its servers, as "http://127.0.0.1:5000"`, "an application needs a server")
		}
		p = append(p, checkServers(a.Upstreams).Under(at)...)
		p = append(p, a.Upstream.Over(c.Upstream).Validate().Under(at+".upstream")...)
	}
	return p
}

// checkServers looks at the addresses of upstreams.
func checkServers(addresses []string) fault.Problems {
	var p fault.Problems
	seen := map[string]bool{}
	for _, u := range addresses {
		s, err := upstream.ParseServer(u)
		switch {
		case err != nil:
			p.Add("upstreams", fault.HintOf(err), "%v", err)
		case seen[s.ID]:
			p.Add("upstreams", "name each server once", "%q is named twice", s.ID)
		}
		seen[s.ID] = true
	}
	return p
}
