package cli

import (
	"github.com/spf13/cobra"
)

const pathsHelp = `Print the directories that Holdfast writes to. Everything else may be mounted read-only.

Usage:
  holdfast paths [--json]

  media    the stored files                       back it up, together with the database
  state    keys, a private server's data, socket  back it up
  cache    copies that can be fetched again       may be lost
  backup   the backups                            keep it on another disk

With --json the fields are media, state, cache, backup, config (what was read) and socket (the control socket).

EXIT STATUS
  0, or 3 when the configuration is missing or wrong

EXAMPLE
  du -sh $(holdfast paths --json | jq -r '.media, .state')
`

// pathsAnswer is the answer of "holdfast paths --json".
type pathsAnswer struct {
	Media  string `json:"media"`
	State  string `json:"state"`
	Cache  string `json:"cache"`
	Backup string `json:"backup"`
	Config string `json:"config"`
	Socket string `json:"socket"`
}

func newPaths(a *app) *cobra.Command {
	return a.command("paths", "print the directories that Holdfast writes to", pathsHelp, 0, 0, func(*cobra.Command, []string) error {
		c, err := a.load()
		if err != nil {
			return err
		}
		p := pathsAnswer{c.Media.Root, c.Paths.State, c.Paths.Cache, c.Paths.Backup, c.Path(), c.Socket()}
		return a.data(p, func() {
			a.printf("media   %s\nstate   %s\ncache   %s\nbackup  %s\n", p.Media, p.State, p.Cache, p.Backup)
		})
	})
}
