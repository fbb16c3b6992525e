package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/config"
	"holdfast/internal/daemon"
	"holdfast/internal/postgres"
)

// S2-25: a rule that is written into the configuration of a running process holds from the reload on, and one with a mistake
// changes nothing.
func TestAReloadChangesWhoMayLogIn(t *testing.T) {
	t.Parallel()
	first := configure(t)
	next := func() (*config.Config, error) { return first, nil }
	d := startWith(t, first, func(o *daemon.Options) { o.Load = func() (*config.Config, error) { return next() } })
	secrets, err := postgres.PrivateConfig(first.Database.Config, daemon.Place(first))
	if err != nil {
		t.Fatal(err)
	}
	url := "postgres://app:" + secrets.Password.Reveal() + "@" + d.PoolerAddr() + "/app?sslmode=disable"
	login := func() error {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			err = conn.Close(t.Context())
		}
		return err
	}
	if err := login(); err != nil {
		t.Fatalf("before the reload: %v", err)
	}
	next = func() (*config.Config, error) { return nil, errors.New("a mistake") }
	if err := d.Reload(t.Context()); err == nil || login() != nil {
		t.Errorf("a configuration with a mistake: reload %v, log-in %v; want an error, and none", err, login())
	}
	file := filepath.Join(t.TempDir(), "holdfast.toml")
	if err := os.WriteFile(file, []byte("[[database.rules]]\nmethod = \"reject\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	next = func() (*config.Config, error) { return config.Load(file, os.Environ()) }
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	var refused *pgconn.PgError
	if err := login(); !errors.As(err, &refused) || !strings.HasPrefix(refused.Code, "28") {
		t.Errorf("after the reload: %v; want a refused log-in", err)
	}
}
