package pooler

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"holdfast/internal/pgauth"
	"holdfast/internal/scram"
)

// Connections that nobody has asked for yet are kept in the pools of the application's own role alone (S0-17): its password is known, and its
// class is told by the rules. What others have had open stays open for max_idle.

// warm makes the pools that are to have connections before anybody comes, and waits for those of the application's own database on its primary. The
// others fill in the background: another server that is away keeps nobody from starting.
func (p *Pooler) warm(ctx context.Context) error {
	password := p.tuned.Load().password
	if password.IsZero() {
		return nil // the role's keys come with its first log-in
	}
	for _, e := range p.endpoints {
		for _, key := range p.wanted(e) {
			_, err := p.group(ctx, key, e, scram.Credential{Password: password}, p.tuned.Load().limits[key.class])
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rewarm makes the pools that are wanted since the settings or the replicas changed.
func (p *Pooler) rewarm() {
	p.base.Go(func(life context.Context) {
		if err := p.warm(life); err != nil && life.Err() == nil {
			p.log.Warn("open connections beforehand", "error", err)
		}
	})
}

// wanted returns the pools of an endpoint that are to have connections before anybody comes. The one of the application's own database is
// there in any case: whoever comes first is greeted with what its servers reported.
func (p *Pooler) wanted(e *endpoint) []groupKey {
	t, db := p.tuned.Load(), p.opts.Database
	databases := []string{db.Name}
	for _, r := range p.routes() {
		if t.routes[r.pattern].MinSize > 0 && r.pattern != db.Name && !strings.HasSuffix(r.pattern, "*") {
			databases = append(databases, r.pattern)
		}
	}
	var keys []groupKey
	for _, name := range databases {
		r := p.routeFor(name)
		class, ok := t.classAt(e.config, name, db.Username)
		if r == nil || !ok {
			continue
		}
		key := groupKey{endpoint: e.name, database: name, user: db.Username, class: class}
		hosts := []string{""}
		if e.leadsToReplicas(r) {
			hosts = r.replicas()
		}
		for _, key.host = range hosts {
			if (name == db.Name && key.host == "") || p.least(key, e, t) > 0 {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// least is how many connections a pool keeps open though nobody asks for them.
func (p *Pooler) least(key groupKey, e *endpoint, t *tuning) int {
	db, r := p.opts.Database, p.routeFor(key.database)
	class, ok := t.classAt(e.config, key.database, db.Username)
	switch {
	case r == nil || !ok || t.lingering || key.user != db.Username || key.class != class || key.replication != "":
		return 0
	case e.config.Target == TargetReplica && e.leadsToReplicas(r) && !slices.Contains(r.replicas(), key.host):
		return 0 // the primary, which answers for want of a replica, or what is no replica any more
	case key.database != db.Name:
		return t.routes[r.pattern].MinSize
	case e.config.Target == TargetReplica:
		return firstOf(t.routes[r.pattern].MinSize, t.at(e.name, e.config).MinSize)
	}
	return firstOf(t.routes[r.pattern].MinSize, t.at(e.name, e.config).MinSize, t.pool.MinSize)
}

// isFirst reports whether nobody is let in before the pool has its connections.
func (p *Pooler) isFirst(key groupKey, e *endpoint) bool {
	return key.database == p.opts.Database.Name && key.host == "" && e.config.Target == TargetPrimary
}

// classAt returns the class that the rules give to a user at an endpoint, and whether they let it in.
func (t *tuning) classAt(e Endpoint, database, user string) (string, bool) {
	d := pgauth.Door{Socket: strings.HasPrefix(e.Listen, "/"), TLS: e.TLSCert != "" && e.TLS != "disable", Secure: e.TLS == "require"}
	if host, _, err := net.SplitHostPort(e.Listen); err == nil && len(e.ProxyProtocol) == 0 {
		if host == "localhost" {
			host = "127.0.0.1"
		}
		d.At, _ = netip.ParseAddr(host) // of a name nothing is known
	}
	return pgauth.Config{Rules: t.rules}.Expect(d, database, user)
}

// replicas returns the addresses of the hosts that are replicas now.
func (r *route) replicas() []string {
	if r.locator == nil {
		return nil
	}
	var all []string
	for _, h := range r.locator.cluster.State().Replicas {
		all = append(all, h.Address)
	}
	return all
}

// fit gives the pools of a route's hosts as many connections beforehand as suits what the hosts are now.
func (p *Pooler) fit(l *locator) {
	p.mu.Lock()
	for _, g := range p.groups {
		if g.route.locator == l && g.key.host != "" {
			if err := g.pool.Configure(p.poolConfig(g)); err != nil {
				p.log.Warn("configure pool", "pool", g.key.String(), "error", err)
			}
		}
	}
	p.mu.Unlock()
	p.rewarm()
}
