package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

// database tries an attached server; of a private one it looks for the programs.
func (k *checker) database(ctx context.Context) {
	if k.cfg.Database.Mode == "private" {
		k.privateServer(ctx)
		return
	}
	db, err := postgres.Connect(ctx, k.cfg.Database.Config)
	if err != nil {
		k.fail("database", err)
		return
	}
	defer db.Close()
	facts, err := askServer(ctx, db, k.cfg.Database.Schema)
	if err != nil {
		k.fail("database", err)
		return
	}
	c := k.cfg.Database.Config
	k.ok("database", "PostgreSQL %s at %s, %s", facts.version, c.Host, facts.role())
	if !facts.primary {
		k.fail("database", fault.New(fault.Config, "database_replica", "%s is a replica, which takes no writes", c.Host).
			WithHint("set database.host to the primary, or to a proxy that follows it"))
	}
	if !facts.mayCreate {
		k.fail("database", fault.New(fault.Denied, "database_denied", "the role %s may not create the schema %q", c.Username, c.Schema).
			WithHint("as a superuser: GRANT CREATE ON DATABASE %q TO %q", c.Name, c.Username))
	}
	k.connections(facts)
	k.authQuery(ctx, db, facts.superuser)
}

// connections compares what may be opened with what the server allows (S0-22, S0-29).
func (k *checker) connections(f serverFacts) {
	need := k.cfg.Database.Pooling.Demand(k.cfg.Database.Config)
	if need.Total() <= f.allowed {
		k.ok("connections", "%s, the server allows %d", need, f.allowed)
		return
	}
	k.fail("connections", fault.New(fault.Config, "max_connections",
		"the server allows %d, but %d are wanted: %s", f.allowed, need.Total(), need).
		WithHint("set max_connections of the server to at least %d, or lower max_size of [database.options.pool] or of an endpoint", need.Total()+f.reserved))
}

// serverFacts is what an attached server tells of itself.
type serverFacts struct {
	version   string
	primary   bool
	mayCreate bool // the schema exists and is ours to use, or may be made
	allowed   int  // connections for ordinary roles
	reserved  int  // connections kept for superusers
	superuser bool // our role is one
}

func (f serverFacts) role() string {
	if f.primary {
		return "primary"
	}
	return "replica"
}

const factsQuery = `
SELECT current_setting('server_version'),
       NOT pg_is_in_recovery(),
       coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1),
                has_database_privilege(current_database(), 'CREATE')),
       current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true), '0')::int,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`

func askServer(ctx context.Context, db *postgres.DB, schema string) (serverFacts, error) {
	var f serverFacts
	var most int
	err := db.QueryRow(ctx, factsQuery, schema).Scan(&f.version, &f.primary, &f.mayCreate, &most, &f.reserved, &f.superuser)
	if err != nil {
		return f, fmt.Errorf("ask server for its settings: %w", err)
	}
	f.allowed = most - f.reserved
	return f, nil
}

// privateServer looks for the programs that a PostgreSQL of our own needs.
func (k *checker) privateServer(ctx context.Context) {
	p, err := postgres.FindPrograms(ctx, k.cfg.Database.Config, filepath.Join(k.cfg.Paths.State, "postgres", "data"))
	if err != nil {
		k.fail("database", err)
		return
	}
	k.ok("database", "our own: PostgreSQL %d from %s, run as %s", p.Major, p.Bin, p.Account)
	k.privateConnections()
	k.privateAuthQuery(ctx)
}

// privateConnections judges what the server of our own is to allow. Left out, it is what is needed.
func (k *checker) privateConnections() {
	const superusers = 3 // superuser_reserved_connections of PostgreSQL, whose file is ours
	need, most := k.cfg.Database.Pooling.Demand(k.cfg.Database.Config), k.cfg.Database.Private.MaxConnections
	switch {
	case most == 0:
		k.ok("connections", "%s, and %d more for people, backups and PostgreSQL itself", need, postgres.ConnectionReserve)
	case need.Total() > most-superusers:
		k.fail("connections", fault.New(fault.Config, "max_connections",
			"database.private.max_connections is %d, of which PostgreSQL keeps %d, but %d are wanted: %s", most, superusers, need.Total(), need).
			WithHint("set it to at least %d, or leave it out", need.Total()+superusers))
	default:
		k.ok("connections", "%s, the server allows %d", need, most-superusers)
	}
}
