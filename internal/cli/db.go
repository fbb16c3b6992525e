package cli

import "github.com/spf13/cobra"

const dbHelp = `Work with the database itself.

Usage:
  holdfast db psql [OPTIONS] [-- ARGUMENTS]

EXIT STATUS
  that of the command below

EXAMPLE
  holdfast db psql
`

func newDB(a *app) *cobra.Command {
	c := a.group("db", "work with the database itself", dbHelp)
	c.AddCommand(newDBPsql(a))
	return c
}
