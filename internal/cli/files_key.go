package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/files"
	"holdfast/internal/objects"
)

const filesKeyHelp = `The keys with which applications use the S3 endpoint.

Usage:
  holdfast files key create APP --bucket BUCKET [OPTIONS] [--json]
  holdfast files key list [--json]
  holdfast files key rotate ID [--overlap DURATION] [--json]
  holdfast files key revoke ID [--json]

The secret of a key is printed once, when it is made. Rotating makes a new key with the same rights; the old one works
for the overlap longer. Revoking ends a key within a second.

Options of create:
      --bucket BUCKET   what the key is for; may be repeated; "*" for all
      --prefix PREFIX   only keys that begin with it; may be repeated
      --action ACTION   read, list, write, delete or admin; may be repeated (default: all but admin)
      --ttl DURATION    how long the key works, as "90d" (default: until it is revoked)

Options of rotate:
      --overlap DURATION   how long the old key still works (default 24h)

With --json the fields of a key are id, app, secret (once), policy, created, not_after, revoked, last_used.

EXIT STATUS
  0, or 4 when there is no such key

EXAMPLE
  holdfast files key create journal --bucket papers --bucket avatars
`

func newFilesKey(a *app) *cobra.Command {
	c := a.group("key", "the keys of applications", filesKeyHelp)
	list := a.command("list", "list the keys", filesKeyHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runKeyList(c.Context(), a)
	})
	revoke := a.command("revoke", "end a key", filesKeyHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return runKeyRevoke(c.Context(), a, args[0])
	})
	c.AddCommand(newKeyCreate(a), list, newKeyRotate(a), revoke)
	return c
}

// keyOptions are the options of key create.
type keyOptions struct {
	buckets, prefixes, actions []string
	ttl                        durationFlag
}

func newKeyCreate(a *app) *cobra.Command {
	var o keyOptions
	c := a.command("create", "make a key", filesKeyHelp, 1, 1, func(c *cobra.Command, args []string) error {
		if len(o.buckets) == 0 {
			return usage(c, "name what the key is for with --bucket")
		}
		return a.keyCall(c.Context(), routeKeyCreate, o.request(args[0]))
	})
	c.Flags().StringArrayVar(&o.buckets, "bucket", nil, "")
	c.Flags().StringArrayVar(&o.prefixes, "prefix", nil, "")
	c.Flags().StringArrayVar(&o.actions, "action", []string{"read", "list", "write", "delete"}, "")
	c.Flags().Var(&o.ttl, "ttl", "")
	return c
}

func (o keyOptions) request(app string) files.CreateAccessKeyRequest {
	s := objects.Statement{Buckets: o.buckets, Prefixes: o.prefixes}
	for _, action := range o.actions {
		s.Actions = append(s.Actions, objects.Action(action))
	}
	return files.CreateAccessKeyRequest{App: app, Policy: objects.Policy{Statements: []objects.Statement{s}}, TTL: o.ttl.Duration}
}

func newKeyRotate(a *app) *cobra.Command {
	var overlap durationFlag
	_ = overlap.Set("24h") // a constant that parses
	c := a.command("rotate", "make a new key for the same app", filesKeyHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return a.keyCall(c.Context(), routeKeyRotate, files.RotateAccessKeyRequest{ID: args[0], Overlap: overlap.Duration})
	})
	c.Flags().Var(&overlap, "overlap", "")
	return c
}

// keyCall makes a key and prints it, with its secret.
func (a *app) keyCall(ctx context.Context, route string, req any) error {
	k, err := ask[files.AccessKeyInfo](ctx, a, route, req)
	if err != nil {
		return err
	}
	return a.data(k, func() {
		a.printf("access key id      %s\nsecret access key  %s\n", k.ID, k.Secret)
		a.notef("The secret is shown this once.")
	})
}

func runKeyList(ctx context.Context, a *app) error {
	answer, err := ask[files.ListAccessKeysAnswer](ctx, a, routeKeyList, files.Empty{})
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		rows := [][]string{{"id", "app", "may", "created", "until", "last used"}}
		for _, k := range answer.Keys {
			until := moment(k.NotAfter)
			if k.Revoked != nil {
				until = "revoked"
			}
			rows = append(rows, []string{k.ID, k.App, policyText(k.Policy), moment(&k.Created), until, moment(k.LastUsed)})
		}
		a.table(rows)
	})
}

func policyText(p objects.Policy) string {
	var all []string
	for _, s := range p.Statements {
		actions := make([]string, len(s.Actions))
		for i, a := range s.Actions {
			actions[i] = string(a)
		}
		where := strings.Join(s.Buckets, ",")
		if len(s.Prefixes) > 0 {
			where += "/" + strings.Join(s.Prefixes, ",")
		}
		all = append(all, strings.Join(actions, ",")+" in "+where)
	}
	return strings.Join(all, "; ")
}

func runKeyRevoke(ctx context.Context, a *app, id string) error {
	if _, err := ask[files.Empty](ctx, a, routeKeyRevoke, files.AccessKeyRef{ID: id}); err != nil {
		return err
	}
	return a.data(map[string]string{"revoked": id}, func() { a.printf("revoked %s\n", id) })
}
