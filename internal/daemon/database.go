package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/objects"
	"holdfast/internal/pooler"
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
		Code: "database_connections", Title: "PostgreSQL allows fewer connections than the pools may open", Severity: health.Warning,
		Hint: "raise max_connections of the server, or lower max_size of [database.options.pool] or of an endpoint",
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
		if c.Private.MaxConnections == 0 {
			c.Private.MaxConnections = d.demand().Total() + postgres.ConnectionReserve
		}
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
	if err := d.enoughConnections(ctx); err != nil {
		return err
	}
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
	allowed, err := d.allowedConnections(limited)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // the daemon stops
	}
	d.health.Report(databaseDown(), err)
	if err != nil {
		return nil
	}
	if want := d.demand(); want.Total() > allowed {
		d.health.Set(tooFewConnections(), fmt.Sprintf("it allows %d to ordinary roles, and there may be %s", allowed, want))
	} else {
		d.health.Clear(tooFewConnections())
	}
	return nil
}

// demand is how many connections the pools may open.
func (d *Daemon) demand() pooler.Demand {
	c := d.config().Database
	return c.Pooling.Demand(c.Config)
}

// allowedConnections returns how many connections the server allows to ordinary roles.
func (d *Daemon) allowedConnections(ctx context.Context) (n int, err error) {
	const ask = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int" +
		" - coalesce(current_setting('reserved_connections', true), '0')::int"
	err = d.db.QueryRow(ctx, ask).Scan(&n)
	return n, err
}

// enoughConnections makes sure that the server of our own allows what the pools may open (S0-29). Of a server of somebody
// else that is only told: it may serve other processes less, and its owner may have reasons.
func (d *Daemon) enoughConnections(ctx context.Context) error {
	allowed, err := d.allowedConnections(ctx)
	want := d.demand()
	switch {
	case err != nil:
		return fmt.Errorf("ask the server for max_connections: %w", err)
	case want.Total() <= allowed:
		return nil
	case d.database.Mode == postgres.PrivateCluster:
		return fault.New(fault.Config, "max_connections", "the private server allows %d connections to ordinary roles, but there may be %s", allowed, want).
			WithHint("raise database.private.max_connections to %d or leave it out (ALTER SYSTEM goes before it); or lower max_size", want.Total()+postgres.ConnectionReserve)
	}
	d.log.WarnContext(ctx, "the server allows fewer connections than the pools may open", "allowed", allowed, "wanted", want.String())
	return nil
}
