package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
	"holdfast/internal/postgres"
)

// verifiers asks the database for a user's verifier, on Holdfast's own connections, which no client's settings reach.
type verifiers struct {
	db   *postgres.DB
	auth func() pgauth.Auth // in force: a reload may change the statement
}

// Verifier implements pgauth.Querier.
func (v verifiers) Verifier(ctx context.Context, user string) (pgauth.Row, error) {
	return AskVerifier(ctx, v.db, v.auth(), user)
}

// AskVerifier runs the statement of database.auth.query for a user. Values come as text, and columns go by their names. That
// the answer has the columns is checked even if it has no row.
func AskVerifier(ctx context.Context, db *postgres.DB, auth pgauth.Auth, user string) (pgauth.Row, error) {
	statement := auth.Statement()
	if statement == "" {
		return pgauth.Row{}, nil
	}
	conn, err := db.Pool().Acquire(ctx)
	if err != nil {
		return pgauth.Row{}, fmt.Errorf("ask for the verifier of a user: %w", postgres.Explain(err))
	}
	defer conn.Release()
	r := conn.Conn().PgConn().ExecParams(ctx, statement, [][]byte{[]byte(user)}, nil, nil, nil)
	found := r.NextRow()
	columns, values := firstRow(r, found)
	if _, err := r.Close(); err != nil {
		return pgauth.Row{}, fmt.Errorf("ask for the verifier of a user: %w", explainQuery(err, auth, conn.Conn().Config()))
	}
	row, err := pgauth.ParseRow(columns, values)
	if !found {
		return pgauth.Row{}, err
	}
	return row, err
}

// firstRow returns the names of the columns, and their values, which are all nil when there is no row.
func firstRow(r *pgconn.ResultReader, found bool) (columns []string, values []*string) {
	for _, f := range r.FieldDescriptions() {
		columns = append(columns, f.Name)
	}
	values = make([]*string, len(columns))
	if !found {
		return columns, values
	}
	for i, raw := range r.Values() {
		if raw != nil {
			text := string(raw)
			values[i] = &text
		}
	}
	return columns, values
}

// explainQuery says what to do about a statement that PostgreSQL does not run.
func explainQuery(err error, auth pgauth.Auth, c *pgx.ConnConfig) error {
	said := (*pgconn.PgError)(nil)
	if !errors.As(err, &said) {
		return postgres.Explain(err)
	}
	const undefinedFunction, undefinedTable, noSchema, denied = "42883", "42P01", "3F000", "42501"
	switch missing := said.Code == undefinedFunction || said.Code == undefinedTable || said.Code == noSchema; {
	case auth.BuiltIn() && (missing || said.Code == denied):
		return fault.New(fault.Config, "auth_query", "%w", err).
			WithHint("as a superuser, in the database %q, execute what is printed by: holdfast pool auth-query", c.Database)
	case missing:
		return fault.New(fault.Config, "auth_query", "%w", err).
			WithHint("write names with their schema, as in public.user_lookup($1): the search path is empty")
	case said.Code == denied:
		return fault.New(fault.Config, "auth_query", "%w", err).
			WithHint(`grant %q what the statement of database.auth.query reads, or set query = "holdfast" (see holdfast pool auth-query)`, c.User)
	}
	return postgres.Explain(err)
}

// installVerifiers makes the function of query = "holdfast" where it does not work and our role may make it: on a server of our
// own, and where our role is a superuser. Elsewhere the finding auth_query says what to do, and nothing is kept from starting.
func (d *Daemon) installVerifiers(ctx context.Context, c *config.Config) {
	auth := c.Database.Pooling.Auth
	if !auth.BuiltIn() {
		return
	}
	if _, err := AskVerifier(ctx, d.db, auth, d.database.Username); err == nil {
		return
	}
	may, err := d.mayInstall(ctx)
	if err != nil || !may {
		return
	}
	if err := d.installFunction(ctx); err != nil {
		d.log.WarnContext(ctx, "the function holdfast.login_verifier cannot be made", slog.Any("error", err))
		return
	}
	d.log.InfoContext(ctx, "function made: holdfast.login_verifier", "role", d.database.Username)
}

func (d *Daemon) mayInstall(ctx context.Context) (may bool, err error) {
	if d.database.Mode == postgres.PrivateCluster {
		return true, nil
	}
	err = d.db.QueryRow(ctx, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").Scan(&may)
	return may, err
}

func (d *Daemon) installFunction(ctx context.Context) error {
	db, done, err := d.roleAdmin(ctx)
	if err != nil {
		return err
	}
	defer done()
	return db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, pgauth.InstallQuery(d.database.Username))
		return err
	})
}
