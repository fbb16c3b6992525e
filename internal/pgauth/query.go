package pgauth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/scram"
)

// builtIn is the value of Auth.Query that stands for queryStatement.
const builtIn = "holdfast"

// queryStatement is the statement of the setting query = "holdfast". Its only parameter is the user name. A connection
// that runs it belongs to Holdfast alone: no start-up parameter and no setting of a client ever reaches it
// (CVE-2025-12819), and it begins with the search path pg_catalog.
const queryStatement = `SELECT verifier, can_login, valid_until FROM holdfast.login_verifier($1)`

// queryFunction creates the function that queryStatement calls. A superuser owns it, whoever made one of that name before.
//
// Its search path is fixed, so that nobody can put a table of their own in the way. Superusers are left out: whoever may
// call the function could try passwords against the verifiers it returns.
const queryFunction = `CREATE OR REPLACE FUNCTION holdfast.login_verifier(name text)
    RETURNS TABLE (verifier text, can_login boolean, valid_until timestamptz)
    LANGUAGE sql STABLE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT a.rolpassword, a.rolcanlogin, a.rolvaliduntil
        FROM pg_catalog.pg_authid AS a
        WHERE a.rolname = login_verifier.name AND NOT a.rolsuper
    $$;
ALTER FUNCTION holdfast.login_verifier(text) OWNER TO CURRENT_USER;
REVOKE ALL ON FUNCTION holdfast.login_verifier(text) FROM PUBLIC;
`

// InstallQuery returns the statements that make query = "holdfast" work. A superuser runs them, in one transaction, in the
// database that Holdfast asks; role is the one that Holdfast asks with. A schema that is not there yet becomes the role's: the
// first start puts Holdfast's tables into it.
func InstallQuery(role string) string {
	quoted := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
	return "CREATE SCHEMA IF NOT EXISTS holdfast AUTHORIZATION " + quoted + ";\n" + queryFunction +
		"GRANT USAGE ON SCHEMA holdfast TO " + quoted + ";\n" +
		"GRANT EXECUTE ON FUNCTION holdfast.login_verifier(text) TO " + quoted + ";\n"
}

// BuiltIn reports whether the database is asked by our own function.
func (a Auth) BuiltIn() bool { return a.Query == builtIn }

// Statement returns the statement that the settings name, "" if the database is not asked.
func (a Auth) Statement() string {
	if a.BuiltIn() {
		return queryStatement
	}
	return a.Query
}

// Row is what the query said of a user.
type Row struct {
	Found      bool
	Verifier   string // "SCRAM-SHA-256$…"; "": no password
	NoLogin    bool
	ValidUntil time.Time // zero: never
}

// Querier runs the statement of the setting query for a user, on connections that no client's parameters ever reach. No
// row is Row{} without an error.
type Querier interface {
	Verifier(ctx context.Context, user string) (Row, error)
}

// ParseRow reads the first row of an answer by the names of its columns, values in text, nil for NULL: verifier (also
// passwd, rolpassword), can_login (also rolcanlogin) and valid_until (also valuntil, rolvaliduntil). Of two columns with
// other names the second is the verifier, as in PgBouncer's auth_query.
func ParseRow(columns []string, values []*string) (Row, error) {
	if len(columns) != len(values) {
		return Row{}, fmt.Errorf("%d values for %d columns", len(values), len(columns))
	}
	row, seen := Row{Found: true}, false
	for i, column := range columns {
		var err error
		switch column {
		case "verifier", "passwd", "rolpassword":
			seen = true
			row.Verifier = textOf(values[i])
		case "can_login", "rolcanlogin":
			row.NoLogin = values[i] == nil || (*values[i] != "t" && *values[i] != "true")
		case "valid_until", "valuntil", "rolvaliduntil":
			row.ValidUntil, err = parseUntil(textOf(values[i]))
		}
		if err != nil {
			return Row{}, err
		}
	}
	switch {
	case seen:
	case len(columns) == 2:
		row.Verifier = textOf(values[1])
	default:
		return Row{}, fault.New(fault.Config, "auth_query_columns", "the query has no column verifier, but %s", strings.Join(columns, ", ")).
			WithHint("name the columns verifier, can_login and valid_until")
	}
	return row, nil
}

func textOf(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

// parseUntil reads a timestamptz in PostgreSQL's ISO form.
func parseUntil(text string) (time.Time, error) {
	switch text {
	case "", "infinity":
		return time.Time{}, nil
	case "-infinity":
		return time.Unix(0, 0), nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999-07:00", "2006-01-02 15:04:05.999999-07:00:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Config, "auth_query_columns", "valid_until is %q, which is no time", text).
		WithHint("leave it a timestamptz, with DateStyle = ISO")
}

// querySource makes a Source of a Querier.
type querySource struct{ Querier }

// Login asks the database.
func (q querySource) Login(ctx context.Context, user string) (Login, error) {
	row, err := q.Verifier(ctx, user)
	if err != nil {
		return Login{}, err
	}
	if !row.Found {
		return Login{}, ErrUnknownUser
	}
	login := Login{NoLogin: row.NoLogin, ValidUntil: row.ValidUntil}
	if row.Verifier == "" || isMD5(row.Verifier) {
		return login, nil
	}
	if login.Keys, err = scram.ParseVerifier(row.Verifier); err != nil {
		return Login{}, err
	}
	login.HasPassword = true
	return login, nil
}
