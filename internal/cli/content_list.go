package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
	"holdfast/internal/control"
)

const contentListHelp = `List the sources of content.

Usage:
  holdfast content list [--json]

HERE says whether this machine answers "current" with the newest revision: yes, an older commit while it catches up, or -
when nobody has asked for the source on it yet. HITS are the calls on this machine that downloaded nothing, SAVED the
bytes that its cache saved, REUSED those that publishing did not have to upload.

With --json the fields are stale (PostgreSQL is silent), and sources: name, configured, git, branch, root, preset, serve,
seq, commit, head, published, looked, failed, failure (kind, code, message, hint), chunks, rejected, plain (bytes),
rewritten (the branch was pushed by force for the current revision), here, in_use, use (since this Holdfast began: calls,
hits, asked_bytes, fetched_bytes, saved_bytes, as they are stored) and stored (by the syncs of the revisions that are
kept: uploaded and reused, each with parts and bytes).

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast content list
`

const contentShowHelp = `Tell all about a source: revisions, pins, rejected chunks, leases.

Usage:
  holdfast content show SOURCE [REVISION] [--chunks] [--json]

Options:
      --chunks   list the chunks of the revision, too

With --json the fields are those of content list, and revisions (seq, commit, published, current, dropped, pins, chunks,
rejected, plain, rewritten, report), leases on this machine (lease, revision, kind, pid, uid, since, until), shown,
rejections and warnings (key, path, code, reason, kept), and chunk_list (key, path, tree, bytes, files, parts, kept).

EXIT STATUS
  0, or 4 when there is no such source or revision

EXAMPLE
  holdfast content show physics101 --chunks
`

func newContentList(a *app) *cobra.Command {
	return a.command("list", "list the sources", contentListHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runContentList(c.Context(), a)
	})
}

func runContentList(ctx context.Context, a *app) error {
	list, err := ask[content.ListAnswer](ctx, a, routeContentList, control.Empty{})
	if err != nil {
		return err
	}
	return a.data(list, func() {
		if list.Stale {
			a.notef("PostgreSQL is silent: this is what was known last")
		}
		rows := [][]string{{"source", "revision", "published", "chunks", "rejected", "size", "here", "hits", "saved", "reused", "state"}}
		for _, s := range list.Sources {
			rows = append(rows, []string{
				s.Name, shortCommit(s.Commit), moment(s.Published), decimal(int64(s.Chunks)), decimal(int64(s.Rejected)), size(s.Plain),
				hereText(s), hitsText(s.Use), size(s.Use.Saved), size(s.Stored.Reused.Bytes), sourceState(s),
			})
		}
		a.table(rows)
	})
}

func hereText(s content.SourceHere) string {
	if s.Here != "" && s.Here == s.Commit {
		return "yes"
	}
	return shortCommit(s.Here)
}

// hitsText is the share of calls that downloaded nothing.
func hitsText(u content.Usage) string {
	if rate := u.HitRate(); rate != nil {
		return fmt.Sprintf("%.0f %%", *rate)
	}
	return "-"
}

// sourceState is how a source fares, in words.
func sourceState(s content.SourceHere) string {
	switch {
	case !s.Configured:
		return "not in the configuration"
	case s.Failed != nil && s.Failure != nil:
		return "failed: " + s.Failure.Message
	case s.Seq == 0:
		return "not published yet"
	case s.Rewritten:
		return "ok, the branch was rewritten"
	}
	return "ok"
}

func newContentShow(a *app) *cobra.Command {
	var chunks bool
	c := a.command("show", "tell all about a source", contentShowHelp, 1, 2, func(c *cobra.Command, args []string) error {
		q := content.ShowRequest{Source: args[0], Chunks: chunks}
		if len(args) > 1 {
			q.Revision = args[1]
		}
		return runContentShow(c.Context(), a, q)
	})
	c.Flags().BoolVar(&chunks, "chunks", false, "")
	return c
}

func runContentShow(ctx context.Context, a *app, q content.ShowRequest) error {
	s, err := ask[content.ShowAnswer](ctx, a, routeContentShow, q)
	if err != nil {
		return err
	}
	return a.data(s, func() { a.printSource(s) })
}

func (a *app) printSource(s content.ShowAnswer) {
	a.printf("%s  %s\n", a.bold(s.Name), s.Git)
	a.printf("  branch     %s\n  root       %s\n  preset     %s\n  serve      %s\n  state      %s\n  looked     %s\n",
		orDash(s.Branch), orDash(s.Root), s.Preset, s.Serve, sourceState(s.SourceHere), moment(s.Looked))
	if s.Failure != nil && s.Failure.Hint != "" {
		a.printf("  hint       %s\n", s.Failure.Hint)
	}
	if len(s.Revisions) > 0 {
		a.printf("\n")
		rows := [][]string{{"revision", "commit", "published", "chunks", "rejected", "size", "kept by"}}
		for _, r := range s.Revisions {
			rows = append(rows, []string{
				decimal(r.Seq), r.Commit, moment(&r.Published), decimal(int64(r.Chunks)), decimal(int64(r.Rejected)), size(r.Plain), keptBy(r),
			})
		}
		a.table(rows)
	}
	if len(s.Rejections)+len(s.Warnings) > 0 {
		a.printf("\nOf %s:\n", s.Shown)
		a.printRejections("rejected", s.Rejections)
		a.printRejections("warning", s.Warnings)
	}
	a.printLeases(s.Leases)
	a.printChunkList(s.ChunkList)
}

func keptBy(r content.RevisionInfo) string {
	if r.Rewritten {
		r.Rewritten = false
		return keptBy(r) + "; the branch was rewritten for it"
	}
	switch {
	case r.Current:
		return "is current"
	case len(r.Pins) > 0:
		return fmt.Sprintf("pinned: %v", r.Pins)
	case r.Dropped != nil:
		return "nothing: leaves after the grace"
	}
	return "age or number"
}

func (a *app) printLeases(all []content.LeaseInfo) {
	if len(all) == 0 {
		return
	}
	a.printf("\n")
	rows := [][]string{{"lease", "revision", "kind", "process", "since", "until"}}
	for _, l := range all {
		rows = append(rows, []string{l.Lease, shortCommit(l.Revision), l.Kind, decimal(int64(l.PID)), moment(&l.Since), moment(l.Until)})
	}
	a.table(rows)
}

func (a *app) printChunkList(all []content.ChunkInfo) {
	if len(all) == 0 {
		return
	}
	a.printf("\n")
	rows := [][]string{{"chunk", "files", "size", "parts", "tree"}}
	for _, k := range all {
		rows = append(rows, []string{k.Key, decimal(int64(k.Files)), size(k.Bytes), decimal(int64(k.Parts)), shortCommit(k.Tree)})
	}
	a.table(rows)
}
