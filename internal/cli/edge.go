package cli

import "github.com/spf13/cobra"

const edgeHelp = `Look at the edge: its certificates, its page cache, where time goes, and the application's servers. Take these out for
maintenance.

Usage:
  holdfast edge certs [--json]
  holdfast edge times [--slow] [--json]
  holdfast edge cache stats [--json]
  holdfast edge cache purge (--url URL | --prefix PREFIX | --tag TAG | --all) [--json]
  holdfast edge cache preload [FILE | -] [--sitemap PATH] [--json]
  holdfast edge upstream list [--json]
  holdfast edge upstream drain SERVER [--timeout DURATION] [--json]
  holdfast edge upstream undrain SERVER [--json]

SERVER is an address as it stands in edge.upstreams.

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when no application is named

EXAMPLE
  holdfast edge upstream list
`

const edgeUpstreamHelp = `Look at the application's servers behind the edge, and take them out for maintenance.

Usage:
  holdfast edge upstream list [--json]
  holdfast edge upstream drain SERVER [--timeout DURATION] [--json]
  holdfast edge upstream undrain SERVER [--json]

A drained server gets no new requests, and those under way may finish. It stays drained until undrain or a restart of
Holdfast.

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when no application is named

EXAMPLE
  holdfast edge upstream drain http://10.0.0.5:5000 && ssh 10.0.0.5 systemctl restart app
`

func newEdge(a *app) *cobra.Command {
	c := a.group("edge", "look at certificates, the page cache and the application's servers", edgeHelp)
	u := a.group("upstream", "look at the application's servers, drain them", edgeUpstreamHelp)
	u.AddCommand(newUpstreamList(a), newUpstreamDrain(a), newUpstreamUndrain(a))
	c.AddCommand(u, newEdgeCerts(a), newEdgeTimes(a), newEdgeCache(a))
	return c
}
