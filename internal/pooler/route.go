package pooler

import (
	"cmp"
	"context"
	"net"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/backend"
	"holdfast/internal/cluster"
	"holdfast/internal/pool"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// route is where a set of databases is.
type route struct {
	pattern string // of the names that clients use; a trailing * stands for any ending
	config  Route
	budget  *pool.Budget
	tls     *backend.TLSConfig
	binding backend.ChannelBinding
	secured postgres.TLSSettings // as they were written
	hosts   []cluster.Host
	timeout time.Duration
	locator *locator // nil: the one host is the primary
	follows bool     // the locator is that of the route "*"
}

// routesOf returns the routes of a configuration, the one of all other databases last. Those that lead where they led before are kept.
func (p *Pooler) routesOf(c Config, before []*route) ([]*route, error) {
	var base *route
	if n := len(before); n > 0 {
		base = before[n-1] // it needs a restart
	} else {
		made, err := p.baseRoute()
		if err != nil {
			return nil, err
		}
		base = made
	}
	var all []*route
	for name, to := range c.Routes {
		r, err := p.routeTo(name, to, base, before)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *route) int { return cmp.Compare(len(b.pattern), len(a.pattern)) })
	return append(all, base), nil
}

// baseRoute makes the route of all databases that have none of their own.
func (p *Pooler) baseRoute() (*route, error) {
	db := p.opts.Database
	base := &route{pattern: "*", timeout: db.ConnectTimeout.D()}
	replicas, err := parseHosts(p.config.Replicas)
	if err != nil {
		return nil, err
	}
	base.hosts = append([]cluster.Host{hostAt(addressOf(db.Host, db.Port))}, replicas...)
	return base, p.complete(base)
}

// routeTo returns the route of a pattern, which may be one of those that were there before.
func (p *Pooler) routeTo(name string, c Route, base *route, before []*route) (*route, error) {
	r := *base
	r.pattern, r.config = name, c
	if i := slices.IndexFunc(before, func(old *route) bool { return old.pattern == name && old != base }); i >= 0 {
		if reflect.DeepEqual(before[i].config.place(), c.place()) {
			return before[i], nil
		}
		r.budget = before[i].budget
	} else {
		r.budget = pool.NewBudget(name, firstOf(c.MaxConnections, unlimited), reserveOf(p.config.Limits))
	}
	if r.follows = len(c.Hosts) == 0; r.follows {
		return &r, nil
	}
	var err error
	r.locator = nil
	if r.hosts, err = parseHosts(c.Hosts); err != nil {
		return nil, err
	}
	return &r, p.complete(&r)
}

// place returns what says where a route leads and how it is reached, without what can change in place.
func (r Route) place() Route {
	r.MinSize, r.MaxSize, r.MaxConnections, r.Password = 0, 0, 0, secret.String{}
	return r
}

// routes returns the routes that count now.
func (p *Pooler) routes() []*route { return *p.routing.Load() }

// complete says how a route's hosts are reached and, when there are several, who watches them.
func (p *Pooler) complete(r *route) error {
	db := p.opts.Database
	r.secured = r.config.tlsSettings(db)
	if err := r.secure(); err != nil {
		return err
	}
	if len(r.hosts) > 1 {
		r.locator = newLocator(r, db, p.opts.Health, p.log, p.clusterChanged)
		r.locator.writers = slices.ContainsFunc(p.config.Endpoints, func(e Endpoint) bool { return e.ReadYourWrites })
	}
	return nil
}

// secure makes of the settings how servers are reached with TLS.
func (r *route) secure() error {
	s := r.secured
	mode, err := backend.ParseTLSMode(cmp.Or(s.Mode, "prefer"))
	if err != nil {
		return err
	}
	if r.binding, err = backend.ParseChannelBinding(cmp.Or(s.ChannelBinding, "prefer")); err != nil {
		return err
	}
	r.tls = &backend.TLSConfig{Mode: mode, Direct: s.Negotiation == "direct"}
	if (s.RootCert != "" || s.Cert != "") && mode != backend.TLSDisable {
		if r.tls.Files, err = backend.LoadTLSFiles(s.RootCert, s.Cert, s.Key); err != nil {
			return err
		}
	}
	return nil
}

// tlsSettings returns the route's settings, completed by those of [database]. Certificate and key are one.
func (r Route) tlsSettings(db postgres.Config) postgres.TLSSettings {
	s := postgres.TLSSettings{
		Mode: cmp.Or(r.SSLMode, db.SSLMode), RootCert: cmp.Or(r.SSLRootCert, db.SSLRootCert), Cert: db.SSLCert, Key: db.SSLKey,
		Negotiation: cmp.Or(r.SSLNegotiation, db.SSLNegotiation), ChannelBinding: cmp.Or(r.ChannelBinding, db.ChannelBinding),
	}
	if r.SSLCert != "" || r.SSLKey != "" {
		s.Cert, s.Key = r.SSLCert, r.SSLKey
	}
	return s
}

// password returns what Holdfast's own questions to the route's servers are asked with, as the configuration says now.
func (r *route) password(c Config, db postgres.Config) secret.String {
	return c.Routes[r.pattern].passwordOr(db)
}

func (r Route) passwordOr(db postgres.Config) secret.String {
	if r.Password.IsZero() {
		return db.Password
	}
	return r.Password
}

// addressOf returns the address of a server in the form that package net dials: a socket's path, or host and port.
func addressOf(host string, port int) string {
	if strings.HasPrefix(host, "/") {
		return path.Join(host, ".s.PGSQL."+strconv.Itoa(port))
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), strconv.Itoa(port))
}

// routeFor returns the route of a database: that of its name, or else the longest pattern that matches.
func (p *Pooler) routeFor(database string) *route {
	for _, r := range p.routes() {
		if r.pattern == database {
			return r
		}
	}
	for _, r := range p.routes() {
		if prefix, any := strings.CutSuffix(r.pattern, "*"); any && strings.HasPrefix(database, prefix) {
			return r
		}
	}
	return nil
}

// monitored returns the database in which hosts are asked what they are. Every server has one of the name postgres.
func (r *route) monitored(own string) string {
	switch {
	case r.config.Database != "":
		return r.config.Database
	case len(r.config.Hosts) == 0:
		return own
	case !strings.HasSuffix(r.pattern, "*"):
		return r.pattern
	}
	return "postgres"
}

// reserveOf is how many connections administrators of all classes have together beyond a limit that several pools share (S2-30).
func reserveOf(limits map[string]Limit) (n int) {
	for _, l := range limits {
		n += max(0, l.Reserved)
	}
	return n
}

func (r *route) databaseFor(name string) string { return cmp.Or(r.config.Database, name) }

func (r *route) start(ctx context.Context) error {
	if r.locator == nil || r.follows {
		return nil
	}
	return r.locator.start(ctx)
}

func (r *route) stop(ctx context.Context) error {
	if r.locator == nil || r.follows {
		return nil
	}
	return r.locator.stop(ctx)
}
