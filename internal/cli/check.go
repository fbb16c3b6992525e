package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/fault"
)

const checkHelp = `Find every mistake before starting.

Usage:
  holdfast check [--offline] [--create] [--json]

First the configuration is read, and all mistakes in it are printed, each with its place and what to write instead. Then
what it names is tried: the directories, the listeners, the database and the store of files. Nothing is changed, but for
a small object that is written to an S3 bucket and deleted again. A store that is full is a note: Holdfast starts and serves
what it has.

Options:
      --create    make the S3 bucket when it is missing
      --offline   read the configuration only

With --json the answer has ok (boolean) and findings: name, state ("ok", "note", "fail"), text, hint. Mistakes in the
configuration are an error with the field problems: key, message, hint, file, line.

EXIT STATUS
  0 when Holdfast can start, 3 for a mistake in the configuration, else the code of the first thing that fails

EXAMPLE
  holdfast check --config /etc/holdfast/holdfast.toml
`

// checkOptions are the options of check.
type checkOptions struct {
	offline, create bool
}

// finding is one line of the check.
type finding struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
	err   error
}

// checkAnswer is the answer of "holdfast check --json".
type checkAnswer struct {
	OK       bool      `json:"ok"`
	Findings []finding `json:"findings"`
}

// checkPatience bounds all live checks together.
const checkPatience = time.Minute

func newCheck(a *app) *cobra.Command {
	var o checkOptions
	c := a.command("check", "find every mistake before starting", checkHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runCheck(c.Context(), a, o)
	})
	c.Flags().BoolVar(&o.offline, "offline", false, "")
	c.Flags().BoolVar(&o.create, "create", false, "")
	return c
}

func runCheck(ctx context.Context, a *app, o checkOptions) error {
	cfg, err := a.load()
	if found := fault.Problems(nil); errors.As(err, &found) {
		return append(found, environmentProblems(a.getenv)...).Err() // all mistakes at once
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	k := &checker{cfg: cfg, env: a.getenv, create: o.create}
	k.all(ctx, o.offline)
	first := k.failure()
	answer := checkAnswer{OK: first == nil, Findings: k.findings}
	if err := a.data(answer, func() { a.printFindings(k.findings) }); err != nil || first == nil {
		return err
	}
	return fault.New(fault.KindOf(first), "check_failed", "check: %s", count(k.failures(), "thing")+" to repair before Holdfast can start")
}

// all judges the configuration, and tries what it names unless that is to be left alone.
func (k *checker) all(ctx context.Context, offline bool) {
	k.ok("configuration", "%s", k.cfg.Path())
	for _, n := range k.cfg.Notes() {
		k.add(finding{Name: n.Key, State: "note", Text: n.Message, Hint: n.Hint})
	}
	k.environment()
	k.timeouts()
	if offline {
		return
	}
	k.directories()
	k.assets()
	k.listeners(ctx)
	k.room()
	k.database(ctx)
	k.store(ctx)
	k.content(ctx)
}

func (a *app) printFindings(findings []finding) {
	for _, f := range findings {
		mark := map[string]string{"ok": "ok  ", "note": "note", "fail": "FAIL"}[f.State]
		a.printf("%s  %-14s %s\n", mark, f.Name, f.Text)
		if f.Hint != "" {
			a.printf("                     → %s\n", f.Hint)
		}
	}
}
