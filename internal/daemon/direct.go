package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/admin"
	"holdfast/internal/census"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/health"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/rolelimit"
)

func roleLimits() health.Condition {
	return health.Condition{
		Code: "role_limits", Title: "A role is not limited as configured", Severity: health.Warning,
		Hint: "execute the statement as a superuser; Holdfast looks again at the next start or reload",
	}
}

// limitRoles gives the roles that come past the pooler their limits, and takes back what is not configured any more. What Holdfast
// may not do is a finding with the statement to execute, and keeps nothing from starting.
func (d *Daemon) limitRoles(ctx context.Context, c *config.Config) error {
	db := d.database
	db.Options = c.Database.Options
	want := c.Database.Pooling.RoleLimits(db)
	troubles, err := rolelimit.Apply(ctx, d.db, d.roleAdmin, want)
	if err != nil {
		return err
	}
	var texts []string
	for _, t := range troubles {
		d.log.WarnContext(ctx, "role not limited", "role", t.Role, "statement", t.Statement, "error", t.Err)
		texts = append(texts, fmt.Sprintf("%s; (%v)", t.Statement, t.Err))
	}
	if len(texts) == 0 {
		d.health.Clear(roleLimits())
		return nil
	}
	d.health.Set(roleLimits(), strings.Join(texts, " "))
	return nil
}

// roleAdmin returns who may change roles: on a server of our own its superuser, else whom we log in as.
func (d *Daemon) roleAdmin(ctx context.Context) (rolelimit.Transactor, func(), error) {
	if d.database.Mode != postgres.PrivateCluster {
		return d.db, func() {}, nil
	}
	c, err := postgres.PrivateSuperuser(d.cfg.Database.Config, Place(d.cfg))
	if err != nil {
		return nil, nil, err
	}
	c.MaxConnections = 1
	db, err := postgres.Connect(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return db, db.Close, nil
}

// Census is who is connected, past the pooler and through it, and what it may come to.
type Census struct {
	Server      census.Server       `json:"server"`
	Connections []census.Connection `json:"connections"`
	Own         int                 `json:"own"` // connections that Holdfast may open for itself
}

func (d *Daemon) poolCensus(ctx context.Context, _ control.Empty) (Census, error) {
	own := map[int]bool{}
	var clients []census.Connection
	if d.pooler != nil {
		own, clients = d.pooler.Backends(), d.pooler.Connections()
	}
	c, err := TakeCensus(ctx, d.db, d.database, func(pid int) bool { return own[pid] })
	c.Connections = append(c.Connections, clients...)
	census.FindProcesses("/proc", c.Connections)
	return c, err
}

// TakeCensus asks the server who is connected, besides Holdfast itself. own tells the pooler's connections.
func TakeCensus(ctx context.Context, db *postgres.DB, c postgres.Config, own func(pid int) bool) (Census, error) {
	all, server, err := census.Take(ctx, db, own)
	all = slices.DeleteFunc(all, func(one census.Connection) bool {
		return one.Role == c.Username && strings.HasPrefix(one.Application, postgres.ApplicationName)
	})
	return Census{Server: server, Connections: all, Own: c.MaxConnections}, err
}

// directStatus says how those fare who come past the pooler; nil when nobody is to.
func (d *Daemon) directStatus(ctx context.Context) ([]pooler.DirectStatus, error) {
	c := d.config().Database.Pooling
	if len(c.Direct()) == 0 {
		return nil, nil
	}
	seen, err := d.poolCensus(ctx, control.Empty{})
	if err != nil {
		return nil, err
	}
	return c.DirectStatus(d.database, seen.Connections, seen.Server), nil
}

// directFacts are the ways past the pooler on the status page, and who uses them.
func directFacts(all []pooler.DirectStatus) admin.Facts {
	if len(all) == 0 {
		return nil
	}
	var ways, holders []string
	for _, s := range all {
		ways = append(ways, s.String())
		for _, h := range s.Holders {
			holders = append(holders, h.String())
		}
	}
	return admin.Facts{{Name: "direct", Value: ways}, {Name: "direct_connections", Value: holders}}
}
