package cli

import (
	"github.com/spf13/cobra"
)

const completionHelp = `Print a script that completes Holdfast's commands in your shell.

Usage:
  holdfast completion bash | zsh | fish

EXIT STATUS
  0, or 2 for a shell that is not known

EXAMPLE
  holdfast completion bash > /etc/bash_completion.d/holdfast
  holdfast completion zsh > "${fpath[1]}/_holdfast"
  holdfast completion fish > ~/.config/fish/completions/holdfast.fish
`

func newCompletion(a *app) *cobra.Command {
	return a.command("completion", "print a completion script", completionHelp, 1, 1, func(c *cobra.Command, args []string) error {
		switch args[0] {
		case "bash":
			return c.Root().GenBashCompletionV2(a.stdout, true)
		case "zsh":
			return c.Root().GenZshCompletion(a.stdout)
		case "fish":
			return c.Root().GenFishCompletion(a.stdout, true)
		}
		return usage(c, "no completion for the shell "+args[0])
	})
}
