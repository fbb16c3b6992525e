package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/atomicfile"
	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

const initHelp = `Write the smallest configuration that works, and generate its secrets.

Usage:
  holdfast init [--dir DIR] [--json]
  holdfast init --create-database [--admin-url URL] [--name NAME] [--username ROLE] [--reset-password] [--dir DIR] [--json]

Nothing is asked, and nothing is overwritten. The database is found in the environment: DATABASE_URL, or PGHOST with
PGPORT, PGDATABASE, PGUSER, PGPASSWORD and PGSSLMODE. When neither is set, Holdfast runs a PostgreSQL of its own from the
programs that are installed.

With --create-database an administrator's connection, which is used this once and not kept, makes a role with a generated
password and a database that it owns and that no other role may connect to. The administrator needs CREATEROLE and
CREATEDB. What an earlier init has made is kept; a role or database of somebody else is refused before anything is changed.

Files, below DIR:
  holdfast.toml               the configuration
  secrets/master_key          encrypts access keys in the database; the same file on all machines
  secrets/admin_token         for programs that use the admin API
  secrets/database_password   when the environment names one, or the role was made

Secrets have mode 0600, and git is told to leave them alone. Those that exist are kept. Data goes to DIR/data, and to
/var/lib/holdfast when DIR is in /etc.

Options:
      --dir DIR           the directory of the configuration (default: the current one)
      --create-database   make role and database on a server that runs already
      --admin-url URL     the administrator's connection; "-" reads it from standard input, where it stands in no process
                          list (default: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGSSLMODE; DATABASE_URL is not looked at)
      --name NAME         the database to make (default: app)
      --username ROLE     the role to make (default: holdfast)
      --reset-password    give an existing role the password, though it was not made here

With --json the fields are config, written, kept (lists of paths), database (mode, from, host, name; of one that was made
also username, role: "made", "kept" or "password reset", and database: "made" or "kept") and next.

EXIT STATUS
  0, or 6 when the configuration, the role or the database exists, 5 when the server refuses the administrator, 3 when the
  environment names no usable database, 7 when there is no PostgreSQL to run or the server does not answer

EXAMPLE
  DATABASE_URL=postgresql://journal:…@db.local/journal holdfast init --dir /etc/holdfast
  holdfast init --dir /etc/holdfast --create-database --admin-url postgresql://postgres@db.local --name journal
`

// initOptions are the options of init.
type initOptions struct {
	dir                      string
	create, resetPassword    bool
	adminURL, name, username string
}

// initAnswer is the answer of "holdfast init --json".
type initAnswer struct {
	Config   string       `json:"config"`
	Written  []string     `json:"written"`
	Kept     []string     `json:"kept"`
	Database initDatabase `json:"database"`
	Next     string       `json:"next"`
}

func newInit(a *app) *cobra.Command {
	var o initOptions
	c := a.command("init", "write the smallest configuration that works", initHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		for _, flag := range []string{"admin-url", "name", "username", "reset-password"} {
			if !o.create && c.Flags().Changed(flag) {
				return usage(c, "--"+flag+" needs --create-database")
			}
		}
		answer, err := runInit(c.Context(), a, o)
		if err != nil {
			return err
		}
		return a.data(answer, func() { a.printInit(answer) })
	})
	c.Flags().StringVar(&o.dir, "dir", ".", "")
	c.Flags().BoolVar(&o.create, "create-database", false, "")
	c.Flags().BoolVar(&o.resetPassword, "reset-password", false, "")
	c.Flags().StringVar(&o.adminURL, "admin-url", "", "")
	c.Flags().StringVar(&o.name, "name", "app", "")
	c.Flags().StringVar(&o.username, "username", "holdfast", "")
	return c
}

func runInit(ctx context.Context, a *app, o initOptions) (*initAnswer, error) {
	answer := &initAnswer{Config: filepath.Join(o.dir, "holdfast.toml"), Written: []string{}, Kept: []string{}}
	if _, err := os.Lstat(answer.Config); err == nil {
		return nil, fault.New(fault.Conflict, "config_exists", "%s exists already, and is never overwritten", answer.Config).
			WithHint("check it with: holdfast check --config %s; or choose another directory with --dir", answer.Config)
	}
	db, err := a.initialDatabase(ctx, o, answer)
	if err != nil {
		return nil, err
	}
	answer.Database = db
	if err := atomicfile.WriteNew(answer.Config, []byte(configText(o.dir, db)), 0o644); err != nil {
		return nil, cannotWrite(err)
	}
	answer.Written = append(answer.Written, answer.Config)
	answer.Next = "holdfast check"
	if o.dir != "." {
		answer.Next += " --config " + answer.Config
	}
	// What was written is read back, so that a mistake in the environment shows now and not at the first start.
	_, err = config.Load(answer.Config, a.env)
	return answer, err
}

// initialDatabase makes or finds the database, and writes the secrets.
func (a *app) initialDatabase(ctx context.Context, o initOptions, answer *initAnswer) (initDatabase, error) {
	if o.create {
		return a.createDatabase(ctx, o, answer)
	}
	db, err := a.findDatabase(ctx)
	if err == nil {
		err = writeSecrets(o.dir, db.password, answer)
	}
	return db, err
}

// writeSecrets makes the directory of secrets and what is missing in it.
func writeSecrets(dir string, password secret.String, answer *initAnswer) error {
	// The directories above the state must let the private server's account pass; secrets are for the owner alone.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cannotWrite(err)
	}
	secrets := filepath.Join(dir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return cannotWrite(err)
	}
	files := []struct {
		name string
		text string
	}{
		{".gitignore", "*"},
		{"master_key", secret.Generate(32).Reveal()},
		{"admin_token", secret.Generate(20).Reveal()},
		{"database_password", password.Reveal()},
	}
	for _, f := range files {
		if f.text == "" {
			continue
		}
		path := filepath.Join(secrets, f.name)
		err := atomicfile.WriteNew(path, []byte(f.text+"\n"), 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
			answer.Kept = append(answer.Kept, path)
		case err != nil:
			return cannotWrite(err)
		default:
			answer.Written = append(answer.Written, path)
		}
	}
	return nil
}

func cannotWrite(err error) error {
	kind, hint := fault.Internal, ""
	if errors.Is(err, fs.ErrPermission) {
		kind, hint = fault.Denied, "run it as a user that may write there, or choose another directory with --dir"
	}
	return fault.New(kind, "init_write", "init: %w", err).WithHint("%s", hint)
}

// configText writes the configuration. It names only what differs from the defaults.
func configText(dir string, db initDatabase) string {
	var b strings.Builder
	b.WriteString("# Every setting has a default; this file holds what differs. See: holdfast help config\n")
	if abs, err := filepath.Abs(dir); err != nil || !strings.HasPrefix(abs+"/", "/etc/") {
		b.WriteString("\n[paths]\nstate = \"data\" # relative paths start at this file's directory\n")
	}
	b.WriteString(db.table())
	b.WriteString("\n[files]\nmaster_key_file = \"secrets/master_key\"\n")
	b.WriteString("\n[admin]\ntoken_file = \"secrets/admin_token\"\n")
	return b.String()
}

func (a *app) printInit(answer *initAnswer) {
	for _, path := range answer.Written {
		a.printf("wrote  %s\n", path)
	}
	for _, path := range answer.Kept {
		a.printf("kept   %s\n", path)
	}
	a.printf("\n%s\nnext: %s\n", answer.Database, answer.Next)
}
