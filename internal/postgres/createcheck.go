package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

// roleFacts is what an administrator sees of a role.
type roleFacts struct {
	there, super, self, login bool
	reachable                 bool // the administrator may give things to it
}

func askRole(ctx context.Context, conn *pgx.Conn, name string) (roleFacts, error) {
	var f roleFacts
	err := conn.QueryRow(ctx, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").Scan(&f.reachable)
	if err != nil {
		return f, err
	}
	err = conn.QueryRow(ctx, `SELECT rolsuper, rolname = current_user, rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = $1`, name).
		Scan(&f.super, &f.self, &f.login)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, nil
	}
	if f.there = err == nil; !f.there || f.reachable {
		return f, err
	}
	// Since PostgreSQL 16 a member may be one without the right to act as the role.
	right := "MEMBER"
	if majorOf(conn.PgConn().ParameterStatus("server_version")) >= 16 {
		right = "SET"
	}
	return f, conn.QueryRow(ctx, "SELECT pg_has_role($1::name, $2)", name, right).Scan(&f.reachable)
}

// checkRole refuses a role that is somebody else's.
func (w *creation) checkRole(ctx context.Context) error {
	name, r := w.app.Username, w.role
	switch {
	case !r.there:
		return nil
	case r.super, r.self:
		return fault.New(fault.Conflict, "role_admin", "the role %q is an administrator's", name).
			WithHint("let the application have a role of its own: choose another name with --username")
	case w.app.Reset:
		return nil
	case !r.login || !w.app.Known:
		return roleExists(name)
	}
	return w.tryPassword(ctx)
}

func roleExists(name string) error {
	return fault.New(fault.Conflict, "role_exists", "the role %q exists already, and its password was not made here", name).
		WithHint("choose another name with --username; or, if nothing else logs in with the role, give it a new password with --reset-password")
}

// tryPassword finds out whether the password is the role's. The server looks at it before it looks for the database and
// its grants.
func (w *creation) tryPassword(ctx context.Context) error {
	_, err := reach(ctx, w.config)
	switch fault.CodeOf(err) {
	case sqlstates["3D000"].code, sqlstates["42501"].code:
		return nil
	case sqlstates["28P01"].code:
		return roleExists(w.app.Username)
	}
	return err
}

// databaseFacts is what an administrator sees of a database.
type databaseFacts struct {
	there         bool
	owner         string
	encoding      string
	usable, owned bool // by the application's role
	open          bool // to every role
}

func askDatabase(ctx context.Context, conn *pgx.Conn, name, role string) (databaseFacts, error) {
	var f databaseFacts
	err := conn.QueryRow(ctx, `
SELECT pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), has_database_privilege('public', d.oid, 'CONNECT'),
       coalesce(r.oid = d.datdba, false),
       coalesce(has_database_privilege(r.oid, d.oid, 'CONNECT') AND has_database_privilege(r.oid, d.oid, 'CREATE'), false)
FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_roles r ON r.rolname = $2 WHERE d.datname = $1`, name, role).
		Scan(&f.owner, &f.encoding, &f.open, &f.owned, &f.usable)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, nil
	}
	f.there = err == nil
	return f, err
}

// checkDatabase refuses a database that is somebody else's, or cannot hold every name.
func (w *creation) checkDatabase() error {
	name, d := w.app.Name, w.base
	switch {
	case !d.there:
		return nil
	case !d.owned && !d.usable:
		return fault.New(fault.Conflict, "database_exists", "the database %q exists already, and belongs to %q", name, d.owner).
			WithHint("choose another name with --name; or, if the role is to use this one: GRANT CONNECT, CREATE ON DATABASE %s TO %s",
				pgx.Identifier{name}.Sanitize(), pgx.Identifier{w.app.Username}.Sanitize())
	case d.encoding != "UTF8":
		return fault.New(fault.Config, "database_encoding", "the database %q has the encoding %s, and names of files need UTF8", name, d.encoding).
			WithHint("choose another name with --name, and move the data with pg_dump --encoding=UTF8")
	}
	return nil
}
