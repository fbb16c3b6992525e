package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/daemon"
)

const reloadHelp = `Have the running Holdfast read its configuration again.

Usage:
  holdfast reload [--json]

It is the same as SIGHUP, and says what came of it. What takes effect at once: the rules, servers, limits, headers and hosts
of [edge], who may log in to PostgreSQL, how its pools are sized and where databases are (routes), the sources of content.
Nothing under way is disturbed.
Other settings wait for a restart and are named. A configuration with a mistake changes nothing, and the mistake is told.

With --json the fields are applied and needs_restart: names of settings.

EXIT STATUS
  0, 3 for a mistake in the configuration, 7 when no Holdfast runs

EXAMPLE
  holdfast check && holdfast reload
`

func newReload(a *app) *cobra.Command {
	return a.command("reload", "have the configuration read again", reloadHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runReload(c.Context(), a)
	})
}

func runReload(ctx context.Context, a *app) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := control.Call[daemon.ReloadAnswer](ctx, client, "/v1/reload", control.Empty{})
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		switch {
		case len(answer.Applied)+len(answer.NeedsRestart) == 0:
			a.printf("nothing has changed\n")
		case len(answer.Applied) > 0:
			a.printf("in force: %s\n", strings.Join(answer.Applied, " "))
		}
		if len(answer.NeedsRestart) > 0 {
			a.printf("after a restart: %s\n", strings.Join(answer.NeedsRestart, " "))
		}
	})
}
