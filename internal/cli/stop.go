package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

const stopHelp = `Stop the running Holdfast, and wait until it has ended.

Usage:
  holdfast stop [--timeout DURATION] [--json]

It ends as it does on SIGTERM: requests under way may finish. Under systemd use "systemctl stop", which knows that it was
meant.

Options:
      --timeout DURATION   how long to wait for the end (default 60s)

With --json the field is stopped (true).

EXIT STATUS
  0 when it has ended, 7 when none runs or it has not ended in time

EXAMPLE
  holdfast stop
`

// stopOptions are the options of stop.
type stopOptions struct {
	timeout durationFlag
}

func newStop(a *app) *cobra.Command {
	o := stopOptions{}
	_ = o.timeout.Set("60s") // a constant that parses
	c := a.command("stop", "stop the running Holdfast", stopHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runStop(c.Context(), a, o)
	})
	c.Flags().Var(&o.timeout, "timeout", "")
	return c
}

func runStop(ctx context.Context, a *app, o stopOptions) error {
	cfg, err := a.loadFor(func(key string) bool { return !strings.HasPrefix(key, "paths.") })
	if err != nil {
		return err
	}
	client := control.NewClient(cfg.Socket())
	defer client.Close()
	process, err := findPeer(ctx, cfg.Socket())
	if err != nil {
		process = &peer{} // the call below says better what is wrong
	}
	defer process.close()
	if _, err := control.Call[map[string]bool](ctx, client, "/v1/stop", control.Empty{}); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, o.timeout.D())
	defer cancel()
	err = process.wait(limited)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Unavailable, "stop_timeout", "Holdfast was told to stop and still runs after %s", o.timeout).
			WithHint("it may be waiting for a long transfer: see holdfast logs; a second SIGTERM ends it at once")
	case err != nil:
		return err
	}
	return a.data(map[string]bool{"stopped": true}, func() { a.printf("stopped\n") })
}
