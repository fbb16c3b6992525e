package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/files"
)

const filesSlotHelp = `Print an address that takes one upload: whoever has it may store this one file, once.

Usage:
  holdfast files slot BUCKET/KEY [OPTIONS] [--json]

The bytes are sent with PUT, or with POST as a form with the field "file".

Options:
      --ttl DURATION    how long it works, as "10m" (default: files.link_ttl)
      --max-size SIZE   the largest file it takes, as "20MB" (default: what the bucket allows)
      --type TYPE       the media type that the content must look like, as "image/*" or "application/pdf"
      --session VALUE   works only together with this session cookie (files.session_cookie)

With --json the fields are url, path (without scheme and host), slot and expires.

EXIT STATUS
  0, or 4 when there is no such bucket

EXAMPLE
  curl -T photo.jpg "$(holdfast files slot avatars/anna.jpg --type 'image/*' --max-size 5MB)"
`

func newFilesSlot(a *app) *cobra.Command {
	var o files.CreateSlotRequest
	var ttl durationFlag
	var most sizeFlag
	c := a.command("slot", "print an address that takes one upload", filesSlotHelp, 1, 1, func(c *cobra.Command, args []string) error {
		name, err := parseObject(c, args[0])
		if err != nil {
			return err
		}
		o.Bucket, o.Key, o.TTL, o.MaxSize = name.bucket, name.key, ttl.Duration, int64(most.Bytes)
		return runFilesSlot(c.Context(), a, o)
	})
	c.Flags().Var(&ttl, "ttl", "")
	c.Flags().Var(&most, "max-size", "")
	c.Flags().StringVar(&o.Type, "type", "", "")
	c.Flags().StringVar(&o.Session, "session", "", "")
	return c
}

func runFilesSlot(ctx context.Context, a *app, o files.CreateSlotRequest) error {
	s, err := ask[files.CreateSlotAnswer](ctx, a, routeSlot, o)
	if err != nil {
		return err
	}
	return a.data(s, func() { a.printf("%s\n", s.URL) })
}
