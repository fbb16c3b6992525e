package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/files"
)

const filesRmHelp = `Delete files.

Usage:
  holdfast files rm BUCKET/KEY... [--json]
  holdfast files rm -r --yes BUCKET/PREFIX [--json]

The bytes go to the trash, where they outlive the backups (files.trash_keep). Links to a deleted file die within a second.

Options:
  -r, --recursive   every key that begins with PREFIX
      --yes         said because -r can mean a lot

With --json the output is one object to a line: bucket, key, found, and error and code where it failed.

EXIT STATUS
  0, 4 when there was no such file, 11 when some could not be deleted

EXAMPLE
  holdfast files rm papers/2026/draft.pdf
`

// deleteBatch is how many keys one request may delete.
const deleteBatch = 1000

// filesRmOptions are the options of files rm.
type filesRmOptions struct {
	recursive, yes bool
}

func newFilesRm(a *app) *cobra.Command {
	var o filesRmOptions
	c := a.command("rm", "delete files", filesRmHelp, 1, -1, func(c *cobra.Command, args []string) error {
		return runFilesRm(c, a, args, o)
	})
	c.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "")
	c.Flags().BoolVar(&o.yes, "yes", false, "")
	return c
}

func runFilesRm(c *cobra.Command, a *app, args []string, o filesRmOptions) error {
	r := remover{app: a}
	if o.recursive {
		if len(args) != 1 || !o.yes {
			return usage(c, "with -r name one BUCKET/PREFIX, and say --yes")
		}
		name, err := parseName(c, args[0])
		if err != nil {
			return err
		}
		if err := r.prefix(c.Context(), name); err != nil {
			return err
		}
		return r.result(true)
	}
	for _, arg := range args {
		name, err := parseObject(c, arg)
		if err == nil {
			err = r.keys(c.Context(), name.bucket, []string{name.key})
		}
		if err != nil {
			return err
		}
	}
	return r.result(false)
}

// remover deletes and counts.
type remover struct {
	app                     *app
	deleted, absent, failed int
}

// prefix deletes page by page: what is gone does not come back in the next one.
func (r *remover) prefix(ctx context.Context, name objectName) error {
	return eachPage(ctx, r.app, name, true, func(page files.ListObjectsAnswer) error {
		keys := make([]string, len(page.Objects))
		for i, f := range page.Objects {
			keys[i] = f.Key
		}
		if len(keys) == 0 {
			return nil
		}
		return r.keys(ctx, name.bucket, keys)
	})
}

func (r *remover) keys(ctx context.Context, bucket string, keys []string) error {
	client, err := r.app.client()
	if err != nil {
		return err
	}
	defer client.Close()
	for len(keys) > 0 {
		n := min(len(keys), deleteBatch)
		answer, err := control.Call[files.DeleteObjectsAnswer](ctx, client, routeDelete, files.DeleteObjectsRequest{Bucket: bucket, Keys: keys[:n]})
		if err != nil {
			return err
		}
		for _, d := range answer.Deleted {
			if err := r.note(bucket, d); err != nil {
				return err
			}
		}
		keys = keys[n:]
	}
	return nil
}

// deletedLine is a line of "files rm --json".
type deletedLine struct {
	Bucket string `json:"bucket"`
	files.DeletedObject
}

func (r *remover) note(bucket string, d files.DeletedObject) error {
	name := objectName{bucket, d.Key}
	if r.app.json {
		if err := r.app.line(deletedLine{bucket, d}); err != nil {
			return err
		}
	}
	switch {
	case d.Error != "":
		r.failed++
		r.app.storyf("holdfast: delete %s: %s", name, d.Error)
	case !d.Found:
		r.absent++
		r.app.storyf("holdfast: no such file: %s", name)
	default:
		r.deleted++
		if !r.app.json {
			r.app.printf("deleted %s\n", name)
		}
	}
	return nil
}

func (r *remover) result(absentIsFine bool) error {
	switch {
	case r.failed > 0:
		return partial(r.deleted, r.failed)
	case r.absent > 0 && !absentIsFine:
		return &fault.Error{Kind: fault.NotFound, Code: "no_such_key", Err: errors.New(count(r.absent, "file") + " did not exist")}
	}
	return nil
}
