package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
)

const contentPurgeHelp = `Remove what must not be seen any more from the store and from every cache, at once.

Usage:
  holdfast content purge SOURCE PATH --reason TEXT [--json]
  holdfast content purge --part PART... --reason TEXT [--json]

For a secret that got into a repository: change the secret first, then purge. All parts that hold the content which
the path has or had in any revision that is kept are removed, also from files in use, and never stored again; the
chunks that had them are absent until the repository has another content there. It cannot be taken back. The
repository and its clones are not touched.

Options:
      --reason TEXT   why, for those who wonder later
      --part PART     a part by its id, in place of a path; may be repeated

With --json the fields are parts, sources (published anew), chunks ("source:key", absent now), reports.

EXIT STATUS
  0, or 4 when there is no such source or content

EXAMPLE
  holdfast content purge physics101 serverFilesCourse/api_key.txt --reason "key leaked"
`

func newContentPurge(a *app) *cobra.Command {
	var q content.PurgeRequest
	c := a.command("purge", "remove a secret everywhere", contentPurgeHelp, 0, 2, func(c *cobra.Command, args []string) error {
		switch {
		case q.Reason == "":
			return usage(c, "say why with --reason")
		case len(q.Parts) > 0 && len(args) > 0, len(q.Parts) == 0 && len(args) != 2:
			return usage(c, "name a source and a path, or parts with --part")
		case len(args) == 2:
			q.Source, q.Path = args[0], args[1]
		}
		return runContentPurge(c.Context(), a, q)
	})
	c.Flags().StringVar(&q.Reason, "reason", "", "")
	c.Flags().StringArrayVar(&q.Parts, "part", nil, "")
	return c
}

func runContentPurge(ctx context.Context, a *app, q content.PurgeRequest) error {
	r, err := askLong[content.PurgeReport](ctx, a, routeContentPurge, q)
	if err != nil {
		return err
	}
	return a.data(r, func() {
		a.printf("%s purged\n", count(len(r.Parts), "part"))
		for _, k := range r.Chunks {
			a.printf("  absent now  %s\n", k)
		}
		for _, s := range r.Sources {
			a.printf("  published anew  %s\n", s)
		}
	})
}
