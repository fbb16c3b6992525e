package postgres

import "holdfast/internal/limit"

// Waits are the waits of Holdfast's own connections; keys are relative to the table [database].
func (c Config) Waits() limit.Waits {
	c = c.complete()
	const where = "Holdfast's own statements"
	return limit.Waits{
		limit.After("a new connection to PostgreSQL", "connect_timeout", c.ConnectTimeout.D(), "database_timeout").At("Holdfast itself"),
		limit.After("a connection of Holdfast's own pool", "options.pool.timeout", c.Options.Pool.Timeout.D(), "pool_timeout").At(where),
		limit.After("the answer to a statement", "", statementTimeout, "57014").At(where),
		limit.After("a lock", "", lockTimeout, "55P03").At(where),
		limit.After("the next statement of a transaction", "", idleInTxTimeout, "25P03").At(where),
		limit.After("another process that migrates", "", migrationWait, "migration_locked").At("start"),
	}
}
