package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/node"
	"holdfast/internal/unit"
)

const nodeHelp = `The machines of this site: look at them, and let another one join.

Usage:
  holdfast node COMMAND

Commands:
  list      list the nodes that run
  invite    print a token with which a new machine joins
  invites   list the tokens that were made, and who used them
  revoke    end a token

They talk to the running Holdfast. All nodes of a site use the same database and store.

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast node invite --address http://10.0.0.5:8000
`

const nodeInviteHelp = `Print a token with which a new machine joins this site.

Usage:
  holdfast node invite [--ttl DURATION] [--uses N] [--address URL]… [--json]

On the new machine, "holdfast join TOKEN" fetches the configuration and the secrets that it names, and writes them. The
token is as good as all secrets of the site until it is used or ends: hand it on like a password. What is fetched is
encrypted under the token, whatever lies between the machines, with and without TLS.

The new machine asks at the addresses that the token names. Without --address these are the site's public address if
edge.hosts names one, and those of the edge and of the admin listener. Both listen on loopback by default: then name an
address that leads to the edge of any running node, such as that of the balancer, or join through a tunnel:
  ssh -L 8000:127.0.0.1:8000 THIS-MACHINE

Options:
      --ttl DURATION   how long it may be used (default: 1h, at most 30 days)
      --uses N         how many machines may join with it (default: 1)
      --address URL    where the new machine asks, may be repeated; "#NAME" behind says for which host, as edge.hosts has it

With --json the fields are id, token, addresses, uses, expires, local_only, notes (key, text, hint) and variables.

EXIT STATUS
  0, or 3 when no other machine can use this configuration, 7 when no Holdfast runs

EXAMPLE
  holdfast node invite --ttl 15m --address http://10.0.0.5:8000
`

const nodeInvitesHelp = `List the tokens that were made in the last weeks, and the machines that used them.

Usage:
  holdfast node invites [--json]

With --json the field is invites: id, state (live, used, expired, revoked), uses, uses_left, creator, created, expires,
revoked, joined (host, address, at).

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast node invites
`

const nodeRevokeHelp = `End a token. A machine that has joined with it stays.

Usage:
  holdfast node revoke ID [--json]

ID is that of "holdfast node invites". With --json the fields are those of an invite.

EXIT STATUS
  0, or 4 when there is no such token, 7 when no Holdfast runs

EXAMPLE
  holdfast node revoke 3f0c5a9e1d2b4c6f
`

const nodeListHelp = `List the nodes that run.

Usage:
  holdfast node list [--json]

A node that has said nothing for half a minute is not listed. STATE is what its /readyz says: ready, not ready, stopping.

With --json the field is nodes: id, host, this, state, reason, version, edge, admin, started, seen.

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast node list
`

// The routes of nodes; package node says what each does.
const (
	routeNodeInvite  = "/v1/node/invite"
	routeNodeInvites = "/v1/node/invites"
	routeNodeRevoke  = "/v1/node/revoke"
	routeNodeList    = "/v1/node/list"
)

func newNode(a *app) *cobra.Command {
	c := a.group("node", "look at the machines of this site, invite another one", nodeHelp)
	c.AddCommand(newNodeInvite(a),
		a.command("list", "list the nodes that run", nodeListHelp, 0, 0, func(c *cobra.Command, _ []string) error {
			return runNodeList(c.Context(), a)
		}),
		a.command("invites", "list the tokens that were made", nodeInvitesHelp, 0, 0, func(c *cobra.Command, _ []string) error {
			return runNodeInvites(c.Context(), a)
		}),
		a.command("revoke", "end a token", nodeRevokeHelp, 1, 1, func(c *cobra.Command, args []string) error {
			return runNodeRevoke(c.Context(), a, args[0])
		}))
	return c
}

func newNodeInvite(a *app) *cobra.Command {
	var q node.InviteRequest
	var ttl durationFlag
	c := a.command("invite", "print a token with which a machine joins", nodeInviteHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		q.TTL = unit.Duration(ttl.D())
		if q.Uses < 1 {
			return usage(c, "--uses is at least 1")
		}
		return runNodeInvite(c.Context(), a, q)
	})
	c.Flags().Var(&ttl, "ttl", "")
	c.Flags().IntVar(&q.Uses, "uses", 1, "")
	c.Flags().StringArrayVar(&q.Addresses, "address", nil, "")
	return c
}

func runNodeInvite(ctx context.Context, a *app, q node.InviteRequest) error {
	answer, err := ask[node.InviteAnswer](ctx, a, routeNodeInvite, q)
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		a.notef("A machine that has this token gets all secrets of the site, %s, until %s:", times(answer.Uses), moment(&answer.Expires))
		a.printf("%s\n", answer.Token)
		a.notef("On the new machine: holdfast join TOKEN\nIt will ask at %s", strings.Join(answer.Addresses, " or "))
		if answer.LocalOnly {
			a.notef("That is loopback, which leads to the new machine itself: name another with --address, or have a tunnel there, as\n"+
				"  ssh -L %s THIS-MACHINE", tunnel(answer.Addresses))
		}
		a.printNotes(answer.Notes, answer.Variables)
	})
}

// tunnel is what ssh -L is told for the first address.
func tunnel(addresses []string) string {
	root, _, _ := strings.Cut(addresses[0], "#")
	_, hostport, _ := strings.Cut(root, "://")
	return hostport[strings.LastIndex(hostport, ":")+1:] + ":" + hostport
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// printNotes tells what does not come along by itself.
func (a *app) printNotes(notes []node.Note, variables []string) {
	for _, n := range notes {
		a.notef("look: %s", n)
	}
	if len(variables) > 0 {
		a.notef("look: the environment is not copied; the machine that invited has %s", strings.Join(variables, ", "))
	}
}

func runNodeInvites(ctx context.Context, a *app) error {
	answer, err := ask[node.InvitesAnswer](ctx, a, routeNodeInvites, control.Empty{})
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		rows := [][]string{{"invite", "state", "left", "made on", "expires", "joined"}}
		for _, i := range answer.Invites {
			var joined []string
			for _, j := range i.Joined {
				joined = append(joined, j.Host+" from "+j.Address)
			}
			rows = append(rows, []string{
				i.ID, i.State, fmt.Sprintf("%d of %d", i.UsesLeft, i.Uses), i.Creator, moment(&i.Expires), orDash(strings.Join(joined, ", ")),
			})
		}
		a.table(rows)
	})
}

func runNodeRevoke(ctx context.Context, a *app, id string) error {
	answer, err := ask[node.Invite](ctx, a, routeNodeRevoke, node.RevokeRequest{ID: id})
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printf("%s ended, %d of %d uses were left\n", answer.ID, answer.UsesLeft, answer.Uses) })
}

func runNodeList(ctx context.Context, a *app) error {
	answer, err := ask[node.ListAnswer](ctx, a, routeNodeList, control.Empty{})
	if err != nil {
		return err
	}
	return a.data(answer, func() {
		rows := [][]string{{"node", "host", "state", "edge", "since", "version"}}
		for _, m := range answer.Nodes {
			name, state := m.ID, m.State
			if m.This {
				name += " (this)"
			}
			if m.Reason != "" {
				state += ": " + m.Reason
			}
			rows = append(rows, []string{name, m.Host, state, m.Edge, moment(&m.Started), m.Version})
		}
		a.table(rows)
	})
}
