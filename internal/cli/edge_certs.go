package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/edge"
)

const edgeCertsHelp = `Say how the certificates of the edge are, the first to end first.

Usage:
  holdfast edge certs [--json]

SOURCE is a file, or "acme" for those that Holdfast gets itself. LEFT is the time until the end, "none" where there is none
yet. What went wrong with an order, and when the next one is placed, stands below the table.

With --json the field is certificates: names, source ("file", "acme"), file, issuer, not_before, not_after, renew_at, error,
retry_at. Times that are not known are left out.

EXIT STATUS
  0, or 7 when no Holdfast runs

EXAMPLE
  holdfast edge certs --json | jq -r '.certificates[] | select(.error) | .names[0] + ": " + .error'
`

func newEdgeCerts(a *app) *cobra.Command {
	return a.command("certs", "say how the certificates are", edgeCertsHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runEdgeCerts(c.Context(), a)
	})
}

func runEdgeCerts(ctx context.Context, a *app) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := control.Call[daemon.CertificatesAnswer](ctx, client, "/v1/edge/certs", control.Empty{})
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printCertificates(answer.Certificates) })
}

func (a *app) printCertificates(all []edge.CertificateStatus) {
	rows := [][]string{{"names", "source", "issuer", "left", "until", "renewed"}}
	for _, c := range all {
		source := c.Source
		if c.File != "" {
			source = c.File
		}
		rows = append(rows, []string{
			orDash(strings.Join(c.Names, " ")), source, orDash(c.Issuer), timeLeft(c.NotAfter, time.Now()), moment(&c.NotAfter), moment(&c.RenewAt),
		})
	}
	a.table(rows)
	for _, c := range all {
		if c.Error == "" {
			continue
		}
		a.printf("\n%s: %s\n", strings.Join(c.Names, " "), c.Error)
		if !c.RetryAt.IsZero() {
			a.printf("  next try: %s\n", moment(&c.RetryAt))
		}
	}
}

// timeLeft says how long something lasts.
func timeLeft(until, now time.Time) string {
	switch left := until.Sub(now); {
	case until.IsZero():
		return "none"
	case left <= 0:
		return "over"
	case left < 48*time.Hour:
		return left.Round(time.Minute).String()
	default:
		return decimal(int64(left/(24*time.Hour))) + " days"
	}
}
