package cli

import (
	"github.com/spf13/cobra"
)

const configHelp = `Look at the configuration.

Usage:
  holdfast config render [OPTIONS]

A single setting is explained by: holdfast help config KEY

EXIT STATUS
  0, or 3 when the configuration is missing or wrong

EXAMPLE
  holdfast config render
`

const renderHelp = `Print the settings in effect: those that were written and those that were not, after the environment.

Usage:
  holdfast config render [--json]

The output is a configuration that loads to the same settings. Secrets are never part of it: one that is in a file is
named by its file, one that was written elsewhere is a comment that says where. The output depends on nothing but the
settings, so it can be kept in a repository and compared.

With --json it is a list of objects: key, value, secret, file (of a secret), origin ("default", "file:line" or the
name of a variable).

EXIT STATUS
  0, or 3 when the configuration is missing or wrong

EXAMPLE
  holdfast config render > effective.toml
  holdfast config render --json | jq -r '.[] | select(.origin != "default") | "\(.key) \(.origin)"'
`

func newConfig(a *app) *cobra.Command {
	c := a.group("config", "look at the configuration", configHelp)
	c.AddCommand(a.command("render", "print the settings in effect", renderHelp, 0, 0, func(*cobra.Command, []string) error {
		cfg, err := a.load()
		if err != nil {
			return err
		}
		return a.data(cfg.Settings(), func() { a.printf("%s", cfg.Render()) })
	}))
	return c
}
