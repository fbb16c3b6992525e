package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"

	"github.com/spf13/cobra"

	"holdfast/internal/fault"
	"holdfast/internal/files"
)

const filesExportHelp = `Write a bucket under its plain names into a directory of the server.

Usage:
  holdfast files export BUCKET[/PREFIX] DIRECTORY [--copy] [--resume] [--json]

Where the files are kept on the same disk they are linked (hard links): that takes no space and almost no time. Elsewhere
they are copied. The export is a plain directory that needs no Holdfast. It is written by the running Holdfast, under its
account; as a service that may write below paths.state ("holdfast paths"), from where the directory can be moved.

Do not change linked files in place: they are the stored files. Editors and rsync replace files, which is fine.

Options:
      --copy     copy, never link
      --resume   go on in a directory that an export has begun: what is there with the same content stays, what was replaced
                 since by something of the same size is exported again, and a file of another size is skipped and told

With --json the output is one object to a line: objects, bytes, linked, copied, kept, and skipped with reason for a key
that cannot be a file name; the last line has done (true).

EXIT STATUS
  0, 4 when there is no such bucket, 5 when Holdfast may not write there, 6 when the directory is not empty, 8 when its disk
  is full, 11 when keys were skipped

EXAMPLE
  holdfast files export papers /var/lib/holdfast/export/papers
`

// filesExportOptions are the options of files export.
type filesExportOptions struct {
	copy, resume bool
}

func newFilesExport(a *app) *cobra.Command {
	var o filesExportOptions
	c := a.command("export", "write a bucket under its plain names", filesExportHelp, 2, 2, func(c *cobra.Command, args []string) error {
		name, err := parseName(c, args[0])
		if err != nil {
			return err
		}
		dir, err := filepath.Abs(args[1])
		if err != nil {
			return err
		}
		return runFilesExport(c.Context(), a, files.ExportRequest{
			Bucket: name.bucket, Prefix: name.key, Directory: dir, Copy: o.copy, Resume: o.resume,
		})
	})
	c.Flags().BoolVar(&o.copy, "copy", false, "")
	c.Flags().BoolVar(&o.resume, "resume", false, "")
	return c
}

func runFilesExport(ctx context.Context, a *app, req files.ExportRequest) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	resp, err := client.Do(ctx, http.MethodPost, routeExport, nil, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return a.exportEvents(resp.Body, req.Directory)
}

// exportEvents prints the steps of an export as they come.
func (a *app) exportEvents(body io.Reader, dir string) error {
	lines, skipped := json.NewDecoder(body), 0
	for {
		var e files.ExportEvent
		err := lines.Decode(&e)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fault.New(fault.Unavailable, "export_cut", "the export ended before it was done").
				WithHint("go on with --resume")
		case err != nil:
			return fmt.Errorf("read progress of the export: %w", err)
		}
		if a.json {
			if err := a.line(e); err != nil {
				return err
			}
		}
		if e.Skipped != "" {
			skipped++
			a.storyf("skipped %s: %s", e.Skipped, e.Reason)
		}
		if e.Error != "" {
			return &fault.Error{Kind: fault.ParseKind(e.Kind), Code: e.Code, Hint: e.Hint, Err: errors.New(e.Error)}
		}
		if e.Done {
			return a.exported(e, dir, skipped)
		}
	}
}

func (a *app) exported(e files.ExportEvent, dir string, skipped int) error {
	if !a.json {
		a.printf("exported %s (%s) to %s: %d linked, %d copied, %d there already\n",
			count(int(e.Objects), "file"), size(e.Bytes), dir, e.Linked, e.Copied, e.Kept)
	}
	if skipped > 0 {
		return fault.New(fault.Partial, "partial", "%s skipped", count(skipped, "key")).
			WithHint("fetch them one by one with: holdfast files get BUCKET/KEY FILE")
	}
	return nil
}
