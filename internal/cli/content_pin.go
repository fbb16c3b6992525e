package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
	"holdfast/internal/unit"
)

const contentPinHelp = `Keep a revision beyond its time: for an open exam, a regrade.

Usage:
  holdfast content pin SOURCE [REVISION] --name NAME [--for DURATION] [--json]
  holdfast content unpin SOURCE [REVISION] --name NAME [--json]

Without REVISION the current one is pinned, and the pins of that name on any revision are ended. A pin keeps a
revision in the store, for every machine. Pinning again under the same name moves its end.

Options:
      --name NAME       what it is for, as "exam-2026-12-03"
      --for DURATION    how long it keeps the revision (default: until it is unpinned)

With --json the fields of a pin are source, seq, revision, name, until; unpin answers removed.

EXIT STATUS
  0, or 4 when there is no such source or revision

EXAMPLE
  holdfast content pin physics101 --name final-exam --for 30d
`

func newContentPin(a *app) *cobra.Command {
	var name string
	var span durationFlag
	c := a.command("pin", "keep a revision", contentPinHelp, 1, 2, func(c *cobra.Command, args []string) error {
		if name == "" {
			return usage(c, "say what the pin is for with --name")
		}
		return runContentPin(c.Context(), a, content.PinRequest{
			Source: args[0], Revision: second(args), Name: name, For: unit.Duration(span.D()),
		})
	})
	c.Flags().StringVar(&name, "name", "", "")
	c.Flags().Var(&span, "for", "")
	return c
}

func runContentPin(ctx context.Context, a *app, q content.PinRequest) error {
	pin, err := ask[content.Pin](ctx, a, routeContentPin, q)
	if err != nil {
		return err
	}
	return a.data(pin, func() {
		until := "it is unpinned"
		if pin.Until != nil {
			until = moment(pin.Until)
		}
		a.printf("%s of %s is kept until %s (%s)\n", pin.Revision, pin.Source, until, pin.Name)
	})
}

func newContentUnpin(a *app) *cobra.Command {
	var name string
	c := a.command("unpin", "let go of a revision", contentPinHelp, 1, 2, func(c *cobra.Command, args []string) error {
		if name == "" {
			return usage(c, "say which pin with --name")
		}
		return runContentUnpin(c.Context(), a, content.UnpinRequest{Source: args[0], Revision: second(args), Name: name})
	})
	c.Flags().StringVar(&name, "name", "", "")
	return c
}

func runContentUnpin(ctx context.Context, a *app, q content.UnpinRequest) error {
	answer, err := ask[content.UnpinAnswer](ctx, a, routeContentUnpin, q)
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printf("%s ended\n", count(int(answer.Removed), "pin")) })
}

// second returns the second argument, if there is one.
func second(args []string) string {
	if len(args) > 1 {
		return args[1]
	}
	return ""
}
