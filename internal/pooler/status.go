package pooler

import (
	"cmp"
	"math"
	"slices"
	"time"

	"holdfast/internal/pool"
	"holdfast/internal/relay"
	"holdfast/internal/unit"
)

// Status is how the pooler fares.
type Status struct {
	Endpoints  []EndpointStatus `json:"endpoints"`
	Pools      []PoolStatus     `json:"pools"`
	Direct     []DirectStatus   `json:"direct,omitempty"` // roles that come past the pooler
	Clients    int              `json:"clients"`
	MaxClients int              `json:"max_clients"`
	Waiting    int              `json:"waiting"`
	Servers    int              `json:"servers"`
	MaxServers int              `json:"max_servers"`
	Refused    uint64           `json:"refused"` // requests, since the start
}

// EndpointStatus is one listener.
type EndpointStatus struct {
	Address string `json:"address"` // as the kernel has it: with the port that was chosen for port 0
	Mode    string `json:"mode"`
	Target  string `json:"target"`
	TLS     string `json:"tls"` // "disable", "allow" or "require"
}

// PoolStatus is one pool: the servers that are shared by those who come through one endpoint as one role of one class.
type PoolStatus struct {
	Name     string `json:"name"`
	Database string `json:"database"`
	User     string `json:"user"`
	Class    string `json:"class,omitempty"`
	Endpoint string `json:"endpoint"` // as it was configured
	Mode     string `json:"mode"`
	Target   string `json:"target"`
	Host     string `json:"host,omitempty"` // the replica, of a pool that has one of its own

	Active      int           `json:"active"` // servers that clients hold
	Idle        int           `json:"idle"`   // servers that nobody holds
	Size        int           `json:"size"`   // all servers, those included that are being opened, checked or closed
	MinSize     int           `json:"min_size"`
	MaxSize     int           `json:"max_size"`
	Reserved    int           `json:"reserved,omitempty"`     // beyond max_size, for administrators
	Waiting     int           `json:"waiting"`                // requests that wait now
	LongestWait unit.Duration `json:"longest_wait"`           // among those
	Waited      uint64        `json:"waited"`                 // requests that had to wait, since the start
	Refused     uint64        `json:"refused"`                // requests that got no server, since the start
	Queries     uint64        `json:"queries"`                // answered in the last one to two minutes
	FastPercent *float64      `json:"fast_percent,omitempty"` // of those, within 100 ms; waits for a server do not count
	Paused      bool          `json:"paused,omitempty"`
	Disabled    bool          `json:"disabled,omitempty"`
	Down        bool          `json:"down,omitempty"` // no server can be opened
	DownSince   *time.Time    `json:"down_since,omitempty"`
	LastError   string        `json:"last_error,omitempty"` // of the last try to open a server
}

// Status returns how the pooler fares now.
func (p *Pooler) Status() Status {
	s := Status{Clients: p.clients.count(), MaxClients: p.tuned.Load().clients, Pools: []PoolStatus{}}
	for _, e := range p.endpoints {
		s.Endpoints = append(s.Endpoints, e.status())
	}
	for _, g := range p.pools("") {
		one := g.status()
		s.Waiting += one.Waiting
		s.Servers += one.Size
		s.MaxServers += one.MaxSize
		s.Refused += one.Refused
		s.Pools = append(s.Pools, one)
	}
	return s
}

// pools returns the pools of a database, all of them for "", in the order of their names.
func (p *Pooler) pools(database string) []*group {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*group
	for key, g := range p.groups {
		if database == "" || key.database == database {
			all = append(all, g)
		}
	}
	for g := range p.retired {
		if database == "" || g.key.database == database {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *group) int { return cmp.Compare(a.key.String(), b.key.String()) })
	return all
}

func (g *group) status() PoolStatus {
	stats := g.pool.Stats()
	s := PoolStatus{
		Name: stats.Name, Database: g.key.database, User: g.key.user, Class: g.key.class, Host: g.key.host,
		Endpoint: g.front.name, Mode: g.front.modeName(), Target: g.front.config.Target,
		Active: stats.Active, Idle: stats.Idle + stats.Used, Size: stats.Size,
		MinSize: stats.MinSize, MaxSize: stats.MaxSize, Reserved: stats.Reserved,
		Waiting: stats.Waiting, LongestWait: unit.Duration(stats.LongestWait.Round(time.Millisecond)),
		Waited: stats.Waited, Refused: refusals(stats.Counters),
		Paused: stats.Paused, Disabled: stats.Disabled, Down: stats.Down,
	}
	if n := g.recent(); n.all > 0 {
		percent := math.Floor(float64(n.fast)/float64(n.all)*1000) / 10 // 100 only if all are
		s.Queries, s.FastPercent = n.all, &percent
	}
	if stats.Down {
		s.DownSince = &stats.DownSince
	}
	if stats.LastError != nil {
		s.LastError = stats.LastError.Error()
	}
	return s
}

func refusals(c pool.Counters) uint64 { return c.TimedOut + c.Rejected }

func (e *endpoint) status() EndpointStatus {
	s := EndpointStatus{Address: e.addr(), Mode: e.modeName(), Target: e.config.Target, TLS: "disable"}
	if e.tls != nil {
		s.TLS = cmp.Or(e.config.TLS, "allow")
	}
	return s
}

func (e *endpoint) modeName() string {
	if e.mode == relay.Transaction {
		return ModeTransaction
	}
	return ModeSession
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byPID)
}
