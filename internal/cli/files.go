package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

const filesHelp = `Store, fetch, list, link and export files; manage keys and buckets.

Usage:
  holdfast files COMMAND

Files:
  ls        list buckets, or what is in one
  put       store files
  get       fetch files
  rm        delete files
  stat      describe a file
  url       print a signed link to a file
  slot      print an address that takes one upload
  export    write a bucket under its plain names into a directory

Keys and buckets:
  key       the keys with which applications use the S3 endpoint
  linkkey   the keys that sign links
  bucket    the buckets and their rules

A file is named BUCKET/KEY, as in papers/2026/review.pdf. All commands talk to the running Holdfast.

EXIT STATUS
  0, or 4 when there is no such file, bucket or key, 7 when no Holdfast runs; see: holdfast help exit-codes

EXAMPLE
  holdfast files put review.pdf papers/2026/ && holdfast files url papers/2026/review.pdf
`

func newFiles(a *app) *cobra.Command {
	c := a.group("files", "store, fetch, list, link and export files", filesHelp)
	c.AddCommand(
		newFilesLs(a), newFilesPut(a), newFilesGet(a), newFilesRm(a), newFilesStat(a),
		newFilesURL(a), newFilesSlot(a), newFilesExport(a),
		newFilesKey(a), newFilesLinkKey(a), newFilesBucket(a),
	)
	return c
}

// objectName is BUCKET/KEY as it stands on the command line.
type objectName struct{ bucket, key string }

func (n objectName) String() string { return n.bucket + "/" + n.key }

// parseName reads BUCKET/KEY. An empty key is allowed where a prefix is meant.
func parseName(c *cobra.Command, text string) (objectName, error) {
	bucket, key, _ := strings.Cut(text, "/")
	if bucket == "" {
		return objectName{}, usage(c, "a file is named BUCKET/KEY, but "+text+" names no bucket")
	}
	return objectName{bucket, key}, nil
}

// parseObject reads BUCKET/KEY with a key.
func parseObject(c *cobra.Command, text string) (objectName, error) {
	n, err := parseName(c, text)
	if err == nil && n.key == "" {
		return n, usage(c, "a file is named BUCKET/KEY, but "+text+" names no key")
	}
	return n, err
}

// ask sends one request to the running daemon.
func ask[Resp any](ctx context.Context, a *app, path string, req any) (Resp, error) {
	client, err := a.client()
	if err != nil {
		var none Resp
		return none, err
	}
	defer client.Close()
	return control.Call[Resp](ctx, client, path, req)
}

// partial is what a command over many files ends with when some of them failed.
func partial(done, failed int) error {
	return fault.New(fault.Partial, "partial", "%s done, %d failed", count(done, "file"), failed).
		WithHint("the reasons stand above; running the same command again does the rest")
}
