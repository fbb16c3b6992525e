package cli

import (
	"os"

	"holdfast/internal/assets"
	"holdfast/internal/fault"
)

// assets tries the directories of [static].
func (k *checker) assets() {
	c := k.cfg.Static
	if c.Root == "" {
		return
	}
	if _, err := os.ReadDir(c.Root); err != nil && c.Build != assets.BuildManual {
		k.fail("assets", fault.New(fault.NotFound, "static_root", "static.root: %w", err).
			WithHint("write the directory of the application's assets as static.root, and let Holdfast read it"))
		return
	}
	if err := writable(c.Output); err != nil {
		k.fail("assets", fault.New(fault.Denied, "directory_unwritable", "static.output: %w", err).
			WithHint("give %s to the user that runs Holdfast, or set static.output", c.Output))
		return
	}
	k.ok("assets", "%s, built into %s", c.Root, c.Output)
}
