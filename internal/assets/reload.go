package assets

import (
	"context"
	"log/slog"
	"slices"
)

// Fixed returns the settings of [static] that a Reload does not change: where the assets are on the edge and on disk, and what goes on
// in the background. They need a restart.
func Fixed() []string { return []string{"url", "output", "build", "share", "keep"} }

// tuned is what a Reload changes, all at once.
type tuned struct {
	config  Config
	cors    *cors
	builder *Builder
}

func newTuned(c Config, origins []string, log *slog.Logger) *tuned {
	return &tuned{c, newCORS(slices.Concat(origins, c.Origins)), NewBuilder(c, log)}
}

// config returns the settings in force.
func (a *Assets) config() Config { return a.tuned.Load().config }

// settled returns the settings that a reload puts in force: the new ones, but for those that are fixed. A set without a root is
// fixed altogether.
func settled(was, c Config) Config {
	if c.Root == "" {
		return was
	}
	c.URL, c.Output, c.Build, c.Share, c.Keep = was.URL, was.Output, was.Build, was.Share, was.Keep
	return c
}

// builtAlike reports whether two configurations build the same set of the same files.
func builtAlike(a, b Config) bool {
	return a.Root == b.Root && a.BaseURL == b.BaseURL && slices.Equal(a.Include, b.Include) && slices.Equal(a.Exclude, b.Exclude) &&
		slices.Equal(a.Hashed, b.Hashed)
}

// Reload puts other settings in force, with the origins that may use the assets besides those of the configuration. What a build depends on
// is built before, unless builds are by command only: then the next one takes it into account. With an error nothing has changed. The
// configuration was validated.
func (a *Assets) Reload(ctx context.Context, c Config, origins []string) error {
	if err := a.retune(ctx, c, origins); err != nil {
		return err
	}
	if err := a.reload(ctx); err != nil {
		return err
	}
	if err := a.share(ctx); err != nil { // it is tried again by itself
		a.log.WarnContext(ctx, "assets are not exchanged with other nodes", "error", err)
	}
	return nil
}

func (a *Assets) retune(ctx context.Context, c Config, origins []string) error {
	a.building.Lock()
	defer a.building.Unlock()
	was := a.config()
	next := newTuned(settled(was, c), origins, a.log)
	if !builtAlike(was, next.config) && next.config.Build != BuildManual {
		report, err := a.buildWith(ctx, next.builder)
		if err != nil {
			return err
		}
		a.note(ctx, report, nil)
	}
	a.tuned.Store(next)
	return nil
}
