package daemon

import (
	"context"

	"holdfast/internal/assets"
	"holdfast/internal/config"
)

// reloadAssets puts another [static] in force, and the origins that other tables name.
func (d *Daemon) reloadAssets(ctx context.Context, cfg *config.Config) error {
	if d.assets == nil {
		return nil
	}
	return d.assets.Reload(ctx, cfg.Static, assetOrigins(cfg))
}

// assetsFixed are the settings of the assets that need a restart. To begin or to end serving any needs one.
func assetsFixed(before, after *config.Config) (keys []string) {
	if before.Static.Root == "" || after.Static.Root == "" {
		return []string{"static"}
	}
	for _, name := range assets.Fixed() {
		keys = append(keys, "static."+name)
	}
	return keys
}
