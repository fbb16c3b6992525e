package daemon

import (
	"context"
	"fmt"
	"strings"

	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/pooler"
)

func directFull() health.Condition {
	return health.Condition{
		Code: "direct_connections", Title: "PostgreSQL has no more connections for an application", Severity: health.Warning,
		Hint:     "see who holds them with: holdfast pool show; lower the pools of the application, raise max_size, or see: holdfast pool advise",
		CausedBy: []string{"database_unavailable"},
	}
}

// directWatch notices roles past the pooler that PostgreSQL refuses more connections to. Nobody tells us of a refusal.
type directWatch struct {
	status func(context.Context) ([]pooler.DirectStatus, error)
	health *health.Registry
}

// watchDirect looks after the roles that come past the pooler, also those of a configuration that is read later.
func (d *Daemon) watchDirect(ctx context.Context) error {
	w := &directWatch{d.directStatus, d.health}
	return d.run(ctx, "direct connections", lifecycle.NewLoop(checkEvery, w.look, func(error) {}))
}

func (w *directWatch) look(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkEvery)
	defer cancel()
	all, err := w.status(limited)
	if err != nil {
		return nil //nolint:nilerr // the check of the database says so
	}
	var full []string
	for _, s := range all {
		switch {
		case s.MaxConnections > 0 && s.Connections >= s.MaxConnections:
			full = append(full, fmt.Sprintf("the role %s has %d of %d connections", s.Role, s.Connections, s.MaxConnections))
		case s.Taken >= s.Allowed:
			full = append(full, fmt.Sprintf("all %d connections of the server are taken, %d of them by the role %s", s.Allowed, s.Connections, s.Role))
		}
	}
	if len(full) == 0 {
		w.health.Clear(directFull())
	} else {
		w.health.Set(directFull(), strings.Join(full, "; "))
	}
	return nil
}
