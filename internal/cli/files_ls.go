package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/files"
)

const filesLsHelp = `List buckets, or what is in one.

Usage:
  holdfast files ls [-r] [--json]
  holdfast files ls [-r] BUCKET[/PREFIX] [--json]

Without an argument the buckets are listed. With one, the keys that begin with PREFIX, in byte order, up to the next slash;
what lies deeper is shown as a line that ends in a slash.

Options:
  -r, --recursive   all keys, however deep

With --json the output is one object to a line: of a file bucket, key, size, etag, type, created and what else is known of
it; of a deeper level prefix. The buckets are a list.

EXIT STATUS
  0, or 4 when there is no such bucket

EXAMPLE
  holdfast files ls papers/2026/
`

// filesLsOptions are the options of files ls.
type filesLsOptions struct {
	recursive bool
}

func newFilesLs(a *app) *cobra.Command {
	var o filesLsOptions
	c := a.command("ls", "list buckets, or what is in one", filesLsHelp, 0, 1, func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return runBucketList(c.Context(), a)
		}
		name, err := parseName(c, args[0])
		if err != nil {
			return err
		}
		return runFilesLs(c.Context(), a, name, o)
	})
	c.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "")
	return c
}

func runFilesLs(ctx context.Context, a *app, name objectName, o filesLsOptions) error {
	return eachPage(ctx, a, name, o.recursive, func(page files.ListObjectsAnswer) error {
		for _, p := range page.Prefixes {
			if err := a.listLine(map[string]string{"prefix": p}, "%8s  %-19s  %s\n", "", "", p); err != nil {
				return err
			}
		}
		for _, f := range page.Objects {
			if err := a.listLine(f, "%8s  %-19s  %s\n", size(f.Size), moment(&f.Created), f.Key); err != nil {
				return err
			}
		}
		return nil
	})
}

// listLine prints one row of a long list, which is never held in memory as a whole.
func (a *app) listLine(v any, format string, args ...any) error {
	if a.json {
		return a.line(v)
	}
	_, err := fmt.Fprintf(a.stdout, format, args...)
	return err
}

// eachPage calls visit with every page of a listing, in order.
func eachPage(ctx context.Context, a *app, name objectName, recursive bool, visit func(files.ListObjectsAnswer) error) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	req := files.ListObjectsRequest{Bucket: name.bucket, Prefix: name.key, Delimiter: "/"}
	if recursive {
		req.Delimiter = ""
	}
	for {
		page, err := control.Call[files.ListObjectsAnswer](ctx, client, routeList, req)
		if err != nil {
			return err
		}
		if err := visit(page); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		req.After = page.Next
	}
}
