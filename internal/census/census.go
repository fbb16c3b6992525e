package census

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Connection is one client.
type Connection struct {
	Role        string `json:"role"`
	Database    string `json:"database"`
	Application string `json:"application"`
	Address     string `json:"address"` // "" for a socket, or when it is hidden
	Port        int    `json:"port"`
	PID         int    `json:"pid"`      // of the client's process; 0: not known
	State       string `json:"state"`    // as pg_stat_activity has it; "" when it is hidden
	Mode        string `json:"mode"`     // of the endpoint that it came in by; "" when it is PostgreSQL's own
	Pinned      string `json:"pinned"`   // why it keeps its server in transaction mode
	Prepared    int    `json:"prepared"` // statements
}

// Holder are the connections of one role and application from one address.
type Holder struct {
	Role              string `json:"role"`
	Database          string `json:"database"`
	Application       string `json:"application"`
	Address           string `json:"address"` // "" for a socket, or when the server does not tell us
	Mode              string `json:"mode"`
	Connections       int    `json:"connections"`
	Active            int    `json:"active"`
	IdleInTransaction int    `json:"idle_in_transaction"`
	Processes         int    `json:"processes"` // those that are known; 0: none is
}

// String is the holder in one line.
func (h Holder) String() string {
	line := fmt.Sprintf("%s, %s from %s: %d, of which %d active and %d idle in a transaction",
		h.Role, cmp.Or(h.Application, "(no name)"), cmp.Or(h.Address, "a socket"), h.Connections, h.Active, h.IdleInTransaction)
	if h.Processes > 0 {
		line += "; " + plural(h.Processes, "process", "processes")
	}
	return line
}

// Server is what a server allows, and how much of it is taken.
type Server struct {
	MaxConnections int  `json:"max_connections"`
	Reserved       int  `json:"reserved"`    // for superusers and pg_use_reserved_connections
	Connections    int  `json:"connections"` // of clients, all together
	Hidden         bool `json:"hidden"`      // of other roles only the names are told to us
}

// Allowed returns how many connections ordinary roles may have.
func (s Server) Allowed() int { return s.MaxConnections - s.Reserved }

// Database is asked; *postgres.DB is one.
type Database interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const limits = `
SELECT current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true), '0')::int,
       NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND NOT pg_has_role('pg_read_all_stats', 'USAGE')`

// Where the kind of a process is hidden, those of the server itself are told by having no user or no database.
const activity = `
SELECT pid, coalesce(usename, ''), coalesce(datname, ''), coalesce(application_name, ''),
       coalesce(host(client_addr), ''), coalesce(client_port, 0), coalesce(state, '')
  FROM pg_stat_activity
 WHERE usename IS NOT NULL AND datname IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'`

// Take asks the server who is connected. Backends are left out for which own is true: the pooler's, whose clients are counted in their place.
func Take(ctx context.Context, db Database, own func(pid int) bool) ([]Connection, Server, error) {
	var s Server
	if err := db.QueryRow(ctx, limits).Scan(&s.MaxConnections, &s.Reserved, &s.Hidden); err != nil {
		return nil, s, fmt.Errorf("ask the server for its limits: %w", err)
	}
	rows, err := db.Query(ctx, activity)
	if err != nil {
		return nil, s, fmt.Errorf("ask the server who is connected: %w", err)
	}
	var all []Connection
	var c Connection
	var pid int
	_, err = pgx.ForEachRow(rows, []any{&pid, &c.Role, &c.Database, &c.Application, &c.Address, &c.Port, &c.State}, func() error {
		s.Connections++
		if !own(pid) {
			all = append(all, c)
		}
		return nil
	})
	if err != nil {
		return nil, s, fmt.Errorf("ask the server who is connected: %w", err)
	}
	return all, s, nil
}

// Hold sums connections up by who holds them, the most first.
func Hold(all []Connection) []Holder {
	type key struct{ role, database, application, address, mode string }
	type sum struct {
		Holder
		pids map[int]bool
	}
	sums := map[key]*sum{}
	for _, c := range all {
		k := key{c.Role, c.Database, c.Application, c.Address, c.Mode}
		s := sums[k]
		if s == nil {
			s = &sum{Holder{Role: c.Role, Database: c.Database, Application: c.Application, Address: c.Address, Mode: c.Mode}, map[int]bool{}}
			sums[k] = s
		}
		s.Connections++
		switch c.State {
		case "active":
			s.Active++
		case "idle in transaction", "idle in transaction (aborted)":
			s.IdleInTransaction++
		}
		if c.PID > 0 {
			s.pids[c.PID] = true
		}
	}
	holders := make([]Holder, 0, len(sums))
	for _, s := range sums {
		s.Processes = len(s.pids)
		holders = append(holders, s.Holder)
	}
	slices.SortFunc(holders, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Application, b.Application),
			cmp.Compare(a.Address, b.Address), cmp.Compare(a.Database, b.Database), cmp.Compare(a.Mode, b.Mode))
	})
	return holders
}
