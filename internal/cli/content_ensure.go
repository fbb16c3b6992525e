package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"holdfast/internal/content"
	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

const contentEnsureHelp = `Put chunks of a revision in place on this machine and print the directory.

Usage:
  holdfast content ensure SOURCE WANT... [--revision REVISION] [--ttl DURATION] [--json]

WANT is a chunk ("elements", "question:mechanics/lever") or a profile ("render:mechanics/lever", "page:questions",
"file:PATH", "all"). What it needs besides is put in place, too. The directory has the layout of the course, and what
is in it never changes; a lease keeps it there until its time is over.

Options:
      --revision REVISION   a commit, which may be shortened (default: the current revision)
      --ttl DURATION        how long the files are kept at least (default 10m)

With --json the fields are source, revision, seq, dir, chunks (directories below dir by chunk), absent, lease, url, stale,
cold, bytes, waited_ms.

EXIT STATUS
  0, 4 when there is no such source or revision, or the revision has nothing of what is wanted, 7 when the store or the
  database is needed and does not answer, 8 when the cache is full

EXAMPLE
  cd "$(holdfast content ensure physics101 render:mechanics/lever)"
`

const contentPathHelp = `Put the chunk of a file in place and print the file's name on this machine.

Usage:
  holdfast content path SOURCE PATH [--revision REVISION] [--ttl DURATION] [--json]

Options:
      --revision REVISION   a commit, which may be shortened (default: the current revision)
      --ttl DURATION        how long the file is kept at least (default 10m)

With --json the fields are those of content ensure, and path.

EXIT STATUS
  as content ensure

EXAMPLE
  cat "$(holdfast content path physics101 serverFilesCourse/data.csv)"
`

// ensureOptions are the options of content ensure and path.
type ensureOptions struct {
	revision string
	ttl      durationFlag
}

func (o *ensureOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.revision, "revision", "", "")
	c.Flags().Var(&o.ttl, "ttl", "")
}

func (o *ensureOptions) request(source string, want []string) content.EnsureRequest {
	return content.EnsureRequest{
		Source: source, Revision: o.revision, Want: want, Lease: content.LeaseTTL, TTL: unit.Duration(o.ttl.D()),
	}
}

func newContentEnsure(a *app) *cobra.Command {
	var o ensureOptions
	c := a.command("ensure", "put chunks in place", contentEnsureHelp, 2, -1, func(c *cobra.Command, args []string) error {
		return runContentEnsure(c.Context(), a, o.request(args[0], args[1:]))
	})
	o.flags(c)
	return c
}

func runContentEnsure(ctx context.Context, a *app, q content.EnsureRequest) error {
	answer, err := ask[content.EnsureAnswer](ctx, a, routeContentEnsure, q)
	if err != nil {
		return err
	}
	if len(answer.Chunks) == 0 {
		return absent(answer, q.Want[0])
	}
	return a.data(answer, func() {
		a.remarks(answer)
		a.printf("%s\n", answer.Dir)
	})
}

// remarks tells what a person may want to know besides the answer.
func (a *app) remarks(e content.EnsureAnswer) {
	for _, key := range e.Absent {
		a.notef("note: revision %s has no %s", shortCommit(e.Revision), key)
	}
	if e.Stale {
		a.notef("note: a newer revision may exist; the database or the store does not answer")
	}
}

func absent(e content.EnsureAnswer, what string) error {
	return fault.New(fault.NotFound, "content_absent", "revision %s of %s has no %s", shortCommit(e.Revision), e.Source, what).
		WithHint("the chunks are listed by: holdfast content show %s --chunks", e.Source)
}

// pathAnswer is the answer of "holdfast content path --json".
type pathAnswer struct {
	content.EnsureAnswer
	Path string `json:"path"`
}

func newContentPath(a *app) *cobra.Command {
	var o ensureOptions
	c := a.command("path", "print the name of a file", contentPathHelp, 2, 2, func(c *cobra.Command, args []string) error {
		return runContentPath(c.Context(), a, o.request(args[0], []string{"file:" + args[1]}), args[1])
	})
	o.flags(c)
	return c
}

func runContentPath(ctx context.Context, a *app, q content.EnsureRequest, path string) error {
	answer, err := ask[content.EnsureAnswer](ctx, a, routeContentEnsure, q)
	if err != nil {
		return err
	}
	if len(answer.Chunks) == 0 || !filepath.IsLocal(path) {
		return absent(answer, path)
	}
	full := pathAnswer{answer, filepath.Join(answer.Dir, path)}
	return a.data(full, func() {
		a.remarks(answer)
		a.printf("%s\n", full.Path)
	})
}
