// Package postgrestest connects tests to the databases of pgtest the way the program connects to its own.
package postgrestest

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
)

// Config says in the words of the configuration what the connection string of a test database says. It panics if that cannot be
// read: pgtest has made it.
func Config(url string) postgres.Config {
	parsed, err := pgx.ParseConfig(url)
	if err != nil {
		panic(fmt.Sprintf("read the connection string of a test database: %v", err))
	}
	c := postgres.DefaultConfig()
	c.Host, c.Port, c.Name, c.Username = parsed.Host, int(parsed.Port), parsed.Database, parsed.User
	return c
}

// Connect opens connections that the end of the test closes.
func Connect(t testing.TB, url string) *postgres.DB {
	t.Helper()
	return connect(t, Config(url))
}

// ConnectAs is Connect for another role than the one that owns the server.
func ConnectAs(t testing.TB, url, role string) *postgres.DB {
	t.Helper()
	c := Config(url)
	c.Username = role
	return connect(t, c)
}

func connect(t testing.TB, c postgres.Config) *postgres.DB {
	t.Helper()
	db, err := postgres.Connect(context.Background(), c) // not t.Context: what a test cleans up with may connect, too
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// Migrated returns a database of the test's own with an owner's tables; see [Migrate]. They are made once and copied from then on.
func Migrated(t testing.TB, owner string, migrations fs.FS) *pgtest.DB {
	t.Helper()
	return MigratedOn(t, pgtest.Server(t), owner, migrations)
}

// MigratedOn is Migrated on another server than the one that all tests share.
func MigratedOn(t testing.TB, server *pgtest.PG, owner string, migrations fs.FS) *pgtest.DB {
	t.Helper()
	return server.Template(t, owner, func(ctx context.Context, url string) error { return Migrate(ctx, url, owner, migrations) })
}

// Migrate makes an owner's tables. migrations holds them in the directory "migrations", as packages embed them.
func Migrate(ctx context.Context, url, owner string, migrations fs.FS) error {
	db, err := postgres.Connect(ctx, Config(url))
	if err != nil {
		return err
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return db.Migrate(ctx, owner, files)
}
