package cli

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"holdfast/internal/files"
)

const filesStatHelp = `Describe a file.

Usage:
  holdfast files stat BUCKET/KEY [--json]

With --json the fields are bucket, key, size, etag, type (as the writer declared it), sniffed (as the content looks), blob,
sha256, created, expires_at, metadata, tags.

EXIT STATUS
  0, or 4 when there is no such file

EXAMPLE
  holdfast files stat papers/2026/review.pdf --json | jq -r .sha256
`

func newFilesStat(a *app) *cobra.Command {
	return a.command("stat", "describe a file", filesStatHelp, 1, 1, func(c *cobra.Command, args []string) error {
		name, err := parseObject(c, args[0])
		if err != nil {
			return err
		}
		return runFilesStat(c.Context(), a, name)
	})
}

func runFilesStat(ctx context.Context, a *app, name objectName) error {
	f, err := ask[files.ObjectInfo](ctx, a, routeStat, files.ObjectRef{Bucket: name.bucket, Key: name.key})
	if err != nil {
		return err
	}
	return a.data(f, func() {
		a.printf("%s/%s\n", f.Bucket, f.Key)
		a.printf("  size      %s (%d bytes)\n  type      %s\n", size(f.Size), f.Size, orDash(f.Type))
		if f.Sniffed != "" && f.Sniffed != f.Type {
			a.printf("  looks     %s\n", f.Sniffed)
		}
		a.printf("  stored    %s\n", moment(&f.Created))
		if f.ExpiresAt != nil {
			a.printf("  expires   %s\n", moment(f.ExpiresAt))
		}
		a.printf("  etag      %s\n", f.ETag)
		if f.MD5 != "" && f.MD5 != f.ETag {
			a.printf("  md5       %s\n", f.MD5)
		}
		if f.SHA256 != "" {
			a.printf("  sha256    %s\n", f.SHA256)
		}
		a.printf("  blob      %s\n", f.Blob)
		a.printPairs("metadata", f.Metadata)
		a.printPairs("tag", f.Tags)
	})
}

func (a *app) printPairs(what string, pairs map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		a.printf("  %-9s %s: %s\n", what, k, pairs[k])
	}
}
