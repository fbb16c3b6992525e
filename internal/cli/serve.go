package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"holdfast/internal/daemon"
)

const serveHelp = `Run Holdfast until a signal or "holdfast stop" ends it.

Usage:
  holdfast serve [--takeover]

The log goes to standard error: a line of JSON for each event, text when it is a terminal (see: holdfast help config log).
When all parts run, systemd is told so (Type=notify). SIGTERM and SIGINT end in order: /readyz answers 503, and if a load
balancer asks there it gets some seconds to notice (admin.stop_notice); then no new requests are taken, those under way
have 30 seconds to finish, and a PostgreSQL of our own stops last. A second signal ends the process at once; nothing that
was acknowledged is lost. SIGHUP reads the configuration again: what can change while clients are connected
takes effect (the edge, log-in rules, sizes and limits of pools, sources of content), the rest is named in the log and waits
for a restart. "holdfast reload" does the same and prints what came of it.

With --takeover the new process takes the listeners of the running one, of the same configuration and state directory.
Nobody is refused: who connects meanwhile waits until the new process is ready. The old process ends its HTTP requests
(within admin.takeover_drain), keeps the PostgreSQL clients that it has until they leave (at most
database.takeover_linger), and ends. If the new process fails before it is ready, the old one goes on in its place.
"holdfast stop" ends both.

FLAGS
  --takeover  take the listeners of the running process

EXIT STATUS
  0 after an end in order, 3 for a mistake in the configuration, 6 when another Holdfast uses the same directories, 7 when
  the database or the store does not answer, 8 when there is no room to make what a first start needs. A disk that has
  become full is no reason to end or not to start: what is stored is served. See: holdfast help exit-codes

EXAMPLE
  holdfast serve --config /etc/holdfast/holdfast.toml
`

func newServe(a *app) *cobra.Command {
	var takeOver bool
	c := a.command("serve", "run Holdfast", serveHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runServe(c.Context(), a, takeOver)
	})
	c.Flags().BoolVar(&takeOver, "takeover", false, "take the listeners of the running process")
	return c
}

func runServe(ctx context.Context, a *app, takeOver bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	for _, n := range cfg.Notes() {
		a.notef("note: %s", n)
	}
	// What quic-go would print on its own about small UDP buffers stands in our log.
	if err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true"); err != nil {
		return err
	}
	d := daemon.New(daemon.Options{Config: cfg, Version: binaryVersion().Version, Log: a.stderr, Load: a.load, TakeOver: takeOver})
	onHangup, stop := hangups()
	defer stop()
	return d.Run(ctx, func(d *daemon.Daemon) {
		onHangup(func() { _ = d.Reload(ctx) }) // what went wrong is in the log
	})
}
