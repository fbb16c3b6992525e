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

Nothing is asked, and nothing is overwritten. The database is found in the environment: DATABASE_URL, or PGHOST with
PGPORT, PGDATABASE, PGUSER, PGPASSWORD and PGSSLMODE. When neither is set, Holdfast runs a PostgreSQL of its own from the
programs that are installed.

Files, below DIR:
  holdfast.toml               the configuration
  secrets/master_key          encrypts access keys in the database; the same file on all machines
  secrets/admin_token         for programs that use the admin API
  secrets/database_password   when the environment names one

Secrets have mode 0600, and git is told to leave them alone. Those that exist are kept. Data goes to DIR/data, and to
/var/lib/holdfast when DIR is in /etc.

Options:
      --dir DIR   the directory of the configuration (default: the current one)

With --json the fields are config, written, kept (lists of paths), database (mode, from, host, name) and next.

EXIT STATUS
  0, or 6 when the configuration exists, 3 when the environment names no usable database, 7 when there is no PostgreSQL
  to run

EXAMPLE
  DATABASE_URL=postgresql://journal:…@db.local/journal holdfast init --dir /etc/holdfast
`

// initOptions are the options of init.
type initOptions struct {
	dir string
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
		answer, err := runInit(c.Context(), a, o)
		if err != nil {
			return err
		}
		return a.data(answer, func() { a.printInit(answer) })
	})
	c.Flags().StringVar(&o.dir, "dir", ".", "")
	return c
}

func runInit(ctx context.Context, a *app, o initOptions) (*initAnswer, error) {
	answer := &initAnswer{Config: filepath.Join(o.dir, "holdfast.toml"), Written: []string{}, Kept: []string{}}
	if _, err := os.Lstat(answer.Config); err == nil {
		return nil, fault.New(fault.Conflict, "config_exists", "%s exists already, and is never overwritten", answer.Config).
			WithHint("check it with: holdfast check --config %s; or choose another directory with --dir", answer.Config)
	}
	db, err := a.findDatabase(ctx)
	if err != nil {
		return nil, err
	}
	answer.Database = db
	// The directories above the state must let the private server's account pass; secrets are for the owner alone.
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return nil, cannotWrite(err)
	}
	if err := writeSecrets(o.dir, db, answer); err != nil {
		return nil, err
	}
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

// writeSecrets makes the directory of secrets and what is missing in it.
func writeSecrets(dir string, db initDatabase, answer *initAnswer) error {
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
		{"database_password", db.password.Reveal()},
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
