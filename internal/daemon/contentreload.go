package daemon

import (
	"context"
	"net/http"

	"holdfast/internal/content"
	"holdfast/internal/control"
)

// ReloadAnswer says what an order to read the configuration again came to, by the names of settings.
type ReloadAnswer struct {
	Applied      []string `json:"applied"`       // in force now
	NeedsRestart []string `json:"needs_restart"` // changed, and in force after a restart
}

// reloadRoutes let a command have the configuration read again: "holdfast content add" calls it.
func (d *Daemon) reloadRoutes() map[string]http.Handler {
	return map[string]http.Handler{"POST /v1/reload": control.Handle(func(ctx context.Context, _ control.Empty) (ReloadAnswer, error) {
		return d.reload(ctx)
	})}
}

// reloadContent takes over the settings of content, and new sources with them.
func (d *Daemon) reloadContent(cfg content.Config) error {
	if d.content == nil {
		return nil
	}
	return d.content.Reload(cfg)
}

// contentReloadable are the settings of content that need no restart.
func contentReloadable() (keys []string) {
	for _, name := range content.Reloadable() {
		keys = append(keys, "content."+name)
	}
	return keys
}
