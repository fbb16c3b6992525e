package pooler

import (
	"cmp"
	"slices"
	"strings"

	"holdfast/internal/console"
	"holdfast/internal/relay"
)

// Pins implements console.Connections.
func (s source) Pins() []console.Pin {
	parts, _ := fold(s.sessions(), func(rows *[]console.Pin, one *session) {
		if one.closed || one.pinned.IsZero() || one.server == nil {
			return
		}
		row := console.Pin{
			Client: idOf(one.who.id), Server: idOf(one.server.id), Database: one.who.database, User: one.who.user,
			Person: one.who.person, Reason: one.reason(), Since: one.pinned,
		}
		row.ApplicationName, _ = one.relay.Params().Get("application_name")
		*rows = append(*rows, row)
	})
	rows := slices.Concat(parts...)
	slices.SortFunc(rows, func(a, b console.Pin) int { return cmp.Compare(a.Client, b.Client) })
	return rows
}

// kept is a statement that clients of a database have prepared as one role.
type kept struct {
	database, user string
	statement      *relay.Statement
}

// keepers are how many clients and servers have it.
type keepers struct{ clients, servers int }

// maxQuery is how much of a statement's text is shown, in bytes.
const maxQuery = 4 << 10

// Prepared implements console.Connections.
func (s source) Prepared() []console.Prepared {
	type counts = map[kept]keepers
	note := func(to *counts, key groupKey, client, server int) func(*relay.Statement) {
		if *to == nil {
			*to = counts{}
		}
		return func(st *relay.Statement) {
			k := kept{key.database, key.user, st}
			n := (*to)[k]
			(*to)[k] = keepers{n.clients + client, n.servers + server}
		}
	}
	ofClients, _ := fold(s.sessions(), func(to *counts, one *session) {
		if !one.closed {
			one.relay.EachStatement(note(to, one.group.key, 1, 0))
		}
	})
	ofServers, _ := fold(s.servers(), func(to *counts, l leased) {
		l.look(func(one *server) { one.relay.EachStatement(note(to, l.group.key, 0, 1)) })
	})
	all := counts{}
	for _, part := range append(ofClients, ofServers...) {
		for k, n := range part {
			all[k] = keepers{all[k].clients + n.clients, all[k].servers + n.servers}
		}
	}
	return rowsOfPrepared(all)
}

func rowsOfPrepared(all map[kept]keepers) []console.Prepared {
	rows := make([]console.Prepared, 0, len(all))
	for k, n := range all {
		text := k.statement.Text()
		rows = append(rows, console.Prepared{
			Database: k.database, User: k.user, Name: k.statement.Name, Query: strings.ToValidUTF8(string(text[:min(len(text), maxQuery)]), "?"),
			Clients: n.clients, Servers: n.servers, Binds: k.statement.Binds(),
		})
	}
	slices.SortFunc(rows, func(a, b console.Prepared) int {
		return cmp.Or(cmp.Compare(a.Database, b.Database), cmp.Compare(a.User, b.User), cmp.Compare(a.Name, b.Name))
	})
	return rows
}
