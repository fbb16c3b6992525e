package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/files"
)

const filesLinkKeyHelp = `The keys that sign links. Each bucket has its own.

Usage:
  holdfast files linkkey list BUCKET [--json]
  holdfast files linkkey show BUCKET [--json]
  holdfast files linkkey rotate BUCKET [--overlap DURATION] [--json]
  holdfast files linkkey revoke ID [--json]
  holdfast files linkkey revoke --all BUCKET [--json]

"show" prints the signing key as the helpers for Python, JavaScript, Ruby and PHP take it: whoever has it can make links to
every file of the bucket. Rotating makes a new one; links that were made with the old one work for the overlap longer.
Revoking ends all links of a key within a second, and --all those of all keys of a bucket.

Options:
      --overlap DURATION   how long links of the old key still work (default: files.link_max_ttl, so that none dies early)
      --all                every link of the bucket

With --json the fields of a key are id, bucket, epoch, signs, sign_from, verify_until, revoked, text (of show and rotate).

EXIT STATUS
  0, or 4 when there is no such bucket or key

EXAMPLE
  export LINK_KEY="$(holdfast files linkkey show papers)"
`

func newFilesLinkKey(a *app) *cobra.Command {
	c := a.group("linkkey", "the keys that sign links", filesLinkKeyHelp)
	list := a.command("list", "list the keys of a bucket", filesLinkKeyHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return runLinkKeyList(c.Context(), a, args[0])
	})
	show := a.command("show", "print the signing key of a bucket", filesLinkKeyHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return a.linkKeyCall(c.Context(), routeLinkKeyShow, files.RevealLinkKeyRequest{Bucket: args[0]})
	})
	c.AddCommand(list, show, newLinkKeyRotate(a), newLinkKeyRevoke(a))
	return c
}

func newLinkKeyRotate(a *app) *cobra.Command {
	var overlap durationFlag
	c := a.command("rotate", "make a new signing key", filesLinkKeyHelp, 1, 1, func(c *cobra.Command, args []string) error {
		r := files.RotateLinkKeyRequest{Bucket: args[0]}
		if c.Flags().Changed("overlap") {
			r.Overlap = &overlap.Duration
		}
		return a.linkKeyCall(c.Context(), routeLinkKeyRotate, r)
	})
	c.Flags().Var(&overlap, "overlap", "")
	return c
}

func newLinkKeyRevoke(a *app) *cobra.Command {
	all := false
	c := a.command("revoke", "end the links of a key or a bucket", filesLinkKeyHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return runLinkKeyRevoke(c.Context(), a, args[0], all)
	})
	c.Flags().BoolVar(&all, "all", false, "")
	return c
}

func (a *app) linkKeyCall(ctx context.Context, route string, req any) error {
	k, err := ask[files.LinkKeyInfo](ctx, a, route, req)
	if err != nil {
		return err
	}
	return a.data(k, func() { a.printf("%s\n", k.Text) })
}

func runLinkKeyList(ctx context.Context, a *app, bucket string) error {
	answer, err := ask[files.ListLinkKeysAnswer](ctx, a, routeLinkKeyList, files.ListLinkKeysRequest{Bucket: bucket})
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		rows := [][]string{{"id", "epoch", "state", "signs from", "verifies until"}}
		for _, k := range answer.Keys {
			rows = append(rows, []string{k.ID, strconv.FormatInt(k.Epoch, 10), linkKeyState(k), moment(&k.SignFrom), moment(k.VerifyUntil)})
		}
		a.table(rows)
	})
}

func linkKeyState(k files.LinkKeyInfo) string {
	switch {
	case k.Revoked != nil:
		return "revoked"
	case k.Signs:
		return "signs"
	case k.VerifyUntil != nil && k.VerifyUntil.Before(time.Now()):
		return "over"
	}
	return "verifies"
}

func runLinkKeyRevoke(ctx context.Context, a *app, what string, all bool) error {
	var err error
	if all {
		_, err = ask[files.Empty](ctx, a, routeLinksRevoke, files.RevokeLinksRequest{Bucket: what})
	} else {
		_, err = ask[files.Empty](ctx, a, routeLinkKeyRevoke, files.RevokeLinkKeyRequest{ID: what})
	}
	if err != nil {
		return err
	}
	return a.data(map[string]string{"revoked": what}, func() { a.printf("revoked %s\n", what) })
}
