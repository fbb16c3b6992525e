package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
	"holdfast/internal/fault"
)

const contentGCHelp = `Remove from the store what no revision needs any more.

Usage:
  holdfast content gc [--dry-run] [--json]

A revision is kept while it is current, pinned, among the newest (content.keep_revisions) or young (content.keep_for).
What no kept revision needs leaves the store after the grace (content.grace). It is done by itself, too
(content.gc_every).

Options:
      --dry-run   say what would be done, and do nothing

With --json the fields are dry_run, dropped and forgotten (revisions), doomed, revived, deleted and live (parts, bytes).

EXIT STATUS
  0, or 7 when the store or the database does not answer

EXAMPLE
  holdfast content gc --dry-run
`

const contentScrubHelp = `Verify what is stored, and repair it from git.

Usage:
  holdfast content scrub [SOURCE] [--parts N] [--list] [--json]

Each part is read and compared with its id; one that is missing or wrong is made anew from the mirror. It is done by
itself, too, a part once within content.scrub_every.

Options:
      --parts N   at most so many, those first that were not looked at for the longest time (default: all)
      --list      compare the listing of the store with the tables, too, and remove what no row names

With --json the fields are checked (parts, bytes), missing, corrupt, repaired, strays, and lost (part, reason).

EXIT STATUS
  0, or 9 when something could not be repaired

EXAMPLE
  holdfast content scrub --parts 1000
`

func newContentGC(a *app) *cobra.Command {
	var q content.GCRequest
	c := a.command("gc", "remove what is not needed", contentGCHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runContentGC(c.Context(), a, q)
	})
	c.Flags().BoolVar(&q.DryRun, "dry-run", false, "")
	return c
}

func runContentGC(ctx context.Context, a *app, q content.GCRequest) error {
	r, err := askLong[content.GCReport](ctx, a, routeContentGC, q)
	if err != nil {
		return err
	}
	return a.data(r, func() {
		if r.DryRun {
			a.printf("This is what would be done.\n")
		}
		a.printf("revisions  %d dropped, %d removed\n", r.Dropped, r.Forgotten)
		for _, x := range []struct {
			name   string
			amount content.Amount
		}{{"live", r.Live}, {"doomed", r.Doomed}, {"revived", r.Revived}, {"deleted", r.Deleted}} {
			a.printf("%-9s  %s, %s\n", x.name, count(x.amount.Parts, "part"), size(x.amount.Bytes))
		}
	})
}

func newContentScrub(a *app) *cobra.Command {
	var q content.ScrubRequest
	c := a.command("scrub", "verify what is stored", contentScrubHelp, 0, 1, func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			q.Source = args[0]
		}
		return runContentScrub(c.Context(), a, q)
	})
	c.Flags().IntVar(&q.Parts, "parts", 0, "")
	c.Flags().BoolVar(&q.List, "list", false, "")
	return c
}

func runContentScrub(ctx context.Context, a *app, q content.ScrubRequest) error {
	r, err := askLong[content.ScrubReport](ctx, a, routeContentScrub, q)
	if err != nil {
		return err
	}
	err = a.data(r, func() {
		a.printf("checked   %s, %s\nmissing   %d\ncorrupt   %d\nrepaired  %d\nstrays    %d\n",
			count(r.Checked.Parts, "part"), size(r.Checked.Bytes), r.Missing, r.Corrupt, r.Repaired, r.Strays)
		for _, l := range r.Lost {
			a.printf("lost      %s: %s\n", l.Part, l.Reason)
		}
	})
	if err == nil && len(r.Lost) > 0 {
		return fault.New(fault.Invalid, "content_lost", "%s could not be repaired", count(len(r.Lost), "part")).
			WithHint("sync the sources again: holdfast content regenerate SOURCE")
	}
	return err
}
