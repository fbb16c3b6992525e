package cli

import (
	"github.com/spf13/cobra"
)

const importHelp = `Bring the configuration of another program over to Holdfast.

Usage:
  holdfast import pgbouncer PATH

EXIT STATUS
  0, or 4 when there is no such file, 5 when it may not be read, 3 when it cannot be understood

EXAMPLE
  holdfast import pgbouncer /etc/pgbouncer/pgbouncer.ini > pooler.toml
`

func newImport(a *app) *cobra.Command {
	c := a.group("import", "bring the configuration of another program over", importHelp)
	c.AddCommand(newImportPgBouncer(a))
	return c
}
