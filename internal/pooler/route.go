package pooler

import (
	"cmp"
	"context"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/backend"
	"holdfast/internal/cluster"
	"holdfast/internal/pool"
	"holdfast/internal/postgres"
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

func (p *Pooler) buildRoutes() error {
	db := p.opts.Database
	base := &route{pattern: "*", timeout: db.ConnectTimeout.D()}
	replicas, err := parseHosts(p.config.Replicas)
	if err != nil {
		return err
	}
	base.hosts = append([]cluster.Host{hostAt(addressOf(db.Host, db.Port))}, replicas...)
	if err := p.complete(base); err != nil {
		return err
	}
	for name, c := range p.config.Routes {
		r := *base
		r.pattern, r.config = name, c
		if len(c.Hosts) > 0 {
			r.locator = nil
			if r.hosts, err = parseHosts(c.Hosts); err != nil {
				return err
			}
			if err := p.complete(&r); err != nil {
				return err
			}
		} else {
			r.follows = true
		}
		if c.MaxConnections > 0 {
			r.budget = pool.NewBudget(name, c.MaxConnections, reserveOf(p.config.Limits))
		}
		p.routes = append(p.routes, &r)
	}
	slices.SortFunc(p.routes, func(a, b *route) int { return cmp.Compare(len(b.pattern), len(a.pattern)) })
	p.routes = append(p.routes, base)
	return nil
}

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

// addressOf returns the address of a server in the form that package net dials: a socket's path, or host and port.
func addressOf(host string, port int) string {
	if strings.HasPrefix(host, "/") {
		return path.Join(host, ".s.PGSQL."+strconv.Itoa(port))
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), strconv.Itoa(port))
}

// routeFor returns the route of a database: that of its name, or else the longest pattern that matches.
func (p *Pooler) routeFor(database string) *route {
	for _, r := range p.routes {
		if r.pattern == database {
			return r
		}
	}
	for _, r := range p.routes {
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
