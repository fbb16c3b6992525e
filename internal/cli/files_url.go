package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/files"
)

const filesURLHelp = `Print a signed link to a file: whoever has it may read the file until it expires.

Usage:
  holdfast files url BUCKET/KEY [OPTIONS] [--json]

The link is for what the file holds now. It dies when the file is deleted or replaced, or its key is revoked. It needs no
HTTP request, so jobs and mails can use it.

Options:
      --ttl DURATION    how long it works, as "10m", "7d" (default: files.link_ttl)
      --attachment      the browser saves the file, and never shows it
      --name NAME       the name under which it is saved (default: the last part of the key)
      --type TYPE       the media type it is served as (default: the stored one)
      --shared          caches between server and browser may keep the answer
      --session VALUE   works only together with this session cookie (files.session_cookie)

With --json the fields are url, path (without scheme and host), query (the same proof beside the plain path), expires, blob.

EXIT STATUS
  0, or 4 when there is no such file

EXAMPLE
  holdfast files url papers/2026/review.pdf --ttl 7d
`

func newFilesURL(a *app) *cobra.Command {
	var o files.SignLinkRequest
	var ttl durationFlag
	c := a.command("url", "print a signed link to a file", filesURLHelp, 1, 1, func(c *cobra.Command, args []string) error {
		name, err := parseObject(c, args[0])
		if err != nil {
			return err
		}
		o.Bucket, o.Key, o.TTL = name.bucket, name.key, ttl.Duration
		return runFilesURL(c.Context(), a, o)
	})
	c.Flags().Var(&ttl, "ttl", "")
	c.Flags().BoolVar(&o.Attachment, "attachment", false, "")
	c.Flags().StringVar(&o.Name, "name", "", "")
	c.Flags().StringVar(&o.Type, "type", "", "")
	c.Flags().BoolVar(&o.Shared, "shared", false, "")
	c.Flags().StringVar(&o.Session, "session", "", "")
	return c
}

func runFilesURL(ctx context.Context, a *app, o files.SignLinkRequest) error {
	l, err := ask[files.SignLinkAnswer](ctx, a, routeSign, o)
	if err != nil {
		return err
	}
	return a.data(l, func() { a.printf("%s\n", l.URL) })
}
