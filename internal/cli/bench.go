package cli

import (
	"github.com/spf13/cobra"
)

const benchHelp = `Send load to a site of yours, and say how fast it answers.

Usage:
  holdfast bench COMMAND

  http   ask for an address many times, as hey does

What others reach on the same machine in the same minute is in docs/numbers.md.

EXIT STATUS
  0, or 7 when requests had no answer; see: holdfast help exit-codes

EXAMPLE
  holdfast bench http -c 50 -n 5000 -disable-keepalive http://127.0.0.1:8000/
`

func newBench(a *app) *cobra.Command {
	c := a.group("bench", "send load to a site of yours", benchHelp)
	c.AddCommand(newBenchHTTP(a))
	return c
}
