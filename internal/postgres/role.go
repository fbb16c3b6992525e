package postgres

import (
	"context"
	"fmt"
)

// Role is what a server is at one moment.
type Role struct {
	Primary  bool   // it takes writes: not in recovery
	Timeline uint32 // grows with every promotion
	Version  int    // server_version_num, as 150018
}

// Major returns the major version.
func (r Role) Major() int { return r.Version / 10_000 }

// roleQuery asks a replica's control file for the timeline, since functions about writing WAL fail there; and a primary
// for the file it writes, since after a promotion its control file lags behind until the next checkpoint.
const roleQuery = `
SELECT NOT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       current_setting('server_version_num')::int`

// Role asks the server whether it is the primary.
func (db *DB) Role(ctx context.Context) (Role, error) {
	var r Role
	err := db.QueryRow(ctx, roleQuery).Scan(&r.Primary, &r.Timeline, &r.Version)
	if err != nil {
		return Role{}, fmt.Errorf("ask server for its role: %w", err)
	}
	return r, nil
}

// IsPrimary reports whether the server takes writes.
func (db *DB) IsPrimary(ctx context.Context) (bool, error) {
	r, err := db.Role(ctx)
	return r.Primary, err
}
