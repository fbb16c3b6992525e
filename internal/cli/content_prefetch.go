package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
)

const contentPrefetchHelp = `Fetch chunks of a revision to this machine ahead of their use, as before an exam.

Usage:
  holdfast content prefetch SOURCE [WANT...] [--revision REVISION] [--json]

Without WANT all of the revision is fetched. What is fetched may be evicted again when the cache is full and others
are used more: size the cache for it (content.cache_size).

Options:
      --revision REVISION   a commit, which may be shortened (default: the current revision)

With --json the fields are source, revision, chunks (here now), fetched, bytes, took_ms.

EXIT STATUS
  0, 4 when there is no such source or revision, 7 when the store does not answer, 8 when the cache is full

EXAMPLE
  holdfast content prefetch physics101 --revision 234fae12
`

func newContentPrefetch(a *app) *cobra.Command {
	var revision string
	c := a.command("prefetch", "fetch ahead of use", contentPrefetchHelp, 1, -1, func(c *cobra.Command, args []string) error {
		return runContentPrefetch(c.Context(), a, content.PrefetchRequest{Source: args[0], Revision: revision, Want: args[1:]})
	})
	c.Flags().StringVar(&revision, "revision", "", "")
	return c
}

func runContentPrefetch(ctx context.Context, a *app, q content.PrefetchRequest) error {
	answer, err := ask[content.PrefetchAnswer](ctx, a, routeContentPrefetch, q)
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		a.printf("%s of %s %s are on this machine, %d put in place now (%s downloaded, %.0f ms)\n", count(answer.Chunks, "chunk"),
			answer.Source, shortCommit(answer.Revision), answer.Fetched, size(answer.Bytes), answer.TookMS)
	})
}
