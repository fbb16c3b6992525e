package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
	"holdfast/internal/unit"
)

const contentURLHelp = `Print the address under which browsers find the files of a source, or one of them.

Usage:
  holdfast content url SOURCE [PATH] [--revision REVISION] [--ttl DURATION] [--json]

Only files that the rules of the source show to browsers have an address. With serve = "signed" it is a secret while it
lives; with "public" it never ends. What is behind an address never changes.

Options:
      --revision REVISION   a commit, which may be shortened (default: the current revision)
      --ttl DURATION        how long a signed address works at least (default 24h)

With --json the fields are url and path, which is the same without scheme and host.

EXIT STATUS
  0, 4 when there is no such source, revision or file for browsers, 5 when the source gives none away

EXAMPLE
  holdfast content url physics101 clientFilesCourse/logo.png
`

func newContentURL(a *app) *cobra.Command {
	var o ensureOptions
	c := a.command("url", "print an address for browsers", contentURLHelp, 1, 2, func(c *cobra.Command, args []string) error {
		q := content.URLRequest{Source: args[0], Revision: o.revision, TTL: unit.Duration(o.ttl.D())}
		if len(args) > 1 {
			q.Path = args[1]
		}
		return runContentURL(c.Context(), a, q)
	})
	o.flags(c)
	return c
}

func runContentURL(ctx context.Context, a *app, q content.URLRequest) error {
	answer, err := ask[content.URLAnswer](ctx, a, routeContentURL, q)
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printf("%s\n", cmp.Or(answer.URL, answer.Path)) })
}
