package cli

import "github.com/spf13/cobra"

const poolHelp = `Look at the pooler, steer it, size its pools, and be advised.

Usage:
  holdfast pool show [--json]
  holdfast pool pause [DATABASE] [--timeout DURATION] [--json]
  holdfast pool resume [DATABASE] [--json]
  holdfast pool reconnect [DATABASE] [--json]
  holdfast pool size [OPTIONS]
  holdfast pool advise [OPTIONS]
  holdfast pool auth-query [--role NAME] [--json]

A pool is the server connections that are shared by all who come through one endpoint, to one database, as one role, in one
class. It is made when somebody first logs in; that of the application's own role is there from the start.

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when its pooler is switched off

EXAMPLE
  holdfast pool show
`

func newPool(a *app) *cobra.Command {
	c := a.group("pool", "look at the pooler, steer it, size its pools, be advised", poolHelp)
	c.AddCommand(newPoolShow(a), newPoolPause(a), newPoolResume(a), newPoolReconnect(a), newPoolSize(a), newPoolAdvise(a),
		newPoolAuthQuery(a))
	return c
}
