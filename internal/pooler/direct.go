package pooler

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/census"
	"holdfast/internal/console"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
	"holdfast/internal/rolelimit"
)

// validateDirect refuses what needs a listener. Whoever writes it expects something that will not happen.
func (e Endpoint) validateDirect() fault.Problems {
	var p fault.Problems
	if e.MaxSize < 0 {
		p.Add("max_size", "write how many connections the role may have", "%d is less than 0", e.MaxSize)
	}
	if e.Target != "" && e.Target != TargetPrimary {
		p.Add("target", "let reads come through an endpoint with mode = \"session\" or \"transaction\", which knows which replica may be read",
			"the direct way leads to the primary only")
	}
	known := Endpoint{Mode: e.Mode, Target: e.Target, Username: e.Username, Class: e.Class, MaxSize: e.MaxSize}
	rest, empty := reflect.ValueOf(e), reflect.ValueOf(known)
	for i := range rest.NumField() {
		if reflect.DeepEqual(rest.Field(i).Interface(), empty.Field(i).Interface()) {
			continue
		}
		name := rest.Type().Field(i).Tag.Get("toml")
		p.Add(name, "remove it, or choose mode = \"session\" or \"transaction\"", "mode \"direct\" has no listener and no pool, so %s does nothing", name)
	}
	return p
}

// directProblems refuses two direct ways for one role, and classes without limits.
func (c Config) directProblems() fault.Problems {
	var p fault.Problems
	var seen []string
	for i, e := range c.Endpoints {
		key := "endpoints[" + strconv.Itoa(i) + "]."
		switch _, known := c.Limits[e.Class]; {
		case !e.isDirect():
			continue
		case slices.Contains(seen, e.Username):
			p.Add(key+"username", "keep one endpoint with mode = \"direct\" for each role", "the role has a direct endpoint already")
		case e.Class != "" && !known:
			p.Add(key+"class", fmt.Sprintf("write the table [database.limits.%s], or leave class out", e.Class), "there are no limits for the class %q", e.Class)
		}
		seen = append(seen, e.Username)
	}
	return p
}

// RoleLimits returns what PostgreSQL itself is to enforce for roles that come past the pooler.
func (c Config) RoleLimits(db postgres.Config) []rolelimit.Limit {
	var all []rolelimit.Limit
	for _, e := range c.Direct() {
		l := rolelimit.Limit{Role: cmp.Or(e.Username, db.Username), Database: db.Name, Connections: e.MaxSize}
		if l.Connections > 0 && l.Role == db.Username {
			l.Connections = c.Demand(db).Total() + postgres.ConnectionReserve // all others come as the same role
		}
		class := c.Limits[e.Class]
		l.Set("statement_timeout", class.StatementTimeout.D())
		l.Set("lock_timeout", class.LockTimeout.D())
		l.Set("idle_in_transaction_session_timeout", class.IdleInTransactionTimeout.D())
		if l.Connections > 0 || len(l.Settings) > 0 {
			all = append(all, l)
		}
	}
	return all
}

// demandDirect returns what the applications may open that come past the pooler.
func (c Config) demandDirect(db postgres.Config) []Share {
	var all []Share
	for _, e := range c.Direct() {
		name := "the application (database.options.pool)"
		switch {
		case e.Username != "":
			name = "the role " + e.Username + ", direct"
		case e.MaxSize > 0:
			name = "the application, direct"
		}
		size := e.MaxSize
		if size == 0 {
			size = max(db.Options.Pool.MaxSize, db.Options.Pool.MinSize)
		}
		all = append(all, Share{For: name, Count: size, Once: e.MaxSize > 0})
	}
	return all
}

// DirectStatus is how a role fares that comes past the pooler.
type DirectStatus struct {
	Role     string `json:"role"`
	Database string `json:"database"`
	Address  string `json:"address"` // of PostgreSQL
	Class    string `json:"class,omitempty"`

	Connections       int `json:"connections"`
	Active            int `json:"active"`
	IdleInTransaction int `json:"idle_in_transaction"`
	MaxConnections    int `json:"max_connections,omitempty"` // of the role (max_size); 0: no limit
	Taken             int `json:"taken"`                     // of the server, by all roles
	Allowed           int `json:"allowed"`                   // by the server, to ordinary roles together

	Limits  []string        `json:"limits"`  // that the role is to have, as "statement_timeout = 5000ms"
	Holders []census.Holder `json:"holders"` // who holds the connections, the most first
}

// DirectStatus says of each way past the pooler what is seen of it in a census.
func (c Config) DirectStatus(db postgres.Config, seen []census.Connection, server census.Server) []DirectStatus {
	limits := c.RoleLimits(db)
	var all []DirectStatus
	for _, e := range c.Direct() {
		s := DirectStatus{
			Role: cmp.Or(e.Username, db.Username), Database: db.Name, Address: directAddress(db), Class: e.Class, Limits: []string{},
			MaxConnections: e.MaxSize, Taken: server.Connections, Allowed: server.Allowed(),
		}
		for _, l := range limits {
			if l.Role == s.Role {
				s.Limits = l.Words()
			}
		}
		s.Holders = census.Hold(slices.DeleteFunc(slices.Clone(seen), func(c census.Connection) bool {
			return c.Role != s.Role || c.Database != s.Database || c.Mode != ""
		}))
		for _, h := range s.Holders {
			s.Connections += h.Connections
			s.Active += h.Active
			s.IdleInTransaction += h.IdleInTransaction
		}
		all = append(all, s)
	}
	return all
}

// directAddress is where PostgreSQL itself is found.
func directAddress(db postgres.Config) string {
	if db.Mode == postgres.PrivateCluster && db.Private.Listen != "" {
		return db.Private.Listen
	}
	return addressOf(db.Host, db.Port)
}

// String is the way in one line.
func (s DirectStatus) String() string {
	line := fmt.Sprintf("%s (direct, %s): %d connections, %d active, %d idle in a transaction; %d of %d of the server are taken",
		s.Address, s.Role, s.Connections, s.Active, s.IdleInTransaction, s.Taken, s.Allowed)
	if len(s.Limits) > 0 {
		line += "; " + strings.Join(s.Limits, ", ")
	}
	return line
}

// Connections returns who is connected to the endpoints.
func (p *Pooler) Connections() []census.Connection {
	modes := map[string]string{}
	for _, e := range p.endpoints {
		modes[e.name] = e.modeName()
	}
	parts, _ := fold(p.sessions(), func(rows *[]console.Connection, one *session) {
		if !one.closed {
			*rows = append(*rows, one.row())
		}
	})
	var all []census.Connection
	for _, c := range slices.Concat(parts...) {
		one := census.Connection{
			Role: c.User, Database: c.Database, Application: c.ApplicationName, Address: c.Addr, Port: c.Port, PID: c.RemotePID,
			State: c.State, Mode: modes[c.Endpoint], Pinned: c.Pinned, Prepared: c.Prepared,
		}
		if c.Addr == "unix" {
			one.Address = ""
		}
		all = append(all, one)
	}
	return all
}

// Backends returns the server's process ids of the pooler's own connections.
func (p *Pooler) Backends() map[int]bool {
	all := map[int]bool{}
	for _, c := range (source{p}).Servers() {
		all[c.RemotePID] = true
	}
	return all
}
