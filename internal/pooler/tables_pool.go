package pooler

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"holdfast/internal/console"
)

// Pools implements console.Pooling. The console itself is the last one, as in PgBouncer's table.
func (s source) Pools() []console.Pool {
	cancels := s.beingCancelled()
	rows := make([]console.Pool, 0, 8)
	for _, g := range s.pools("") {
		rows = append(rows, g.row(cancels[g]))
	}
	return append(rows, console.Pool{
		Database: console.PgBouncer, User: console.PgBouncer, ClientsActive: len(s.consoles.all()), Mode: "statement", Name: "console",
	})
}

func (g *group) row(cancels int) console.Pool {
	stats := g.pool.Stats()
	p := console.Pool{
		Database: g.key.database, User: g.key.user,
		ClientsActive: max(0, int(g.clients.Load())-stats.Waiting), ClientsWaiting: stats.Waiting,
		ServersActive: stats.Active - cancels, ServersBeingCanceled: cancels, ServersIdle: stats.Idle, ServersUsed: stats.Used,
		ServersTested: stats.Checking + stats.Resetting, ServersLogin: stats.Opening, MaxWait: stats.LongestWait,
		Mode: g.front.modeName(), Name: g.key.String(), Target: g.front.config.Target,
		Size: stats.MaxSize, MinSize: stats.MinSize, Pinned: int(g.pinned.Load()),
	}
	if stats.LastError != nil {
		p.LastError = stats.LastError.Error()
	}
	return p
}

// beingCancelled returns how many servers are free but for a cancel request on its way to them.
func (p *Pooler) beingCancelled() map[*group]int {
	type counts = map[*group]int
	parts, _ := fold(p.servers(), func(to *counts, l leased) {
		l.look(func(s *server) {
			if s.freed == nil {
				return
			}
			if *to == nil {
				*to = counts{}
			}
			(*to)[l.group]++
		})
	})
	all := counts{}
	for _, part := range parts {
		for g, n := range part {
			all[g] += n
		}
	}
	return all
}

// Databases implements console.Pooling: the configuration's own, those of routes, and those that somebody has used.
func (s source) Databases() []console.Database {
	names := s.databases()
	rows := make([]console.Database, 0, len(names)+1)
	for _, name := range names {
		if r := s.routeFor(name); r != nil {
			rows = append(rows, s.databaseRow(name, r))
		}
	}
	return append(rows, console.Database{
		Name: console.PgBouncer, Database: console.PgBouncer, ForceUser: console.PgBouncer, PoolMode: "statement",
		CurrentClientConnections: len(s.consoles.all()),
	})
}

func (p *Pooler) databaseRow(name string, r *route) console.Database {
	t := p.tuned.Load()
	o, own := t.pool, t.routes[r.pattern]
	row := console.Database{
		Name: name, Database: r.databaseFor(name), ServerLifetime: o.MaxLifetime.D(),
		PoolSize: max(firstOf(own.MaxSize, o.MaxSize), 1), MinPoolSize: firstOf(own.MinSize, o.MinSize),
		MaxConnections: own.MaxConnections, Paused: p.isPaused(name), Disabled: p.isDisabled(name),
	}
	row.PoolSize = max(row.PoolSize, row.MinPoolSize)
	row.Host, row.Port = hostsOf(addressesOf(r.hosts))
	for _, g := range p.pools(name) {
		row.CurrentConnections += g.pool.Stats().Size
		row.CurrentClientConnections += int(g.clients.Load())
	}
	return row
}

// hostsOf returns the hosts as PgBouncer lists several, and the port of the first.
func hostsOf(addresses []string) (hosts string, port int) {
	var all []string
	for i, a := range addresses {
		host, _, err := net.SplitHostPort(a)
		if err != nil {
			host = a // a socket
		}
		if all = append(all, host); i == 0 {
			_, port = addressAndPort(a)
		}
	}
	return strings.Join(all, ","), port
}

// Users implements console.Pooling: those who have pools, and those of the console.
func (s source) Users() []console.User {
	users := map[string]console.User{s.opts.Database.Username: {}}
	for name := range s.tuned.Load().users {
		users[name] = console.User{}
	}
	for _, name := range slices.Concat(s.tuned.Load().admins, s.tuned.Load().stats) {
		users[name] = console.User{}
	}
	for _, g := range s.pools("") {
		u := users[g.key.user]
		u.CurrentConnections += g.pool.Stats().Size
		u.CurrentClientConnections += int(g.clients.Load())
		users[g.key.user] = u
	}
	rows := make([]console.User, 0, len(users))
	for name, u := range users {
		u.Name, u.MaxUserConnections = name, s.tuned.Load().limitOf(name)
		rows = append(rows, u)
	}
	slices.SortFunc(rows, func(a, b console.User) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

// Stats implements console.Pooling.
func (s source) Stats() []console.Stat {
	now := reading{time.Now(), s.totals()}
	average := s.averages.of(now)
	rows := make([]console.Stat, 0, len(now.of))
	for _, name := range slices.Sorted(maps.Keys(now.of)) {
		rows = append(rows, console.Stat{Database: name, Total: now.of[name], Average: average[name]})
	}
	return rows
}

// Lists implements console.Pooling.
func (s source) Lists() console.Lists {
	groups := s.pools("")
	l := console.Lists{
		Databases: len(s.Databases()), Users: len(s.Users()), Peers: len(s.config.Peers), PeerPools: len(s.config.Peers),
		Pools: len(groups) + 1, UsedClients: s.clients.count(),
	}
	l.LoginClients = max(0, s.clients.taken()-l.UsedClients)
	l.FreeClients = max(0, s.tuned.Load().clients-s.clients.taken())
	for _, g := range groups {
		stats := g.pool.Stats()
		l.UsedServers += stats.Active
		l.FreeServers += stats.Idle + stats.Used
	}
	return l
}
