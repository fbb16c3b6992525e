package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"holdfast/internal/assets"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/logging"
	"holdfast/internal/postgres"
)

const assetsBuildHelp = `Bring the built set up to date with static.root: names from the content, compressed forms, manifests.

Usage:
  holdfast assets build [--output DIRECTORY] [--json]

A running Holdfast builds and serves the new set at once. Without one the set is built where static.output says. Only what
changed is written. Names of former releases stay until static.keep has passed.

Options:
      --output DIRECTORY   build somewhere else, for an image or another web server

Remarks, as a reference that leads nowhere, are printed to standard error. With --json the answer has assets, bytes,
written (the new names), retired, removed, notes (file, target, text) and took_ns.

EXIT STATUS
  0, 3 when static.root is not set, 4 when it is not there, 6 when the output directory holds something else

EXAMPLE
  holdfast assets build
`

func newAssetsBuild(a *app) *cobra.Command {
	output := ""
	c := a.command("build", "bring the built set up to date", assetsBuildHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runAssetsBuild(c.Context(), a, output)
	})
	c.Flags().StringVar(&output, "output", "", "")
	return c
}

func runAssetsBuild(ctx context.Context, a *app, output string) error {
	var report assets.Report
	var err error
	if output == "" {
		report, err = askAssets[assets.Report](ctx, a, routeAssetsBuild, control.Empty{})
	}
	if output != "" || notRunning(err) {
		report, err = a.buildOffline(ctx, output)
	}
	if err != nil {
		return err
	}
	for _, n := range report.Notes {
		a.storyf("%s", n)
	}
	return a.data(report, func() {
		a.printf("%s (%s), %d new, %d of former releases\n", count(report.Assets, "asset"), size(report.Bytes), len(report.Written), report.Retired)
	})
}

// stateMode is what the daemon would give the state directory: others pass through to the socket of a private PostgreSQL.
func stateMode(cfg *config.Config) os.FileMode {
	if cfg.Database.Mode == postgres.PrivateCluster {
		return 0o711
	}
	return 0o700
}

// buildOffline builds in this process.
func (a *app) buildOffline(ctx context.Context, output string) (assets.Report, error) {
	cfg, err := a.load()
	if err != nil {
		return assets.Report{}, err
	}
	c := cfg.Static
	if output != "" {
		if c.Output, err = absolute(output); err != nil {
			return assets.Report{}, err
		}
		if p := c.Validate().Under("static"); len(p) > 0 {
			return assets.Report{}, p.Err()
		}
	} else if err := os.MkdirAll(cfg.Paths.State, stateMode(cfg)); err != nil {
		return assets.Report{}, err
	}
	report, err := assets.NewBuilder(c, logging.New(cfg.Log, a.stderr)).Build(ctx)
	if output == "" {
		err = errors.Join(err, giveToService(cfg, c.Output))
	}
	return report, err
}
