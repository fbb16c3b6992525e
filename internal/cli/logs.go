package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

const logsHelp = `Print the log of the running Holdfast: the same lines that it writes to standard error.

Usage:
  holdfast logs [--lines N] [--follow]

Holdfast keeps the last 5000 lines in memory. What is older is where standard error went: journalctl -u holdfast, kubectl
logs, docker logs. Lines are printed as they were written, JSON or text (see: holdfast help config log.format).

Options:
  -f, --follow      go on printing new lines until a signal
  -n, --lines N     how many lines of the past (default 100)

EXIT STATUS
  0, or 7 when no Holdfast runs; with --follow also 0 when it ends

EXAMPLE
  holdfast logs -f | jq 'select(.level == "ERROR")'
`

// logsOptions are the options of logs.
type logsOptions struct {
	follow bool
	lines  int
}

func newLogs(a *app) *cobra.Command {
	var o logsOptions
	c := a.command("logs", "print the log of the running Holdfast", logsHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		if o.lines < 0 {
			return usage(c, "--lines cannot be negative")
		}
		return runLogs(c.Context(), a, o)
	})
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "")
	c.Flags().IntVarP(&o.lines, "lines", "n", 100, "")
	return c
}

func runLogs(ctx context.Context, a *app, o logsOptions) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	query := url.Values{"lines": {strconv.Itoa(o.lines)}}
	if o.follow {
		query.Set("follow", "1")
	}
	resp, err := client.Do(ctx, http.MethodGet, "/v1/logs", query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(a.stdout, resp.Body)
	switch {
	case o.follow && (ctx.Err() != nil || errors.Is(err, io.ErrUnexpectedEOF)):
		return nil // the reader or the daemon went away: both are how following ends
	case err != nil:
		return fmt.Errorf("read log: %w", err)
	}
	return nil
}
