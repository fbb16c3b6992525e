package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// initDatabase is the database that init found.
type initDatabase struct {
	Mode string `json:"mode"` // "attached" or "private"
	From string `json:"from"` // where it was found
	Host string `json:"host,omitempty"`
	Name string `json:"name,omitempty"`

	// What --create-database did: "made", "kept" or, of the role, "password reset".
	Username string `json:"username,omitempty"`
	Role     string `json:"role,omitempty"`
	Database string `json:"database,omitempty"`

	settings postgres.Config
	password secret.String
}

// findDatabase looks where a database is usually named, and else for the programs of PostgreSQL.
func (a *app) findDatabase(ctx context.Context) (initDatabase, error) {
	found, from, err := a.databaseFromEnv()
	if err != nil {
		return initDatabase{}, err
	}
	if from == "" {
		return a.privateDatabase(ctx)
	}
	if secret.IsPlaceholder(found.Password.Reveal()) {
		return initDatabase{}, fault.New(fault.Config, "config_placeholder", "the password in %s is a placeholder from an example", from).
			WithHint("set the real one, or unset %s to let Holdfast run a PostgreSQL of its own", from)
	}
	return initDatabase{
		Mode: "attached", From: from, Host: found.Host, Name: found.Name, settings: found, password: found.Password,
	}, nil
}

// databaseFromEnv returns the settings, and the name of the variable that gave them ("" when there is none).
func (a *app) databaseFromEnv() (postgres.Config, string, error) {
	if url := a.getenv("DATABASE_URL"); url != "" {
		c, err := config.ParseDatabaseURL(url)
		if err != nil {
			return c, "", fault.New(fault.Config, "database_url", "DATABASE_URL: %w", err).
				WithHint("write postgresql://user:password@host:5432/name")
		}
		return c, "DATABASE_URL", nil
	}
	if a.getenv("PGHOST") == "" {
		return postgres.Config{}, "", nil
	}
	c, err := a.libpqVariables()
	return c, "PGHOST", err
}

// libpqVariables returns what the variables of libpq say.
func (a *app) libpqVariables() (postgres.Config, error) {
	c := postgres.Config{
		Host: a.getenv("PGHOST"), Name: a.getenv("PGDATABASE"), Username: a.getenv("PGUSER"),
		Password: secret.New(a.getenv("PGPASSWORD")), SSLMode: a.getenv("PGSSLMODE"), SSLRootCert: a.getenv("PGSSLROOTCERT"),
		SSLCert: a.getenv("PGSSLCERT"), SSLKey: a.getenv("PGSSLKEY"),
		SSLNegotiation: a.getenv("PGSSLNEGOTIATION"), ChannelBinding: a.getenv("PGCHANNELBINDING"),
	}
	if port := a.getenv("PGPORT"); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			return c, fault.New(fault.Config, "database_url", "PGPORT is no number: %q", port)
		}
		c.Port = n
	}
	return c, nil
}

// table writes the table [database].
func (d initDatabase) table() string {
	if d.Mode == "private" {
		return "\n[database]\nmode = \"private\" # Holdfast runs its own PostgreSQL; set host to use another\n"
	}
	var b strings.Builder
	b.WriteString("\n[database]\n")
	text := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, config.Quote(value))
		}
	}
	text("host", d.settings.Host)
	if d.settings.Port != 0 && d.settings.Port != 5432 {
		fmt.Fprintf(&b, "port = %d\n", d.settings.Port)
	}
	text("name", d.settings.Name)
	text("username", d.settings.Username)
	if !d.password.IsZero() {
		text("password_file", "secrets/database_password")
	}
	text("sslmode", d.settings.SSLMode)
	text("sslrootcert", d.settings.SSLRootCert)
	text("sslcert", d.settings.SSLCert)
	text("sslkey", d.settings.SSLKey)
	text("sslnegotiation", d.settings.SSLNegotiation)
	text("channel_binding", d.settings.ChannelBinding)
	return b.String()
}

// String says in a line what was found.
func (d initDatabase) String() string {
	if d.Mode == "private" {
		return "database: Holdfast will run its own PostgreSQL (programs in " + d.From + ")"
	}
	if d.Role != "" {
		return fmt.Sprintf("database: %s on %s: role %s %s, database %s", d.Name, d.Host, d.Username, d.Role, d.Database)
	}
	return fmt.Sprintf("database: %s on %s, as %s says", d.Name, d.Host, d.From)
}

// privateDatabase makes sure that there is a PostgreSQL to run.
func (a *app) privateDatabase(ctx context.Context) (initDatabase, error) {
	p, err := postgres.FindPrograms(ctx, postgres.DefaultConfig(), "")
	if err != nil {
		return initDatabase{}, err
	}
	return initDatabase{Mode: "private", From: p.Bin}, nil
}
