package pooler

import (
	"fmt"
	"time"

	"holdfast/internal/cluster"
	"holdfast/internal/console"
	"holdfast/internal/pool"
)

// Hosts implements console.Topology. A route with one host is not watched: that host is the primary, and fit as long as no
// pool says that it is down.
func (s source) Hosts() []console.Host {
	open, down := s.byHost()
	var rows []console.Host
	for _, r := range s.routes() {
		if r.locator == nil {
			rows = append(rows, hostRow(r, r.hosts[0].Address, open, down))
			continue
		}
		for _, h := range r.locator.cluster.Status() {
			row := hostRow(r, h.Host.Address, open, down)
			row.Role, row.Fit = roleOf(h.Role), h.Role == cluster.RolePrimary || h.Role == cluster.RoleReplica
			row.Timeline, row.Since, row.Checked, row.Error = int64(h.Timeline), h.Since, h.Checked, h.Trouble
			if h.LSN > 0 {
				row.LSN = h.LSN.String()
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func hostRow(r *route, address string, open map[string]int, down map[string]string) console.Host {
	host := console.Host{Server: r.pattern, Role: "primary", Fit: down[address] == "", Connections: open[address], Error: down[address]}
	host.Host, host.Port = hostsOf([]string{address})
	return host
}

// roleOf says a role in the words of the table: what is neither is not known.
func roleOf(r cluster.Role) string {
	if r == cluster.RolePrimary || r == cluster.RoleReplica {
		return string(r)
	}
	return "unknown"
}

// byHost returns how many server connections are open to each host, and why none can be opened.
func (p *Pooler) byHost() (open map[string]int, down map[string]string) {
	open, down = map[string]int{}, map[string]string{}
	for _, g := range p.pools("") {
		g.pool.Each(func(c pool.ConnInfo[*server]) {
			if c.Conn != nil {
				open[c.Conn.host]++
			}
		})
		if stats := g.pool.Stats(); stats.Down && g.route.locator == nil {
			down[g.route.hosts[0].Address] = fmt.Sprint(stats.LastError)
		}
	}
	return open, down
}

// Replication implements console.Topology.
func (s source) Replication() []console.Replica {
	limit := s.maxLag()
	var rows []console.Replica
	for _, r := range s.routes() {
		if r.locator == nil {
			continue
		}
		for _, h := range r.locator.cluster.Status() {
			if h.Role != cluster.RolePrimary {
				rows = append(rows, replicaRow(r, h, limit))
			}
		}
	}
	return rows
}

func replicaRow(r *route, h cluster.HostStatus, limit time.Duration) console.Replica {
	row := console.Replica{Server: r.pattern, LagBytes: h.LagBytes, Lag: h.Lag, MaxLag: limit, Fit: h.Role == cluster.RoleReplica, Reason: h.Trouble}
	row.Host, row.Port = hostsOf([]string{h.Host.Address})
	if h.LSN > 0 {
		row.ReceiveLSN = h.LSN.String()
	}
	if h.Replay > 0 {
		row.ReplayLSN = h.Replay.String()
	}
	switch {
	case !row.Fit && row.Reason == "":
		row.Reason = string(h.Role)
	case row.Fit && limit > 0 && h.Lag > limit:
		row.Fit, row.Reason = false, "it lags too far behind"
	}
	return row
}

// maxLag returns the largest lag with which a replica still takes reads of some endpoint, 0 when nothing is read there.
func (p *Pooler) maxLag() time.Duration {
	var most time.Duration
	for _, e := range p.endpoints {
		if e.config.Target == TargetReplica {
			most = max(most, e.config.MaxLag.D())
		}
	}
	return most
}

// Peers implements console.Topology.
func (s source) Peers() []console.Peer {
	rows := make([]console.Peer, len(s.config.Peers))
	for i, peer := range s.config.Peers {
		rows[i] = console.Peer{ID: peer.ID, PoolSize: maxForwards}
		rows[i].Host, rows[i].Port = hostsOf([]string{peer.Address})
	}
	return rows
}

// PeerPools implements console.Topology.
func (s source) PeerPools() []console.PeerPool {
	rows := make([]console.PeerPool, len(s.config.Peers))
	for i, peer := range s.config.Peers {
		n := int(s.forwarding[i].Load())
		rows[i] = console.PeerPool{ID: peer.ID, ClientsCanceling: n, ServersCanceling: n}
	}
	return rows
}

// State implements console.Process.
func (s source) State() console.State {
	switch {
	case s.suspended.Load():
		return console.Suspended
	case s.isPaused(""):
		return console.Paused
	}
	return console.Active
}

// DNSHosts implements console.Process: the system resolves names, at each new connection.
func (s source) DNSHosts() []console.DNSHost { return nil }

// DNSZones implements console.Process.
func (s source) DNSZones() []console.DNSZone { return nil }
