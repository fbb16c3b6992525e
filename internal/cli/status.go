package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/admin"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/health"
)

const statusHelp = `Say how the running Holdfast is.

Usage:
  holdfast status [--wait DURATION] [--json]

Options:
      --wait DURATION   wait that long for Holdfast to run, as "30s" (default: do not wait)

With --json the fields are version, started, state ("ok", "warning", "error"), sections (name, state, summary, facts) and
findings (code, subject, title, text, severity, hint, since).

EXIT STATUS
  0 when it runs, warnings included; 7 when it does not run, or a part of it is in the state "error"

EXAMPLE
  holdfast status --wait 30s && echo up
`

// statusOptions are the options of status.
type statusOptions struct {
	wait durationFlag
}

func newStatus(a *app) *cobra.Command {
	var o statusOptions
	c := a.command("status", "say how the running Holdfast is", statusHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runStatus(c.Context(), a, o)
	})
	c.Flags().Var(&o.wait, "wait", "")
	return c
}

func runStatus(ctx context.Context, a *app, o statusOptions) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	r, err := awaitStatus(ctx, client, o.wait.D())
	if err != nil {
		return err
	}
	if err := a.data(r, func() { a.printStatus(r) }); err != nil {
		return err
	}
	if r.State == admin.Error {
		return fault.New(fault.Unavailable, "status_error", "Holdfast runs, but not as it should")
	}
	return nil
}

// awaitStatus asks for the status, again and again while nobody answers and there is time left.
func awaitStatus(ctx context.Context, client *control.Client, wait time.Duration) (admin.Report, error) {
	const every = 50 * time.Millisecond
	end := time.Now().Add(wait)
	for {
		r, err := control.Call[admin.Report](ctx, client, "/v1/status", control.Empty{})
		if err == nil || fault.CodeOf(err) != "not_running" || time.Now().Add(every).After(end) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(every):
		}
	}
}

func (a *app) printStatus(r admin.Report) {
	a.printf("%s  version %s, up %s\n\n", a.bold("Holdfast is "+stateWord(r.State)), r.Version, span(time.Since(r.Started)))
	for _, s := range r.Sections {
		a.printf("%-8s %-10s %s\n", s.State, s.Name, s.Summary)
		for _, f := range s.Facts {
			if text := factText(f.Value); text != "" {
				a.printf("                    %s: %s\n", f.Name, text)
			}
		}
	}
	for _, f := range r.Findings {
		a.printf("\n%s\n", findingText(f))
	}
}

// factText prints a fact as JSON has it, lists with commas and objects as name=value; "" for nothing.
func factText(v any) string {
	var parts []string
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		for _, item := range v {
			parts = append(parts, factText(item))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+"="+factText(v[name]))
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}

func findingText(f health.Finding) string {
	subject := ""
	if f.Subject != "" {
		subject = " (" + f.Subject + ")"
	}
	text := fmt.Sprintf("%s: %s%s, since %s\n    %s", f.Severity, f.Title, subject, moment(&f.Since), f.Text)
	if f.Hint != "" {
		text += "\n    → " + f.Hint
	}
	return text
}

func stateWord(s admin.State) string {
	switch s {
	case admin.OK:
		return "well."
	case admin.Warning:
		return "running, with a warning."
	}
	return "not well."
}

// span prints a time span with its two largest units: 3d4h, 12m5s.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return d.Truncate(time.Second).String()
}
