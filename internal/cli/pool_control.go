package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/daemon"
)

const poolPauseHelp = `Stop lending server connections, and wait until none is in use: for a restart or a move of PostgreSQL.

Usage:
  holdfast pool pause [DATABASE] [--timeout DURATION] [--json]

Clients stay connected. Those that ask for something wait, for as long as database.hold says, and then get an error. In
session mode a client holds its connection until it leaves, in transaction mode until its transaction ends; the command
waits for them. Without DATABASE all databases are paused. When the time is over first, the pause stays: resume it, or pause
again to go on waiting.

Options:
      --timeout DURATION   how long to wait for clients to let go (default 60s)

With --json the field is pools: the names of the pools.

EXIT STATUS
  0 when no connection is left, 7 when clients still hold some or no Holdfast runs, 4 when there is no pool of DATABASE

EXAMPLE
  holdfast pool pause && systemctl restart postgresql && holdfast pool resume
`

const poolResumeHelp = `End a pause: those who wait go on.

Usage:
  holdfast pool resume [DATABASE] [--json]

With --json the field is pools: the names of the pools.

EXIT STATUS
  0, or 7 when no Holdfast runs, 4 when there is no pool of DATABASE

EXAMPLE
  holdfast pool resume journal
`

const poolReconnectHelp = `Replace all server connections: idle ones at once, others when their clients let go of them.

Usage:
  holdfast pool reconnect [DATABASE] [--json]

For after a change that only new sessions see: ALTER ROLE … SET, another certificate, another server behind the same name.
No client notices.

With --json the field is pools: the names of the pools.

EXIT STATUS
  0, or 7 when no Holdfast runs, 4 when there is no pool of DATABASE

EXAMPLE
  holdfast pool reconnect
`

func newPoolPause(a *app) *cobra.Command {
	var timeout durationFlag
	_ = timeout.Set("60s") // a constant that parses
	c := a.command("pause", "stop lending, and wait until none is in use", poolPauseHelp, 0, 1, func(c *cobra.Command, args []string) error {
		r := daemon.PoolRequest{Timeout: timeout.Duration}
		return runPoolOrder(c.Context(), a, routePoolPause, "paused", r, args)
	})
	c.Flags().Var(&timeout, "timeout", "")
	return c
}

func newPoolResume(a *app) *cobra.Command {
	return a.command("resume", "end a pause", poolResumeHelp, 0, 1, func(c *cobra.Command, args []string) error {
		return runPoolOrder(c.Context(), a, routePoolResume, "resumed", daemon.PoolRequest{}, args)
	})
}

func newPoolReconnect(a *app) *cobra.Command {
	return a.command("reconnect", "replace all server connections", poolReconnectHelp, 0, 1, func(c *cobra.Command, args []string) error {
		return runPoolOrder(c.Context(), a, routePoolReconnect, "reconnecting", daemon.PoolRequest{}, args)
	})
}

func runPoolOrder(ctx context.Context, a *app, route, done string, r daemon.PoolRequest, args []string) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if len(args) > 0 {
		r.Database = args[0]
	}
	answer, err := control.Call[daemon.PoolAnswer](ctx, client, route, r)
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		for _, name := range answer.Pools {
			a.printf("%s %s\n", done, name)
		}
		if len(answer.Pools) == 0 {
			a.printf("%s: no pool is there yet\n", done)
		}
	})
}
