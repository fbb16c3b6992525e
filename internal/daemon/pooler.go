package daemon

import (
	"context"
	"fmt"

	"holdfast/internal/admin"
	"holdfast/internal/pgauth"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// startPooler opens PostgreSQL's front door.
func (d *Daemon) startPooler(ctx context.Context) error {
	c := d.cfg.Database.Pooling
	if !c.Pooler {
		return nil
	}
	auth, err := pgauth.New(c.Config, pgauth.Options{
		Log: d.log.With("part", "login"), Findings: d.health, Users: d.ownUsers(), MockSecret: d.mockSecret(),
	})
	if err != nil {
		return err
	}
	if err := d.run(ctx, "log-in", auth); err != nil {
		return err
	}
	d.pooler, err = pooler.New(c, pooler.Options{
		Database: d.database, Authenticator: auth, Log: d.log.With("part", "pooler"), Version: d.opts.Version,
		Meters: pooler.NewMeters(d.metrics),
	})
	if err != nil {
		return err
	}
	return d.runDoor(ctx, "pooler", d.pooler)
}

// ownUsers are the users that the configuration itself knows: the application's role.
func (d *Daemon) ownUsers() []pgauth.User {
	if d.database.Password.IsZero() {
		return nil
	}
	return []pgauth.User{{Name: d.database.Username, Password: d.database.Password}}
}

// mockSecret makes unknown users look the same after a restart, on each process.
func (d *Daemon) mockSecret() [32]byte { return postgres.Derive(d.database, "unknown users") }

// PoolerAddr returns the address of the pooler's first endpoint, once the daemon runs; "" without a pooler.
func (d *Daemon) PoolerAddr() string {
	if d.pooler == nil {
		return ""
	}
	return d.pooler.Addr(0)
}

func (d *Daemon) poolerStatus(context.Context) admin.Status {
	if d.pooler == nil {
		return admin.Status{State: admin.OK, Summary: "switched off: the application connects to PostgreSQL itself"}
	}
	s := d.pooler.Status()
	facts := admin.Facts{{Name: "clients", Value: s.Clients}, {Name: "servers", Value: s.Servers}, {Name: "waiting", Value: s.Waiting}}
	for _, e := range s.Endpoints {
		facts = append(facts, admin.Fact{Name: "endpoint", Value: fmt.Sprintf("%s (%s, %s)", e.Address, e.Mode, e.Target)})
	}
	return admin.Status{
		State: admin.OK, Facts: facts,
		Summary: fmt.Sprintf("%d clients share %d of %d connections", s.Clients, s.Servers, s.MaxServers),
	}
}
