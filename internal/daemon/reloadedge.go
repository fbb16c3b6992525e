package daemon

import (
	"context"

	"holdfast/internal/config"
	"holdfast/internal/edge"
)

// reloadEdge puts another [edge] in force. A file that cannot be opened, as a certificate or the access log, changes nothing.
func (d *Daemon) reloadEdge(ctx context.Context, cfg *config.Config) error {
	return d.edge.Reload(ctx, cfg.Edge)
}

// edgeFixed are the settings of the edge that need a restart; all others take effect at once.
func edgeFixed() (keys []string) {
	for _, name := range edge.Fixed() {
		keys = append(keys, "edge."+name)
	}
	return keys
}
