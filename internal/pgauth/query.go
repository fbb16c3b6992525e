package pgauth

import (
	"context"
	"time"
)

// QueryStatement is the statement of the setting query = "holdfast". Its only parameter is the user name. A connection
// that runs it belongs to Holdfast alone: no start-up parameter and no setting of a client ever reaches it.
const QueryStatement = `SELECT verifier, can_login, valid_until FROM holdfast.login_verifier($1)`

// QueryFunction creates the function that QueryStatement calls. A superuser runs it once in the database that Holdfast
// asks, followed by: GRANT EXECUTE ON FUNCTION holdfast.login_verifier(text) TO the role that Holdfast asks with.
//
// Its search path is fixed, so that nobody can put a table of their own in the way. Superusers are left out: whoever may
// call the function could try passwords against the verifiers it returns.
const QueryFunction = `CREATE SCHEMA IF NOT EXISTS holdfast;
CREATE OR REPLACE FUNCTION holdfast.login_verifier(name text)
    RETURNS TABLE (verifier text, can_login boolean, valid_until timestamptz)
    LANGUAGE sql STABLE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT a.rolpassword, a.rolcanlogin, a.rolvaliduntil
        FROM pg_catalog.pg_authid AS a
        WHERE a.rolname = login_verifier.name AND NOT a.rolsuper
    $$;
REVOKE ALL ON FUNCTION holdfast.login_verifier(text) FROM PUBLIC`

// Row is what the query said of a user.
type Row struct {
	Found      bool
	Verifier   string // "SCRAM-SHA-256$…"; "": no password
	NoLogin    bool
	ValidUntil time.Time // zero: never
}

// Querier runs the statement of the setting query for a user, on connections that no client's parameters ever reach.
type Querier interface {
	Verifier(ctx context.Context, user string) (Row, error)
}
