package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/daemon"
)

const upstreamListHelp = `Say how the application's servers are.

Usage:
  holdfast edge upstream list [--json]

STATE is "up", "slow_start" (back, with less than its share), "down", "draining" (requests are still under way) or
"drained". BUSY are requests under way, FAILURES those that met an error or an answer of 5xx since the start.

Where [[edge.apps]] names several applications, APP says whose server it is; "-" is the one of edge.upstreams.

With --json the fields are waiting (requests that wait for a server) and upstreams: app, server, state, since, busy,
requests, failures, last_error.

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when no application is named

EXAMPLE
  holdfast edge upstream list --json | jq -r '.upstreams[] | select(.state == "down") | .server'
`

const upstreamDrainHelp = `Give a server no new requests, and wait until those under way are over.

Usage:
  holdfast edge upstream drain SERVER [--timeout DURATION] [--json]

When the time is over first the server stays drained: run it again to go on waiting. WebSockets and event streams last as
long as their visitors want; restarting the server ends them.

Options:
      --timeout DURATION   how long to wait (default 60s)

With --json the fields are those of list.

EXIT STATUS
  0 when no request is left, 7 when some are or no Holdfast runs, 4 when there is no such server, 6 when no application is
  named

EXAMPLE
  holdfast edge upstream drain http://10.0.0.5:5000 --timeout 5m
`

const upstreamUndrainHelp = `Give a server requests again, few at first.

Usage:
  holdfast edge upstream undrain SERVER [--json]

With --json the fields are those of list.

EXIT STATUS
  0, or 7 when no Holdfast runs, 4 when there is no such server, 6 when no application is named

EXAMPLE
  holdfast edge upstream undrain http://10.0.0.5:5000
`

// The routes of the application's servers; edge.go of package daemon says what each does.
const (
	routeUpstreamList    = "/v1/edge/upstream/list"
	routeUpstreamDrain   = "/v1/edge/upstream/drain"
	routeUpstreamUndrain = "/v1/edge/upstream/undrain"
)

func newUpstreamList(a *app) *cobra.Command {
	return a.command("list", "say how the servers are", upstreamListHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runUpstream(c.Context(), a, routeUpstreamList, control.Empty{})
	})
}

func newUpstreamDrain(a *app) *cobra.Command {
	var timeout durationFlag
	_ = timeout.Set("60s") // a constant that parses
	c := a.command("drain", "give a server no new requests", upstreamDrainHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return runUpstream(c.Context(), a, routeUpstreamDrain, daemon.UpstreamRequest{Server: args[0], Timeout: timeout.Duration})
	})
	c.Flags().Var(&timeout, "timeout", "")
	return c
}

func newUpstreamUndrain(a *app) *cobra.Command {
	return a.command("undrain", "give a server requests again", upstreamUndrainHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return runUpstream(c.Context(), a, routeUpstreamUndrain, daemon.UpstreamRequest{Server: args[0]})
	})
}

func runUpstream[R any](ctx context.Context, a *app, route string, r R) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := control.Call[daemon.UpstreamAnswer](ctx, client, route, r)
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printUpstreams(answer) })
}

func (a *app) printUpstreams(answer daemon.UpstreamAnswer) {
	several := slices.ContainsFunc(answer.Upstreams, func(u daemon.UpstreamStatus) bool { return u.App != "" })
	rows := [][]string{{"server", "state", "busy", "requests", "failures", "last error"}}
	for _, u := range answer.Upstreams {
		rows = append(rows, []string{
			u.Server, u.State, decimal(int64(u.Busy)), decimal(u.Requests), decimal(u.Failures), orDash(u.LastError),
		})
	}
	for i := range rows {
		switch {
		case several && i == 0:
			rows[i] = slices.Insert(rows[i], 0, "app")
		case several:
			rows[i] = slices.Insert(rows[i], 0, orDash(answer.Upstreams[i-1].App))
		}
	}
	a.table(rows)
	if answer.Waiting > 0 {
		a.printf("\n%s waiting for a server\n", count(answer.Waiting, "request"))
	}
}
