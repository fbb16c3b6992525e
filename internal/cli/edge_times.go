package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/timing"
)

const edgeTimesHelp = `Say how long the application's routes take, where their time goes, and which requests were slow.

Usage:
  holdfast edge times [--slow] [--json]

Routes come first that cost the most time together; their numbers are those of the last half hour to hour, on this node. A
request's time is what its visitor waits for the answer to begin. QUEUE is the part of it that waits for a server of the
application, DB the part in the database, as far as the application says so in Server-Timing (see docs/operate/edge.md), both
on average. What differs from request to request in a path is a star. Answers of the page cache are not counted.

Options:
      --slow   list the last hundred requests that took longer than edge.slow, the latest first

With --json the fields are since, routes (app, method, path, requests, failed, p50_ms, p95_ms, p99_ms, slowest_ms, took_ms,
queue_ms, db_ms, db_known, all_ms), slow_after_ms, slow_count, slow (time, id, app, method, path, status, server, queue_ms,
asked_ms, db_ms, total_ms).

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast edge times
  holdfast edge times --json | jq -r '.slow[] | [.id, .path, .queue_ms, .asked_ms, .db_ms] | @tsv'
`

func newEdgeTimes(a *app) *cobra.Command {
	var slow bool
	c := a.command("times", "say how long routes take, and which requests were slow", edgeTimesHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		report, err := ask[timing.Report](c.Context(), a, "/v1/edge/times", control.Empty{})
		if err != nil {
			return err
		}
		return a.data(report, func() {
			if slow {
				a.printSlow(report)
				return
			}
			a.printTimes(report)
		})
	})
	c.Flags().BoolVar(&slow, "slow", false, "")
	return c
}

func (a *app) printTimes(r timing.Report) {
	rows := [][]string{{"route", "requests", "failed", "p50", "p95", "p99", "slowest", "average", "queue", "db", "app"}}
	for _, x := range r.Routes {
		rows = append(rows, []string{
			x.Method + " " + x.Path, strconv.Itoa(x.Requests), strconv.Itoa(x.Failed), millis(x.P50), millis(x.P95), millis(x.P99), millis(x.Slowest),
			millis(x.Took), millis(x.Queue), known(x.DB, x.DBKnown > 0), x.App,
		})
	}
	a.table(rows)
	a.notef("since %s; %s longer than %s since the start (holdfast edge times --slow)",
		r.Since.Local().Format(time.TimeOnly), count(r.SlowCount, "request")+" took", r.SlowAfter.D())
}

func (a *app) printSlow(r timing.Report) {
	rows := [][]string{{"time", "status", "queue", "application", "of it db", "request", "id"}}
	for _, x := range r.Slow {
		rows = append(rows, []string{
			x.Time.Local().Format(time.TimeOnly), strconv.Itoa(x.Status), millis(x.Queue), millis(x.Asked), known(x.DB, x.DB > 0), x.Method + " " + x.Path, x.ID,
		})
	}
	a.table(rows)
}

// millis prints a time in milliseconds with three digits or so.
func millis(d timing.Milliseconds) string {
	ms := float64(d.D()) / float64(time.Millisecond)
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

// known is a time that may not be known.
func known(d timing.Milliseconds, is bool) string {
	if !is {
		return "–"
	}
	return millis(d)
}
