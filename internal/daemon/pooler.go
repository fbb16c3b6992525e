package daemon

import (
	"context"
	"fmt"

	"holdfast/internal/admin"
	"holdfast/internal/audit"
	"holdfast/internal/lifecycle"
	"holdfast/internal/pgauth"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// startPooler opens PostgreSQL's front door.
func (d *Daemon) startPooler(ctx context.Context) error {
	c := d.cfg.Database.Pooling
	if len(c.Doors()) == 0 {
		return nil
	}
	d.installVerifiers(ctx, d.cfg)
	auth, err := d.startLogin(ctx, c.Config)
	if err != nil {
		return err
	}
	o := pooler.Options{
		Database: d.database, Authenticator: auth, Log: d.log.With("part", "pooler"), Version: d.opts.Version,
		Meters: pooler.NewMeters(d.metrics), Health: d.health, Shutdown: d.Shutdown, Reload: d.Reload, Naps: d.loops.naps,
		Elsewhere: d.cancelElsewhere,
	}
	if c.Audit.Enabled {
		w := audit.New(c.Audit, d.log.With("part", "audit"), d.health)
		if err := d.run(ctx, "audit", w); err != nil {
			return err
		}
		o.Auditor, d.audit = w, w
	}
	c.Loops = d.loops.pooler
	if d.pooler, err = pooler.New(c, o); err != nil {
		return err
	}
	d.login = auth
	cancel := auth.Subscribe(d.pooler.Evict)
	d.onStop("log-in changes", func(context.Context) error { cancel(); return nil })
	if err := d.runDoor(ctx, "pooler", d.pooler); err != nil {
		return err
	}
	d.watchRoom()
	watch := &poolWatch{status: d.pooler.Status, health: d.health, refused: map[string]uint64{}, wanted: d.fastWanted}
	return d.run(ctx, "pool check", lifecycle.NewLoop(checkEvery, watch.look, func(error) {}))
}

// fastWanted is how many of a hundred queries of a class are to be fast, as the configuration says now.
func (d *Daemon) fastWanted(class string) int { return d.config().Database.Pooling.FastWanted(class) }

// startLogin starts what decides who may log in.
func (d *Daemon) startLogin(ctx context.Context, c pgauth.Config) (*pgauth.Authenticator, error) {
	auth, err := pgauth.New(c, pgauth.Options{
		Log: d.log.With("part", "login"), Findings: d.health, Users: ownUsers(d.database), MockSecret: d.mockSecret(),
		Querier: verifiers{d.db, func() pgauth.Auth { return d.config().Database.Pooling.Auth }}, Probe: d.database.Username,
	})
	if err != nil {
		return nil, err
	}
	return auth, d.run(ctx, "log-in", auth)
}

// ownUsers are the users that the configuration itself knows: the application's role.
func ownUsers(db postgres.Config) []pgauth.User {
	if db.Password.IsZero() {
		return nil
	}
	return []pgauth.User{{Name: db.Username, Password: db.Password}}
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

func (d *Daemon) poolerStatus(ctx context.Context) admin.Status {
	direct, err := d.directStatus(ctx)
	if err != nil {
		return failed("PostgreSQL does not say who is connected", err)
	}
	if d.pooler == nil {
		return admin.Status{State: admin.OK, Summary: "direct: the application connects to PostgreSQL itself", Facts: directFacts(direct)}
	}
	s := d.pooler.Status()
	report := admin.Status{
		State: admin.OK, Summary: fmt.Sprintf("%s on %d of %d server connections", count(int64(s.Clients), "client"), s.Servers, s.MaxServers),
		Facts: admin.Facts{
			{Name: "clients", Value: s.Clients},
			{Name: "clients_max", Value: s.MaxClients},
			{Name: "servers", Value: s.Servers},
			{Name: "servers_max", Value: s.MaxServers},
			{Name: "waiting", Value: s.Waiting},
			{Name: "refused", Value: s.Refused},
		},
	}
	var endpoints, pools []string
	for _, e := range s.Endpoints {
		endpoints = append(endpoints, fmt.Sprintf("%s (%s, %s)", e.Address, e.Mode, e.Target))
	}
	for _, p := range s.Pools {
		pools = append(pools, poolLine(p))
		// Others' pools are down as soon as somebody names a database that does not exist.
		if p.Down && p.Database == d.database.Name && p.User == d.database.Username {
			report.State, report.Summary = admin.Warning, fmt.Sprintf("no server for the pool %s: %s", p.Name, p.LastError)
		}
	}
	report.Facts = append(report.Facts, admin.Fact{Name: "endpoints", Value: endpoints}, admin.Fact{Name: "pools", Value: pools})
	report.Facts = append(report.Facts, d.drainingFacts(ctx)...)
	report.Facts = append(report.Facts, directFacts(direct)...)
	return report
}

// poolLine is a pool in one line of the status page.
func poolLine(p pooler.PoolStatus) string {
	line := fmt.Sprintf("%s: %d busy, %d idle of %d", p.Name, p.Active, p.Idle, p.MaxSize)
	if p.Waiting > 0 {
		line += fmt.Sprintf(", %d waiting, the longest for %s", p.Waiting, p.LongestWait)
	}
	if p.FastPercent != nil {
		line += fmt.Sprintf(", %.1f %% of %d queries within 100 ms", *p.FastPercent, p.Queries)
	}
	if p.Paused {
		line += ", paused"
	}
	return line
}
