package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
)

const contentSyncHelp = `Look at the repository of a source now, and publish what is new.

Usage:
  holdfast content sync SOURCE... [--json]
  holdfast content sync --all [--json]

The work is done by the machine that has the role of syncing, whichever that is; its report is printed: what changed, what
was uploaded, what was there already, and which chunks were rejected and why. A rejected chunk keeps its last good content
where that is safe; the others go on.

Options:
      --all   all sources of the configuration

With --json the report of each source is one object to a line: source, seq, commit, previous, published, changes (added,
changed, removed, renamed, same), chunks, uploaded and reused (parts, bytes), rejected (key, path, code, reason, kept),
took_ms. Progress is on standard error.

EXIT STATUS
  0, 4 when there is no such source, 5 when the git service refused us, 7 when it does not answer, 11 when chunks were
  rejected or some sources failed

EXAMPLE
  holdfast content sync physics101
`

const contentRegenerateHelp = `Make the current revision of a source anew from the whole tree.

Usage:
  holdfast content regenerate SOURCE... [--json]

The index owes nothing to the one before, each part is verified in the store and stored again where it is missing or
wrong, and a new revision is published even if nothing changed. Use it when something looks wrong that a sync does not
find.

With --json the output is that of content sync.

EXIT STATUS
  as content sync

EXAMPLE
  holdfast content regenerate physics101
`

func newContentSync(a *app) *cobra.Command {
	var all bool
	c := a.command("sync", "publish what is new", contentSyncHelp, 0, -1, func(c *cobra.Command, args []string) error {
		if all == (len(args) > 0) {
			return usage(c, "name sources, or --all")
		}
		if all {
			var err error
			if args, err = a.allSources(c.Context()); err != nil {
				return err
			}
		}
		return runContentSync(c.Context(), a, args, false)
	})
	c.Flags().BoolVar(&all, "all", false, "")
	return c
}

func newContentRegenerate(a *app) *cobra.Command {
	return a.command("regenerate", "make a revision anew", contentRegenerateHelp, 1, -1, func(c *cobra.Command, args []string) error {
		return runContentSync(c.Context(), a, args, true)
	})
}

// allSources returns the names of the sources in the configuration of the running Holdfast.
func (a *app) allSources(ctx context.Context) ([]string, error) {
	list, err := ask[content.ListAnswer](ctx, a, routeContentList, control.Empty{})
	var names []string
	for _, s := range list.Sources {
		if s.Configured {
			names = append(names, s.Name)
		}
	}
	return names, err
}

func runContentSync(ctx context.Context, a *app, sources []string, regenerate bool) error {
	failed, rejected := 0, 0
	for _, name := range sources {
		report, err := askLong[content.Report](ctx, a, routeContentSync, content.SyncRequest{Source: name, Regenerate: regenerate})
		switch {
		case err != nil && (len(sources) == 1 || ctx.Err() != nil):
			return err
		case err != nil:
			failed++
			a.notef("%s: %v", name, err)
			continue
		}
		rejected += len(report.Rejected)
		if a.json {
			if err := a.line(report); err != nil {
				return err
			}
		} else {
			a.printReport(report)
		}
	}
	if failed > 0 {
		return fault.New(fault.Partial, "partial", "%s of %d could not be synced", count(failed, "source"), len(sources))
	}
	if rejected > 0 {
		return fault.New(fault.Partial, "content_rejected", "%s rejected", count(rejected, "chunk")).
			WithHint("the reasons stand above; the other chunks are published")
	}
	return nil
}

// printReport prints what a sync did.
func (a *app) printReport(r content.Report) {
	if !r.Published {
		a.printf("%s  nothing new: %s is current (revision %d)\n", a.bold(r.Source), shortCommit(r.Commit), r.Seq)
		return
	}
	a.printf("%s  published %s as revision %d\n", a.bold(r.Source), r.Commit, r.Seq)
	if r.Subject != "" {
		a.printf("  commit    %s (%s)\n", r.Subject, r.Author)
	}
	if r.Rewritten {
		a.printf("  note      the branch was rewritten: the last revision is not among its ancestors\n")
	}
	a.printf("  chunks    %d: %s\n", r.Chunks, changesText(r.Changes))
	a.printChanges(r.Changes)
	a.printf("  uploaded  %s, %s\n", count(r.Uploaded.Parts, "part"), size(r.Uploaded.Bytes))
	a.printf("  reused    %s, %s\n", count(r.Reused.Parts, "part"), size(r.Reused.Bytes))
	a.printf("  took      %.0f ms: fetch %.0f, index %.0f, upload %.0f, publish %.0f\n",
		r.Took.Total, r.Took.Fetch, r.Took.Build, r.Took.Upload, r.Took.Publish)
	a.printRejections("rejected", r.Rejected)
	for _, n := range r.Notes {
		a.printf("  note      %s\n", n)
	}
}

func changesText(c revision.Changes) string {
	parts := []string{}
	for _, x := range []struct {
		n    int
		word string
	}{{len(c.Added), "added"}, {len(c.Changed), "changed"}, {len(c.Removed), "removed"}, {len(c.Renamed), "renamed"}, {c.Same, "as before"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.word))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// mostChanges bounds the keys that are printed of each kind; --json has them all.
const mostChanges = 20

func (a *app) printChanges(c revision.Changes) {
	print := func(sign string, keys []string) {
		for i, k := range keys {
			if i == mostChanges {
				a.printf("    %s and %d more\n", sign, len(keys)-i)
				return
			}
			a.printf("    %s %s\n", sign, k)
		}
	}
	print("+", c.Added)
	print("*", c.Changed)
	print("-", c.Removed)
	var renamed []string
	for _, r := range c.Renamed {
		renamed = append(renamed, r.From+" → "+r.To)
	}
	print(">", renamed)
}

func (a *app) printRejections(title string, all []revision.Rejection) {
	for _, r := range all {
		kept := ""
		if r.Kept {
			kept = " (its last content is kept)"
		}
		a.printf("  %-9s %s: %s [%s]%s\n", title, r.Path, r.Reason, r.Code, kept)
	}
}
