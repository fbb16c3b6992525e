package postgres

import (
	"context"
	"fmt"
	"time"

	"holdfast/internal/limit"
)

// ServerLimit is a limit of time that PostgreSQL itself has for a role in a database, when no session says otherwise.
type ServerLimit struct {
	Name   string        // "statement_timeout"
	For    time.Duration // 0: none
	Source string        // as in pg_settings: "default", "configuration file", "user", "database"
	Place  string        // FILE:LINE, where the role may see it
}

// Written reports whether somebody chose the value, and it is not PostgreSQL's own default.
func (l ServerLimit) Written() bool { return l.Source != "default" }

const serverLimitsQuery = `
SELECT name, setting::bigint, source, coalesce(sourcefile || ':' || sourceline, '')
  FROM pg_catalog.pg_settings
 WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
 ORDER BY name`

// ServerLimits asks the server for the limits that it has for the role of the settings. Our own, which all our other sessions set, are
// left out.
func ServerLimits(ctx context.Context, c Config) ([]ServerLimit, error) {
	conn, err := dial(ctx, c.complete(), map[string]string{"statement_timeout": "", "lock_timeout": "", "idle_in_transaction_session_timeout": ""})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	ctx, cancel := context.WithTimeout(ctx, c.complete().ConnectTimeout.D())
	defer cancel()
	rows, err := conn.Query(ctx, serverLimitsQuery)
	if err != nil {
		return nil, fmt.Errorf("ask for the server's limits: %w", Explain(err))
	}
	defer rows.Close()
	var all []ServerLimit
	for rows.Next() {
		var l ServerLimit
		var ms int64
		if err := rows.Scan(&l.Name, &ms, &l.Source, &l.Place); err != nil {
			return nil, fmt.Errorf("read the server's limits: %w", err)
		}
		l.For = time.Duration(ms) * time.Millisecond
		all = append(all, l)
	}
	return all, Explain(rows.Err())
}

// ServerDecides reports whether a wait is left to one of these limits.
func ServerDecides(w limit.Wait) bool {
	switch w.By {
	case "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout":
		return w.Kind == limit.Theirs
	}
	return false
}
