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
	locator Locator
}

// Locator finds the servers of a route. Several hosts need one; a single host is always the primary.
type Locator interface {
	// Primary returns the address of the primary, waiting for one until ctx ends.
	Primary(ctx context.Context) (string, error)
	// Replica returns the address of a replica whose lag is at most maxLag, or "".
	Replica(maxLag time.Duration) string
	// Suspect says that something is wrong with a host.
	Suspect(address string)
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
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
	p.routes = append(p.routes, base)
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
	return r.locator.Start(ctx)
}

func (r *route) stop(ctx context.Context) error {
	if r.locator == nil {
		return nil
	}
	return r.locator.Stop(ctx)
}

// target returns the server that an endpoint's new connection goes to.
func (r *route) target(ctx context.Context, e *endpoint) (backend.Target, error) {
	address := r.hosts[0]
	if r.locator != nil {
		var err error
		if address, err = r.locate(ctx, e); err != nil {
			return backend.Target{}, err
		}
	}
	t := backend.Target{Network: "tcp", Address: address, TLS: r.tls, ConnectTimeout: r.timeout}
	if strings.HasPrefix(address, "/") {
		t.Network, t.TLS = "unix", nil
	}
	return t, nil
}

func (r *route) locate(ctx context.Context, e *endpoint) (string, error) {
	if e.config.Target == TargetReplica {
		if address := r.locator.Replica(e.config.MaxLag.D()); address != "" {
			return address, nil
		}
		if e.config.NoReplica == "error" {
			return "", fatal("57P03", "no replica is close enough to the primary", "")
		}
	}
	return r.locator.Primary(ctx)
}

// failed tells the locator about a server that could not be opened.
func (r *route) failed(t backend.Target, _ error) {
	if r.locator != nil {
		r.locator.Suspect(t.Address)
	}
}
