package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/admin"
	"holdfast/internal/control"
)

const loginHelp = `Print a link that opens the admin page of the running Holdfast.

Usage:
  holdfast login [--json]

The link works once and for ten minutes. From another machine, forward the port first:
  ssh -L 7070:127.0.0.1:7070 SERVER

With --json the fields are url and expires.

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast login
`

func newLogin(a *app) *cobra.Command {
	return a.command("login", "print a link that opens the admin page", loginHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runLogin(c.Context(), a)
	})
}

func runLogin(ctx context.Context, a *app) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := control.Call[admin.LoginAnswer](ctx, client, "/v1/login", control.Empty{})
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printf("%s\n", answer.URL) })
}
