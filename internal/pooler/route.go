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
}

func (p *Pooler) buildRoutes() error {
	db := p.opts.Database
	mode, err := backend.ParseTLSMode(cmp.Or(db.SSLMode, "prefer"))
	if err != nil {
		return err
	}
	base := &route{
		pattern: "*", hosts: []string{addressOf(db.Host, db.Port)}, timeout: db.ConnectTimeout.D(),
		tls: &backend.TLSConfig{Mode: mode},
	}
	for name, c := range p.config.Routes {
		r := *base
		r.pattern, r.config = name, c
		if len(c.Hosts) > 0 {
			r.hosts = c.Hosts
		}
		if c.MaxConnections > 0 {
			r.budget = pool.NewBudget(name, c.MaxConnections, 0)
		}
		p.routes = append(p.routes, &r)
	}
	slices.SortFunc(p.routes, func(a, b *route) int { return cmp.Compare(len(b.pattern), len(a.pattern)) })
	base.hosts = append(base.hosts, p.config.Replicas...)
	p.routes = append(p.routes, base)
	for _, r := range p.routes {
		if len(r.hosts) > 1 {
			r.locator = newLocator(r, db, p.opts.Health, p.log, func(c cluster.Change) { p.clusterChanged(r, c) })
			r.locator.writers = slices.ContainsFunc(p.config.Endpoints, func(e Endpoint) bool { return e.ReadYourWrites })
		}
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

// routeFor returns the route of a database: the longest pattern that matches.
func (p *Pooler) routeFor(database string) *route {
	for _, r := range p.routes {
		prefix, any := strings.CutSuffix(r.pattern, "*")
		if r.pattern == database || any && strings.HasPrefix(database, prefix) {
			return r
		}
	}
	return nil
}

func (r *route) databaseFor(name string) string { return cmp.Or(r.config.Database, name) }

func (r *route) start(ctx context.Context) error {
	if r.locator == nil {
		return nil
	}
	return r.locator.start(ctx)
}

func (r *route) stop(ctx context.Context) error {
	if r.locator == nil {
		return nil
	}
	return r.locator.stop(ctx)
}
