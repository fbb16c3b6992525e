package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/census"
	"holdfast/internal/control"
	"holdfast/internal/pooler"
)

const poolShowHelp = `Say how the pools of the running Holdfast are.

Usage:
  holdfast pool show [--json]

ACTIVE are server connections that clients hold, IDLE those that nobody holds, WAITING requests that wait for one, LONGEST
the longest of these waits, REFUSED requests that got none since the start. SIZE is all connections of the pool, MAX what it
may have; "+2" are reserved for administrators. FAST is the share of queries in the last one to two minutes that the database
answered within 100 ms, waits for a connection not included.

A role that comes past the pooler (mode "direct") is listed with what PostgreSQL says of it: who holds its connections,
from which address, by how many processes where that can be known, and against what the server allows.

With --json the fields are endpoints (address, mode, target, tls), direct (role, database, address, class, connections,
active, idle_in_transaction, max_connections, taken, allowed, limits, and holders: those of pool advise), pools (name,
database, user, class, endpoint, mode, target, host, active, idle, size, min_size, max_size, reserved, waiting,
longest_wait, waited, refused, queries, fast_percent, paused, disabled, down, down_since, last_error), and sums:
clients, max_clients, waiting, servers, max_servers, refused. Programs that know PgBouncer find the same by SQL in the
database "pgbouncer".

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast pool show
  holdfast pool show --json | jq '.pools[] | select(.waiting > 0) | .name'
`

func newPoolShow(a *app) *cobra.Command {
	return a.command("show", "say how the pools are", poolShowHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runPoolShow(c.Context(), a)
	})
}

func runPoolShow(ctx context.Context, a *app) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := control.Call[pooler.Status](ctx, client, routePoolShow, control.Empty{})
	if err != nil {
		return err
	}
	return a.data(s, func() { a.printPools(s) })
}

func (a *app) printPools(s pooler.Status) {
	for _, e := range s.Endpoints {
		a.printf("%s  %s mode, %s, TLS %s\n", a.bold(e.Address), e.Mode, e.Target, e.TLS)
	}
	for _, d := range s.Direct {
		a.printf("%s  direct mode, primary, role %s\n", a.bold(d.Address), d.Role)
	}
	for _, d := range s.Direct {
		a.printDirect(d)
	}
	if len(s.Endpoints) == 0 {
		return
	}
	a.printf("%s of %d at most, on %d of %d server connections, %d waiting\n\n",
		count(s.Clients, "client"), s.MaxClients, s.Servers, s.MaxServers, s.Waiting)
	rows := [][]string{{
		"database", "user", "class", "endpoint", "mode", "target", "active", "idle", "waiting", "longest", "refused", "size", "max", "fast", "state",
	}}
	for _, p := range s.Pools {
		rows = append(rows, []string{
			p.Database, p.User, orDash(p.Class), p.Endpoint, p.Mode, target(p), decimal(int64(p.Active)), decimal(int64(p.Idle)),
			decimal(int64(p.Waiting)), longest(p), fmt.Sprint(p.Refused), decimal(int64(p.Size)), most(p), fast(p), poolState(p),
		})
	}
	a.table(rows)
	for _, p := range s.Pools {
		if p.LastError != "" {
			a.printf("\n%s: %s\n", p.Name, p.LastError)
		}
	}
}

// printDirect says what is seen of a role that comes past the pooler.
func (a *app) printDirect(d pooler.DirectStatus) {
	a.printf("\n%s: %s, %d active, %d idle in a transaction; %d of %d of the server are taken\n",
		d.Role, count(d.Connections, "connection"), d.Active, d.IdleInTransaction, d.Taken, d.Allowed)
	if len(d.Limits) > 0 {
		a.printf("limits: %s\n", strings.Join(d.Limits, ", "))
	}
	if len(d.Holders) > 0 {
		a.printHolders(d.Holders)
	}
	a.printf("\n")
}

// printHolders is a table of who holds connections.
func (a *app) printHolders(holders []census.Holder) {
	rows := [][]string{{"role", "application", "address", "mode", "connections", "active", "idle in transaction", "processes"}}
	for _, h := range holders {
		processes := "-"
		if h.Processes > 0 {
			processes = decimal(int64(h.Processes))
		}
		rows = append(rows, []string{
			h.Role, orDash(h.Application), orDash(h.Address), cmp.Or(h.Mode, pooler.ModeDirect), decimal(int64(h.Connections)),
			decimal(int64(h.Active)), decimal(int64(h.IdleInTransaction)), processes,
		})
	}
	a.table(rows)
}

func target(p pooler.PoolStatus) string {
	if p.Host != "" {
		return p.Target + " " + p.Host
	}
	return p.Target
}

func longest(p pooler.PoolStatus) string {
	if p.Waiting == 0 {
		return "-"
	}
	return p.LongestWait.String()
}

// fast is the share of queries that were fast.
func fast(p pooler.PoolStatus) string {
	if p.FastPercent == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", *p.FastPercent)
}

func most(p pooler.PoolStatus) string {
	if p.Reserved > 0 {
		return fmt.Sprintf("%d+%d", p.MaxSize, p.Reserved)
	}
	return decimal(int64(p.MaxSize))
}

func poolState(p pooler.PoolStatus) string {
	switch {
	case p.Paused:
		return "paused"
	case p.Down && p.DownSince != nil:
		return "down for " + span(time.Since(*p.DownSince))
	case p.Disabled:
		return "disabled"
	}
	return "ok"
}
