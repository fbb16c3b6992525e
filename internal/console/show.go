package console

import (
	"context"
	"strings"

	"holdfast/internal/pgwire"
)

// shown is a table that SHOW knows.
type shown struct {
	name   string
	admin  bool // for administrators only
	own    bool // PgBouncer does not have it
	fields []field
	rows   func(*Session) [][]cell
}

func show[R any](name string, t table[R], rows func(*Session) []R) shown {
	return shown{name: name, fields: t.fields(), rows: func(s *Session) [][]cell { return t.cells(rows(s)) }}
}

// tables returns what can be shown, in the order of SHOW HELP.
func tables() []shown {
	clients := func(s *Session) []socket { return sockets("C", s.src.Clients()) }
	servers := func(s *Session) []socket { return sockets("S", s.src.Servers()) }
	all := []shown{
		show("config", settingTable(), func(s *Session) []Setting { return s.src.Config() }),
		show("databases", databaseTable(), func(s *Session) []Database { return s.src.Databases() }),
		show("pools", poolTable(), func(s *Session) []Pool { return perUser(s.src.Pools()) }),
		show("clients", connectionTable(), clients),
		show("servers", connectionTable(), servers),
		show("users", userTable(), func(s *Session) []User { return s.src.Users() }),
		show("version", versionTable(), func(s *Session) []string { return []string{s.version()} }),
		show("peers", peerTable(), func(s *Session) []Peer { return s.src.Peers() }),
		show("peer_pools", peerPoolTable(), func(s *Session) []PeerPool { return s.src.PeerPools() }),
		show("fds", descriptorTable(), func(s *Session) []Descriptor { return s.src.Descriptors() }),
		show("sockets", socketTable(), func(s *Session) []socket { return allSockets(s.src) }),
		show("active_sockets", socketTable(), func(s *Session) []socket { return activeSockets(s.src) }),
		show("lists", listTable(), func(s *Session) []listed { return s.src.Lists().rows() }),
		show("mem", memoryTable(), func(s *Session) []Memory { return s.src.Memory() }),
		show("state", stateTable(), func(s *Session) []Setting { return s.src.State().rows() }),
		show("dns_hosts", dnsHostTable(), func(s *Session) []DNSHost { return s.src.DNSHosts() }),
		show("dns_zones", dnsZoneTable(), func(s *Session) []DNSZone { return s.src.DNSZones() }),
		show("stats", statsTable(), func(s *Session) []Stat { return s.src.Stats() }),
		show("stats_totals", statsTotalsTable(), func(s *Session) []Stat { return s.src.Stats() }),
		show("stats_averages", statsAveragesTable(), func(s *Session) []Stat { return s.src.Stats() }),
		show("totals", totalsTable(), func(s *Session) []sum { return sums(s.src.Stats()) }),
	}
	for i := range all {
		all[i].admin = all[i].name == "fds"
	}
	return append(all, ownTables()...)
}

// ownTables are those that PgBouncer does not have.
func ownTables() []shown {
	own := []shown{
		show("endpoint_pools", endpointPoolTable(), func(s *Session) []Pool { return s.src.Pools() }),
		show("hosts", hostTable(), func(s *Session) []Host { return s.src.Hosts() }),
		show("replication", replicaTable(), func(s *Session) []Replica { return s.src.Replication() }),
		show("pins", pinTable(), func(s *Session) []Pin { return s.src.Pins() }),
		show("prepared_statements", preparedTable(), (*Session).prepared),
	}
	for i := range own {
		own[i].own = true
	}
	return own
}

func versionTable() table[string] {
	return table[string]{text("version", func(v string) string { return v })}
}

func (s *Session) prepared() []Prepared {
	if s.id.Admin {
		return s.src.Prepared()
	}
	return withoutQueries(s.src.Prepared())
}

// showCommand returns the command SHOW name.
func showCommand(name string) (command, bool) {
	const tag = "SHOW"
	if name == "help" {
		return command{tag: tag, open: true, run: func(context.Context, *Session, []string) (outcome, error) {
			return outcome{notices: []pgwire.Notice{{Message: "Console usage", Detail: "\n" + helpText()}}}, nil
		}}, true
	}
	for _, t := range tables() {
		if t.name == name {
			return command{tag: tag, open: !t.admin, fields: t.fields, run: func(_ context.Context, s *Session, _ []string) (outcome, error) {
				return outcome{rows: t.rows(s)}, nil
			}}, true
		}
	}
	return command{}, false
}

// helpText lists all commands, as PgBouncer's console does.
func helpText() string {
	var theirs, ours []string
	for _, t := range tables() {
		if t.own {
			ours = append(ours, strings.ToUpper(t.name))
		} else {
			theirs = append(theirs, strings.ToUpper(t.name))
		}
	}
	lines := []string{
		"SHOW HELP|" + strings.Join(theirs[:len(theirs)/2], "|"),
		"SHOW " + strings.Join(theirs[len(theirs)/2:], "|"),
		"SHOW " + strings.Join(ours, "|"),
		"SET key = arg",
		"RELOAD",
		"PAUSE [<db>]",
		"RESUME [<db>]",
		"DISABLE <db>",
		"ENABLE <db>",
		"RECONNECT [<db>]",
		"KILL [<db>]",
		"KILL_CLIENT <client_id>",
		"SUSPEND",
		"SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]",
		"WAIT_CLOSE [<db>]",
	}
	return "\t" + strings.Join(lines, "\n\t")
}
