package cli

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

const dbPsqlHelp = `Open psql on the application's database.

Usage:
  holdfast db psql [--superuser | --endpoint ADDRESS] [-- ARGUMENTS]

psql is told by its environment where the server is and who comes, so no password stands on a command line. It connects to
PostgreSQL itself, past the pooler: it opens when every pool is full, paused or broken, and while Holdfast does not run, if
the server is not its own. It is the role of [database], without limits of time.

A private server keeps connections beyond all pools for this. With --superuser it is the superuser of the private server,
for whom PostgreSQL itself keeps three more, whatever the others do.

With --endpoint it comes through the pooler, as others do: by the rules, in a class, and with the connections that the
class has reserved.

Options:
      --endpoint ADDRESS  an address of [[database.endpoints]], as it is configured
      --superuser         log in as the superuser of the private server

EXIT STATUS
  that of psql; before it begins 2, 3, 4 when psql is not installed, 6 for the superuser of a server that is not ours, 7

EXAMPLE
  holdfast db psql
  holdfast db psql -- -c 'SELECT pid, state, query FROM pg_stat_activity'
  holdfast db psql --superuser -- -c 'CREATE EXTENSION pg_stat_statements'
`

// psqlOptions are the options of db psql.
type psqlOptions struct {
	superuser bool
	endpoint  string
}

func newDBPsql(a *app) *cobra.Command {
	var o psqlOptions
	c := a.command("psql", "open psql on the application's database", dbPsqlHelp, 0, -1, func(c *cobra.Command, args []string) error {
		if o.superuser && o.endpoint != "" {
			return usage(c, "--superuser goes past the pooler, and --endpoint through it: choose one")
		}
		return runDBPsql(c.Context(), a, o, args)
	})
	c.Flags().BoolVar(&o.superuser, "superuser", false, "")
	c.Flags().StringVar(&o.endpoint, "endpoint", "", "")
	return c
}

func runDBPsql(ctx context.Context, a *app, o psqlOptions, args []string) error {
	cfg, err := a.loadFor(beyondServer)
	if err != nil {
		return err
	}
	program, err := findPsql(a.getenv("PATH"), cfg.Database.Private.Bin)
	if err != nil {
		return err
	}
	to, err := psqlTarget(ctx, cfg, o)
	if err != nil {
		return err
	}
	variables, err := psqlVariables(to)
	if err != nil {
		return err
	}
	cmd := exec.Command(program, args...) //nolint:noctx // it ends by itself: an interrupt is for its query
	cmd.Env = append(slices.DeleteFunc(slices.Clone(a.env), isConnection), variables...)
	return a.become(cmd)
}

// beyondServer reports whether a setting says nothing of the server itself and who logs in there.
func beyondServer(key string) bool {
	rest, ok := strings.CutPrefix(key, "database.")
	if !ok {
		return !strings.HasPrefix(key, "paths.")
	}
	table, _, _ := strings.Cut(rest, ".")
	table, _, _ = strings.Cut(table, "[")
	return slices.Contains([]string{"options", "endpoints", "routes", "users", "limits", "peers", "audit", "rules", "auth"}, table)
}

// become runs a program in our place: it has the streams, and an interrupt from the terminal, which reaches both of us, is for it alone.
// Its exit code is ours.
func (a *app) become(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.stdout, a.stderr
	a.untrap()
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer func() { signal.Stop(signals); close(signals); <-done }()
	err := cmd.Start()
	go func() {
		defer close(done)
		for s := range signals {
			if err == nil && s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s) // it may have ended
			}
		}
	}()
	if err == nil {
		err = cmd.Wait()
	}
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() > 0:
		return &exitError{ended.ExitCode()}
	case ended != nil:
		return fault.New(fault.Interrupted, "ended", "%s: %w", cmd.Path, err)
	case err != nil:
		return fault.New(fault.Internal, "run", "run %s: %w", cmd.Path, err)
	}
	return nil
}

// psqlTarget returns the URL that psql is to connect to.
func psqlTarget(ctx context.Context, cfg *config.Config, o psqlOptions) (string, error) {
	db := cfg.Database.Config
	private := db.Mode == postgres.PrivateCluster
	var err error
	switch {
	case o.superuser && !private:
		return "", fault.New(fault.Conflict, "not_private", "the server of [database] is not Holdfast's own, so its superuser is not known").
			WithHint("connect as your own: psql -h %s -U postgres %s", db.Host, db.Name)
	case o.superuser:
		db, err = postgres.PrivateSuperuser(db, daemon.Place(cfg))
	case private:
		db, err = postgres.PrivateConfig(db, daemon.Place(cfg))
	}
	if err != nil || o.endpoint == "" {
		return unlimited(db, cfg.Database.Pooling.RoleLimits(db)), err
	}
	doors := cfg.Database.Pooling.Doors()
	for i, e := range doors {
		if e.Listen == o.endpoint {
			client := control.NewClient(cfg.Socket())
			defer client.Close()
			return doorURL(ctx, client, db, doors, i)
		}
	}
	return "", fault.New(fault.NotFound, "no_endpoint", "no endpoint listens on %q", o.endpoint).
		WithHint("name one as [[database.endpoints]] does; holdfast pool show lists them")
}

// psqlVariables says by libpq's environment what a URL says (PostgreSQL manual, "Environment Variables"): others can read the command line of
// a process, and its environment only who may do more.
func psqlVariables(to string) ([]string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, fault.New(fault.Internal, "psql_url", "the address of the database cannot be read")
	}
	password, _ := u.User.Password()
	host, port := u.Hostname(), u.Port()
	q := u.Query()
	if dir := q.Get("host"); dir != "" {
		host, port = dir, q.Get("port")
	}
	env := []string{"PGAPPNAME=holdfast db psql"}
	for _, v := range []variable{
		{"PGHOST", host},
		{"PGPORT", port},
		{"PGUSER", u.User.Username()},
		{"PGPASSWORD", password},
		{"PGDATABASE", strings.TrimPrefix(u.Path, "/")},
		{"PGSSLMODE", q.Get("sslmode")},
		{"PGSSLROOTCERT", q.Get("sslrootcert")},
		{"PGSSLCERT", q.Get("sslcert")},
		{"PGSSLKEY", q.Get("sslkey")},
		{"PGCHANNELBINDING", q.Get("channel_binding")},
		{"PGOPTIONS", q.Get("options")},
	} {
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return env, nil
}

// isConnection reports whether a variable of the environment would lead psql elsewhere.
func isConnection(v string) bool {
	name, _, _ := strings.Cut(v, "=")
	switch name {
	case "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE",
		"PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGOPTIONS", "PGAPPNAME", "PGREQUIREAUTH", "PGTARGETSESSIONATTRS", "PGCHANNELBINDING":
		return true
	}
	return false
}

// findPsql searches psql on the path, then beside the programs of the server.
func findPsql(path, bin string) (string, error) {
	candidates := append(filepath.SplitList(path), bin)
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	slices.Reverse(installed)
	for _, dir := range append(candidates, installed...) {
		if dir == "" {
			continue
		}
		program := filepath.Join(dir, "psql")
		if found, err := exec.LookPath(program); err == nil {
			return found, nil
		}
	}
	return "", fault.New(fault.NotFound, "psql_missing", "psql is not installed").WithHint("apt-get install postgresql-client")
}
