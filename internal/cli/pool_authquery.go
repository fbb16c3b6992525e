package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"holdfast/internal/pgauth"
)

const poolAuthQueryHelp = `Print the SQL that makes query = "holdfast" of [database.auth] work.

Usage:
  holdfast pool auth-query [--role NAME] [--json]

With that setting the pooler asks the database for the verifiers of users, by the function holdfast.login_verifier. It reads
pg_authid, which superusers alone may: one of them runs the SQL once, in the database that is named in its first line. It is
safe to run again. On a private server, and where Holdfast's own role is a superuser, Holdfast does so by itself.

Only the role that Holdfast logs in with may call the function. Whoever may can try passwords against the verifiers of all
roles, so superusers are left out: they do not log in through the pooler, or are named in a file (database.auth.file).

Options:
      --role NAME   the role that Holdfast logs in with (default: username of [database])

With --json the fields are database, role and sql.

EXIT STATUS
  0, or 3 for a mistake in the configuration

EXAMPLE
  holdfast pool auth-query | psql --host db.example.org --username postgres --dbname journal
  holdfast check
`

// authQuerySQL is the answer of "holdfast pool auth-query --json".
type authQuerySQL struct {
	Database string `json:"database"`
	Role     string `json:"role"`
	SQL      string `json:"sql"`
}

func newPoolAuthQuery(a *app) *cobra.Command {
	role := ""
	c := a.command("auth-query", "print the SQL for the setting query", poolAuthQueryHelp, 0, 0, func(*cobra.Command, []string) error {
		return runPoolAuthQuery(a, role)
	})
	c.Flags().StringVar(&role, "role", "", "")
	return c
}

func runPoolAuthQuery(a *app, role string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	db := cfg.Database
	answer := authQuerySQL{Database: cmp.Or(db.Name, db.Username), Role: cmp.Or(role, db.Username)}
	answer.SQL = "BEGIN;\n" + pgauth.InstallQuery(answer.Role) + "COMMIT;\n"
	return a.data(answer, func() {
		a.printf("-- As a superuser, in the database %q:\n%s", answer.Database, answer.SQL)
		if !db.Pooling.Auth.BuiltIn() {
			a.notef(`note: the function is asked only with query = "holdfast" in [database.auth]`)
		}
	})
}
