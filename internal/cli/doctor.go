package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/doctor"
	"holdfast/internal/fault"
	"holdfast/internal/health"
)

const doctorHelp = `Look at the whole site, and say what is wrong with it and what to do.

Usage:
  holdfast doctor [--url URL]... [--json]
  holdfast doctor limits [--json]
  holdfast doctor exposure [--url URL]... [--json]

Four examinations are made, one after the other. Nothing is changed, but for the small object that holdfast check writes
to an S3 bucket and deletes again. What does not run is left out, and said so.

  configuration   what holdfast check finds
  daemon          what the running Holdfast finds, as in holdfast status
  limits          waits that have no limit; all of them are listed by holdfast doctor limits
  exposure        what a stranger can fetch who should not: uploads, listings, .git, .env, files of private buckets. Each
                  host of the edge is asked on this machine, each server of the application, the S3 endpoint, and each URL

Options:
      --url URL   ask this address, too, as visitors would: https://school.example; may be repeated

With --json the answer has ok (boolean: nothing worse than "info"), worst ("none", "info", "warning", "error"), examinations
(name, state, summary, remarks) and findings (examination, code, subject, title, text, severity, hint), the worst first.

EXIT STATUS
  0 when nothing is wrong, warnings included; 3 for a mistake in the configuration and for what strangers can fetch, 7 for a
  part that does not work, else the code of the worst finding

EXAMPLE
  holdfast doctor --url https://school.example
`

// doctorOptions are the options of doctor.
type doctorOptions struct {
	urls []string
}

func newDoctor(a *app) *cobra.Command {
	var o doctorOptions
	c := a.command("doctor", "look at the whole site, and say what is wrong", doctorHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runDoctor(c.Context(), a, o)
	})
	c.Flags().StringArrayVar(&o.urls, "url", nil, "")
	c.AddCommand(newDoctorLimits(a), newDoctorExposure(a))
	return c
}

// examinations are what doctor does, in this order. A room adds its own here.
func (a *app) examinations(cfg *config.Config, o doctorOptions) []doctor.Examination {
	return []doctor.Examination{
		a.examineConfiguration(cfg),
		a.examineDaemon(cfg),
		a.examineLimits(cfg),
		a.examineExposure(cfg, o.urls),
	}
}

func runDoctor(ctx context.Context, a *app, o doctorOptions) error {
	cfg, err := a.loadToExamine(o.urls)
	if err != nil {
		return err
	}
	p := a.progressSteps()
	r := doctor.Run(ctx, a.examinations(cfg, o), func(e doctor.Examination) { p.step(e.About) })
	p.end()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := a.data(r, func() { a.printDoctor(r) }); err != nil {
		return err
	}
	return r.Err()
}

// loadToExamine reads the configuration and looks at the addresses that were named.
func (a *app) loadToExamine(urls []string) (*config.Config, error) {
	for _, u := range urls {
		if _, err := parseSite(u); err != nil {
			return nil, err
		}
	}
	cfg, err := a.load()
	if found := fault.Problems(nil); errors.As(err, &found) {
		return nil, append(found, environmentProblems(a.getenv)...).Err() // as check says it
	}
	return cfg, err
}

func (a *app) printDoctor(r doctor.Report) {
	for _, e := range r.Examinations {
		a.printf("%-7s  %-14s %s\n", e.State, e.Name, e.Summary)
		for _, remark := range e.Remarks {
			a.printf("                        %s\n", remark)
		}
	}
	for _, f := range r.Findings {
		subject := ""
		if f.Subject != "" {
			subject = " (" + f.Subject + ")"
		}
		a.printf("\n%s\n    %s\n", a.bold(fmt.Sprintf("%s: %s%s", f.Severity, f.Title, subject)), f.Text)
		if f.Hint != "" {
			a.printf("    → %s\n", f.Hint)
		}
	}
	a.printf("\n%s\n", a.verdict(r))
}

// verdict is the last line.
func (a *app) verdict(r doctor.Report) string {
	if len(r.Findings) == 0 {
		return a.green("Nothing was found.")
	}
	text := count(r.Count(health.Error), "error") + ", " + count(r.Count(health.Warning), "warning")
	if n := r.Count(health.Info); n > 0 {
		text += ", " + count(n, "thing") + " worth knowing"
	}
	if r.OK {
		return a.green("Nothing is wrong: " + text + ".")
	}
	return a.bold(text + ".")
}
