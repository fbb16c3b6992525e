package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// maxURL is the longest connection string that is read from standard input, in bytes.
const maxURL = 4 << 10

// createDatabase makes role and database on the server that the administrator's connection leads to, with the password
// that an earlier init made, or a new one.
func (a *app) createDatabase(ctx context.Context, o initOptions, answer *initAnswer) (initDatabase, error) {
	admin, err := a.adminConnection(o.adminURL)
	if err != nil {
		return initDatabase{}, err
	}
	password, known, err := keptPassword(filepath.Join(o.dir, "secrets", "database_password"))
	if err != nil {
		return initDatabase{}, err
	}
	if !known {
		password = secret.Generate(24)
	}
	made, err := postgres.CreateApplication(ctx, admin, postgres.Application{
		Name: o.name, Username: o.username, Password: password, Known: known, Reset: o.resetPassword,
	}, func() error { return writeSecrets(o.dir, password, answer) })
	if err != nil {
		return initDatabase{}, err
	}
	c := made.Config
	c.SSLCert, c.SSLKey = "", "" // the administrator's own
	if strings.HasPrefix(c.Host, "/") {
		c.SSLMode = "" // a socket has none
	}
	if made.Open {
		a.storyf("note: every role of the server may connect to %q; to end that: REVOKE CONNECT ON DATABASE %q FROM PUBLIC", c.Name, c.Name)
	}
	return initDatabase{
		Mode: "attached", From: "the administrator", Host: c.Host, Name: c.Name, Username: c.Username,
		Role: string(made.Role), Database: string(made.Database), settings: c, password: password,
	}, nil
}

// adminConnection returns the administrator's connection: the URL, "-" for one on standard input, or else what PGHOST and
// the other variables of libpq say, which also fill in a password that the URL does not have.
func (a *app) adminConnection(url string) (postgres.Config, error) {
	if url == "-" {
		text, err := io.ReadAll(io.LimitReader(a.stdin, maxURL))
		if err != nil {
			return postgres.Config{}, fmt.Errorf("read standard input: %w", err)
		}
		if url = strings.TrimSpace(string(text)); url == "" {
			return postgres.Config{}, fault.New(fault.Usage, "usage", "init: standard input holds no URL").
				WithHint("write postgresql://user:password@host:5432/postgres")
		}
	}
	c, err := a.libpqVariables()
	if err != nil {
		return c, err
	}
	if url != "" {
		from, err := config.ParseDatabaseURL(url)
		if err != nil {
			return c, fault.New(fault.Usage, "database_url", "--admin-url: %w", err).
				WithHint("write postgresql://user:password@host:5432/postgres")
		}
		if from.Password.IsZero() {
			from.Password = c.Password
		}
		c = from
	}
	if c.Host == "" {
		return c, fault.New(fault.Usage, "usage", "init: --create-database needs a connection of an administrator").
			WithHint("name it with --admin-url URL, with --admin-url - on standard input, or with PGHOST and PGUSER")
	}
	d := postgres.DefaultConfig()
	d.Host, d.Port, d.Name, d.Username, d.Password = c.Host, cmp.Or(c.Port, d.Port), c.Name, c.Username, c.Password
	d.SSLMode, d.SSLRootCert, d.SSLCert, d.SSLKey = c.SSLMode, c.SSLRootCert, c.SSLCert, c.SSLKey
	d.SSLNegotiation, d.ChannelBinding = c.SSLNegotiation, c.ChannelBinding
	return d, nil
}

// keptPassword returns the password that an earlier init has written.
func keptPassword(path string) (secret.String, bool, error) {
	b, err := os.ReadFile(path)
	switch text := strings.TrimSpace(string(b)); {
	case errors.Is(err, fs.ErrNotExist):
		return secret.String{}, false, nil
	case err != nil:
		return secret.String{}, false, localError(err)
	case text == "":
		return secret.String{}, false, fault.New(fault.Config, "secret_empty", "the file %s is empty", path).
			WithHint("remove it, so that a password is made")
	default:
		return secret.New(text), true, nil
	}
}
