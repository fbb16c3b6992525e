package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/secret"
)

// ensureApplication makes the application's role and database, and sets the role's password to the one we know.
func (s *PrivateServer) ensureApplication(ctx context.Context, superPassword secret.String) error {
	password := s.config.Password
	if password.IsZero() {
		var err error
		if password, err = ensureSecret(s.place.roleFile()); err != nil {
			return err
		}
	}
	c := s.config
	c.Host, c.SSLMode = s.place.run(), "disable"
	c.Name, c.Username, c.Password = "postgres", superuser, superPassword
	conn, err := dial(ctx, c, nil)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if err := ensureRole(ctx, conn, s.config.Username, password); err != nil {
		return fmt.Errorf("make role %q: %w", s.config.Username, Explain(err))
	}
	if err := ensureDatabase(ctx, conn, s.config.Name, s.config.Username); err != nil {
		return fmt.Errorf("make database %q: %w", s.config.Name, Explain(err))
	}
	return nil
}

func ensureRole(ctx context.Context, conn *pgx.Conn, name string, password secret.String) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&there); err != nil {
		return err
	}
	verb := "CREATE"
	if there {
		verb = "ALTER"
	}
	// Utility statements take no parameters. A private server never logs statements, so the password stays between us;
	// another server is handed a verifier in its place.
	_, err := conn.Exec(ctx, verb+" ROLE "+pgx.Identifier{name}.Sanitize()+" LOGIN PASSWORD "+literal(password.Reveal()))
	return err
}

func ensureDatabase(ctx context.Context, conn *pgx.Conn, name, owner string) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil || there {
		return err
	}
	database, role := pgx.Identifier{name}.Sanitize(), pgx.Identifier{owner}.Sanitize()
	encoding, err := inUTF8(ctx, conn)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+database+" OWNER "+role+encoding); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "REVOKE ALL ON DATABASE "+database+" FROM PUBLIC")
	return err
}

// inUTF8 returns what a new database needs to be in UTF-8: nothing where the template is. Another encoding goes with no
// locale but C.
func inUTF8(ctx context.Context, conn *pgx.Conn) (string, error) {
	var encoding string
	err := conn.QueryRow(ctx, "SELECT pg_encoding_to_char(encoding) FROM pg_catalog.pg_database WHERE datname = 'template1'").Scan(&encoding)
	if err != nil || encoding == "UTF8" {
		return "", err
	}
	return " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", nil
}

// literal quotes a text for a statement, whatever standard_conforming_strings says.
func literal(text string) string {
	return ` E'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", "").Replace(text) + `'`
}
