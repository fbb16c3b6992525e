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
	"holdfast/internal/pool"
)

// route is where a set of databases is.
type route struct {
	pattern string // of the names that clients use; a trailing * stands for any ending
	config  Route
	budget  *pool.Budget
	tls     *backend.TLSConfig
	hosts   []string
	timeout time.Duration
	locator *locator // nil: the one host is the primary
	follows bool     // the locator is that of the route "*"
}

func (p *Pooler) buildRoutes() error {
	db := p.opts.Database
	base := &route{pattern: "*", hosts: append([]string{addressOf(db.Host, db.Port)}, p.config.Replicas...), timeout: db.ConnectTimeout.D()}
	if err := p.complete(base); err != nil {
		return err
	}
	for name, c := range p.config.Routes {
		r := *base
		r.pattern, r.config = name, c
		if len(c.Hosts) > 0 {
			r.hosts, r.locator = c.Hosts, nil
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
	mode, err := backend.ParseTLSMode(cmp.Or(r.config.SSLMode, db.SSLMode, "prefer"))
	if err != nil {
		return err
	}
	r.tls = &backend.TLSConfig{Mode: mode}
	if roots := cmp.Or(r.config.SSLRootCert, db.SSLRootCert); roots != "" && mode != backend.TLSDisable {
		if r.tls.Files, err = backend.LoadTLSFiles(roots, "", ""); err != nil {
			return err
		}
	}
	if len(r.hosts) > 1 {
		r.locator = newLocator(r, db, p.opts.Health, p.log, p.clusterChanged)
		r.locator.writers = slices.ContainsFunc(p.config.Endpoints, func(e Endpoint) bool { return e.ReadYourWrites })
	}
	return nil
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
