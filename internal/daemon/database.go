package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/objects"
	"holdfast/internal/postgres"
)

func databaseDown() health.Condition {
	return health.Condition{
		Code: "database_unavailable", Title: "PostgreSQL does not answer", Severity: health.Error,
		Hint: "signed links go on being served; everything else waits for the database: check the server and [database]",
	}
}

func tooFewConnections() health.Condition {
	return health.Condition{
		Code: "database_connections", Title: "PostgreSQL allows fewer connections than the pool may open", Severity: health.Warning,
		Hint: "raise max_connections of the server, or lower database.options.pool.max_size",
	}
}

// Place returns where a private PostgreSQL server of this configuration lives.
func Place(c *config.Config) postgres.Place {
	return postgres.Place{
		Dir:     filepath.Join(c.Paths.State, "postgres"),
		Secrets: filepath.Join(c.Paths.State, "secrets"),
	}
}

// openDatabase starts the private server if it is ours, connects, and brings the schema up to date.
func (d *Daemon) openDatabase(ctx context.Context) error {
	c := d.cfg.Database.Config
	if c.Mode == postgres.PrivateCluster {
		server := postgres.NewPrivateServer(c, Place(d.cfg), d.log.With("part", "postgres"), func(err error) {
			d.health.Report(databaseDown(), err)
		})
		if err := d.run(ctx, "private PostgreSQL", server); err != nil {
			return err
		}
		var err error
		if c, err = server.Config(); err != nil {
			return err
		}
	}
	db, err := postgres.Connect(ctx, c)
	if err != nil {
		return err
	}
	d.onStop("database", func(context.Context) error { db.Close(); return nil })
	d.db, d.database = db, c
	migrations, err := fs.Sub(objects.Migrations, "migrations")
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, "objects", migrations); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return d.run(ctx, "database check", lifecycle.NewLoop(checkEvery, d.checkDatabase, func(error) {}))
}

// checkDatabase asks the server one question and keeps the findings up to date.
func (d *Daemon) checkDatabase(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var allowed int
	err := d.db.QueryRow(limited, "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int").Scan(&allowed)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // the daemon stops
	}
	d.health.Report(databaseDown(), err)
	if err != nil {
		return nil
	}
	if want := d.cfg.Database.Options.Pool.MaxSize; want > allowed {
		d.health.Set(tooFewConnections(), fmt.Sprintf("the pool may open %d, the server allows %d to ordinary roles", want, allowed))
	} else {
		d.health.Clear(tooFewConnections())
	}
	return nil
}
